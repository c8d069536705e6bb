import { invariant } from '../../errors.ts';
import {
  blendTurns,
  drawCodes,
  followTurn,
  normaliseBehaviour,
  showBehaviour,
  turnsOf,
} from '../model/behaviour.ts';
import type { SamplerOptions } from '../model/sampler.ts';
import { PERSONS } from '../motion.ts';
import type { MotionCodes } from './backend.ts';
import type { MovementModels } from './models.ts';
import { Carried } from './wasm.carried.ts';
import {
  dataOf,
  exclusively,
  type Feeds,
  floats,
  openSession,
  type Session,
  zeroIndices,
} from './wasm.session.ts';
import type { LiveState } from './wasm.state.ts';

/** Frames of head rotation that the upper body is told. */
const HEAD_FRAMES = 4;

/** One row for each pair and role: listener codes of pair 0, its speaker codes, then pair 1. */
const ROWS = 2 * PERSONS;

/** What the behaviour network needs of the others at a frame. */
export type Heard = {
  /** [2, 256] speech tokens. */
  readonly token: Float32Array;
  /** [2] probability of voicing. */
  readonly voicing: Float32Array;
  /** [2, 51] ARKit weights of the face network. */
  readonly face: Float32Array;
};

/**
 * The behaviour network (DIM) as ONNX graphs: TypeScript draws the codes, follows the turn, blends listener and speaker
 * and keeps what is carried. All arrays that it shows are overwritten by the next frame.
 */
export class WasmBehaviour {
  /** [2, 24] the emitted behaviour: weights 0…1 and the head's exp-map (rad). */
  readonly behaviour: Float32Array;
  /** [4, 2] the codes behind it. */
  readonly codes: Float32Array;
  /** [2] how much each person has the turn. */
  readonly turn = new Float32Array(PERSONS);
  /** [2, 4, 3] the newest head rotations (rad), oldest first. */
  readonly head = new Float32Array(PERSONS * HEAD_FRAMES * 3);
  /** Rings, tails, last codes and motion, by the names of a saved state. */
  readonly state: LiveState;
  readonly #sessions: Sessions;
  readonly #models: Pick<MovementModels, 'dim'>;
  readonly #options: SamplerOptions;
  readonly #predictor: Carried;
  readonly #decoder: Carried;
  readonly #motion: Float32Array;
  readonly #activity = new Float32Array(PERSONS);
  readonly #token: Float32Array;
  /** `codes` as both graphs want them. */
  readonly #indices = zeroIndices(ROWS, 2);
  readonly #predictorFeeds: Feeds;
  readonly #decoderFeeds: Feeds;
  /** What the decoders made of the last codes. */
  #roles: { readonly listener: Float32Array; readonly speaker: Float32Array } | undefined;

