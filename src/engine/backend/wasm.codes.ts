import { drawCodes, normaliseBehaviour } from '../model/behaviour.ts';
import type { SamplerOptions } from '../model/sampler.ts';
import { PERSONS } from '../motion.ts';
import type { MotionCodes } from './backend.ts';
import type { MovementModels } from './models.ts';
import type { Drawn, ShownLast } from './movement.ts';
import { Carried } from './wasm.carried.ts';
import {
  type Breathe,
  dataOf,
  exclusively,
  type Feeds,
  floats,
  openSession,
  type Session,
  zeroIndices,
} from './wasm.session.ts';
import type { LiveState } from './wasm.state.ts';

/** One row for each pair and role: listener codes of pair 0, its speaker codes, then pair 1. */
const ROWS = 2 * PERSONS;

/** The behaviour network (DIM) as ONNX graphs: TypeScript draws the codes and keeps what is carried. */
export class WasmCodes {
  /** Rings and tails, by the names of a saved state. */
  readonly state: LiveState;
  readonly #sessions: Sessions;
  readonly #models: Pick<MovementModels, 'dim'>;
  readonly #options: SamplerOptions;
  readonly #predictor: Carried;
  readonly #decoder: Carried;
  readonly #motion: Float32Array;
  readonly #token: Float32Array;
  /** `codes` as both graphs want them. */
  readonly #indices = zeroIndices(ROWS, 2);
  readonly #predictorFeeds: Feeds;
  readonly #decoderFeeds: Feeds;

  private constructor(sessions: Sessions, models: Pick<MovementModels, 'dim'>, options: SamplerOptions) {
    const { config } = models.dim;
    const { C, heads, window, layers } = config;
    const channels = config.channels.length;
    this.#sessions = sessions;
    this.#models = models;
    this.#options = options;
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
    this.state = { ...this.#predictor.state, ...this.#decoder.state };
  }

  /** Opens the three graphs; throws `asset` when one does not fit the weights. */
  static async open(
    models: Pick<MovementModels, 'dim'>,
    graphs: Readonly<Record<keyof Sessions, ArrayBuffer>>,
    options: SamplerOptions,
    breathe?: Breathe,
  ) {
    const open = async (graph: ArrayBuffer, name: string) => {
      await breathe?.();
      return openSession(graph, models.dim.file, { graph: `${name}.onnx`, weights: 'dim.safetensors' });
    };
    const sessions = {
      predictor: await open(graphs.predictor, 'dim'),
      decoder: await open(graphs.decoder, 'dim-decoder'),
      encoder: await open(graphs.encoder, 'dim-encoder'),
    };
    return new WasmCodes(sessions, models, options);
  }

  /**
   * Draws the next codes from a frame's tokens [2, C] and what was shown last, and decodes them. `onLogits` sees what the
   * codes are drawn from, [4, 2, 256].
   */
  async draw(
    token: Float32Array,
    { motion, drawn }: ShownLast,
    onLogits?: (logits: Float32Array) => void,
  ): Promise<Drawn> {
    const { dim } = this.#models;
    const { temperature, topK } = dim.config;
    const { seed } = this.#options;
    const how = { temperature, topK, ...this.#options.codes };
    this.#token.set(token);
    this.#motion.set(motion);
    this.#feedCodes(drawn);
    const frame = this.#predictor.blocks;
    const predicted = await this.#sessions.predictor.run(this.#predictorFeeds);
    this.#predictor.take(predicted);
    const logits = dataOf(predicted.logits);
    onLogits?.(logits);
    const codes = new Float32Array(drawn.length);
    drawCodes(codes, logits, { ...how, seed, frame });
    this.#feedCodes(codes);
    const decoded = await this.#sessions.decoder.run(this.#decoderFeeds);
    this.#decoder.take(decoded);
    return { codes, listener: dataOf(decoded.listener), speaker: dataOf(decoded.speaker) };
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
    this.#predictor.reset();
    this.#decoder.reset();
  }

  /** Takes `state` as it stands for that after `frames` frames. */
  resume(frames: number) {
    this.#predictor.resume(frames);
    this.#decoder.resume(frames);
  }

  dispose() {
    for (const session of Object.values(this.#sessions)) void session.release();
  }

  #feedCodes(codes: Float32Array) {
    const indices = this.#indices.data as BigInt64Array;
    for (let i = 0; i < indices.length; i++) indices[i] = BigInt(codes[i]);
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