  private constructor(sessions: Sessions, models: Pick<MovementModels, 'dim'>, options: SamplerOptions) {
    const { config } = models.dim;
    const { C, heads, window, layers } = config;
    const channels = config.channels.length;
    this.#sessions = sessions;
    this.#models = models;
    this.#options = options;
    this.behaviour = new Float32Array(PERSONS * channels);
    this.codes = new Float32Array(ROWS * config.groups);
    this.#motion = new Float32Array(PERSONS * channels);
    this.#token = new Float32Array(PERSONS * config.token);
    const size = { rows: PERSONS, window, width: 2 * C, heads };
    const joint = { ...size, window: 2 * window, tokens: 2, group: 2 };
    this.#predictor = new Carried('dim')
      .addRings([...paths('encoder_s', layers.encoder), ...paths('encoder_l', layers.encoder)], size)
      .addRings(paths('encoder_joint', layers.joint), joint, 'joint_bias')
      .addRings(paths('decoder_joint', layers.decoder), { ...size, rows: ROWS });
    this.#decoder = carriedVq(models, 'decoder', config.vq.decoderLayers, config.vq.C, [0]);
    this.#predictorFeeds = {
      ...this.#predictor.feeds,
      motion: floats(this.#motion, PERSONS, channels),
      token: floats(this.#token, PERSONS, config.token),
      codes: this.#indices,
    };
    this.#decoderFeeds = { ...this.#decoder.feeds, codes: this.#indices };
    this.state = {
      ...this.#predictor.state,
      ...this.#decoder.state,
      'dim.motion': this.#motion,
      'dim.codes': this.codes,
      'dim.activity': this.#activity,
      'dim.head': this.head,
    };
    this.reset();
  }

  /** Opens the three graphs; throws `asset` when one does not fit the weights. */
  static async open(
    models: Pick<MovementModels, 'dim'>,
    graphs: Readonly<Record<keyof Sessions, ArrayBuffer>>,
    options: SamplerOptions,
  ) {
    const open = (graph: ArrayBuffer, name: string) =>
      openSession(graph, models.dim.file, { graph: `${name}.onnx`, weights: 'dim.safetensors' });
    const sessions = {
      predictor: await open(graphs.predictor, 'dim'),
      decoder: await open(graphs.decoder, 'dim-decoder'),
      encoder: await open(graphs.encoder, 'dim-encoder'),
    };
    return new WasmBehaviour(sessions, models, options);
  }

  /** One frame: its codes, which nothing of its face is in, then what it shows; `onLogits` as in `draw`. */
  async step({ token, voicing, face }: Heard, onLogits?: (logits: Float32Array) => void): Promise<void> {
    await this.draw(token, voicing, onLogits);
    this.show(face);
  }

  /**
   * Draws the codes of a frame from its tokens [2, C] and probabilities of voicing [2]; call `show` next. `onLogits` sees
   * what the codes are drawn from, [4, 2, 256].
   */
  async draw(
    token: Float32Array,
    voicing: Float32Array,
    onLogits?: (logits: Float32Array) => void,
  ): Promise<void> {
    const { dim } = this.#models;
    const { temperature, topK } = dim.config;
    const { seed } = this.#options;
    const codes = { temperature, topK, ...this.#options.codes };
    this.#token.set(token);
    this.#feedCodes();
    const frame = this.#predictor.blocks;
    const predicted = await this.#sessions.predictor.run(this.#predictorFeeds);
    this.#predictor.take(predicted);
    const logits = dataOf(predicted.logits);
    onLogits?.(logits);
    drawCodes(this.codes, logits, { ...codes, seed, frame });
    this.#feedCodes();
    const decoded = await this.#sessions.decoder.run(this.#decoderFeeds);
    this.#decoder.take(decoded);
    followTurn(this.#activity, voicing, this.turn);
    this.#roles = { listener: dataOf(decoded.listener), speaker: dataOf(decoded.speaker) };
  }

  /** Puts the frame of the last codes together with its face [2, 51]. */
  show(face: Float32Array): void {
    invariant(this.#roles, 'behaviour: a frame is shown whose codes were not drawn');
    const { dim } = this.#models;
    blendTurns(this.#motion, { ...this.#roles, face, turn: this.turn }, dim);
    showBehaviour(this.behaviour, this.#motion, dim);
    this.#keepHead();
  }

  /** Codes of a motion [n, 2, 24] in physical units, from rest on, apart from the conversation and beside its ticks. */
  async encode(motion: Float32Array): Promise<MotionCodes> {
    const { config, restMotion, mean, std } = this.#models.dim;
    const channels = config.channels.length;
    const width = PERSONS * channels;
    const frames = motion.length / width;
    const carried = carriedVq(this.#models, 'encoder', config.vq.encoderLayers, channels, restMotion);
    const z = new Float32Array(width);
    const feeds = { ...carried.feeds, motion: floats(z, PERSONS, channels) };
    const size = PERSONS * config.groups;
    const listener = new Uint16Array(frames * size);
    const speaker = new Uint16Array(frames * size);
    for (let k = 0; k < frames; k++) {
      normaliseBehaviour(z, motion.subarray(k * width, (k + 1) * width), { mean, std });
      const out = await exclusively(() => this.#sessions.encoder.run(feeds)); // ticks may come between
      carried.take(out);
      listener.set(dataOf(out.listener_codes), k * size);
      speaker.set(dataOf(out.speaker_codes), k * size);
    }
    return { listener, speaker };
  }

  reset() {
    const { restMotion, restCodes } = this.#models.dim;
    this.#predictor.reset();
    this.#decoder.reset();
    for (let p = 0; p < PERSONS; p++) this.#motion.set(restMotion, p * restMotion.length);
    this.codes.set(restCodes);
    this.#activity.fill(0);
    this.turn.fill(0);
    this.head.fill(0);
  }

  /** Takes `state` as it stands for that after `frames` frames. */
  resume(frames: number) {
    this.#predictor.resume(frames);
    this.#decoder.resume(frames);
    turnsOf(this.#activity, this.turn);
  }

  dispose() {
    for (const session of Object.values(this.#sessions)) void session.release();
  }

  #feedCodes() {
    const indices = this.#indices.data as BigInt64Array;
    for (let i = 0; i < indices.length; i++) indices[i] = BigInt(this.codes[i]);
  }

  #keepHead() {
    const { head, behaviour } = this;
    const span = HEAD_FRAMES * 3;
    const channels = behaviour.length / PERSONS;
    for (let p = 0; p < PERSONS; p++) {
      head.copyWithin(p * span, p * span + 3, (p + 1) * span);
      head.set(behaviour.subarray((p + 1) * channels - 3, (p + 1) * channels), (p + 1) * span - 3);
    }
  }
}

type Sessions = { readonly predictor: Session; readonly decoder: Session; readonly encoder: Session };

const paths = (stack: string, layers: number) =>
  Array.from({ length: layers }, (_, i) => `${stack}.layers.${i}`);

/** What one half of both VQ-VAEs carries; `inputs` are the channels of its convolution, which starts on `start`. */
function carriedVq(
  { dim }: Pick<MovementModels, 'dim'>,
  half: 'encoder' | 'decoder',
  layers: number,
  inputs: number,
  start: ArrayLike<number>,
) {
  const { C, heads, window } = dim.config.vq;
  const roles = ['speaker_vq', 'listener_vq'].map((role) => `${role}.${half}`);
  const carried = new Carried('dim').addRings(
    roles.flatMap((role) => paths(role, layers)),
    { rows: PERSONS, window, width: 2 * C, heads },
    'vq_bias',
  );
  for (const role of roles) carried.addTail(`${role}.conv_in.state`, [PERSONS, 4, inputs], start);
  return carried;
}
