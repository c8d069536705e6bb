import { FACE_PREFIX } from '../model/config.ts';
import { type SamplerOptions, stepsOf } from '../model/sampler.ts';
import { type DdimStep, ddimSteps } from '../model/schedule.ts';
import { PERSONS } from '../motion.ts';
import type { Conditions } from './backend.ts';
import type { Models } from './models.ts';
import { Carried } from './wasm.carried.ts';
import { BlockSampler, branchesOf } from './wasm.sampler.ts';
import {
  type Breathe,
  dataOf,
  type Feeds,
  floats,
  indices,
  openSession,
  type Session,
} from './wasm.session.ts';
import type { LiveState } from './wasm.state.ts';

/** Sees the sampler at work: step i, its clamped x0 and the x that goes on, both [2, 51], normalised. */
export type OnStep = (step: number, x0: Float32Array, x: Float32Array) => void;

/**
 * The face denoiser as ONNX graphs; TypeScript runs DDIM and keeps the key/value ring. With guidance the graphs have
 * four rows: both persons under the conditions, then both without speech.
 */
export class WasmFace {
  readonly #session: Session;
  readonly #prefix: Session;
  readonly #models: Models;
  readonly #steps: readonly DdimStep[];
  readonly #rows: number;
  readonly #carried: Carried;
  readonly #sampler: BlockSampler;
  readonly #audio: Float32Array;
  readonly #weights: Float32Array;
  readonly #inputs: Feeds;
  /** What each diffusion step is fed, then the context pass: they differ in the prefix tokens' keys and values. */
  #feeds: readonly Feeds[] = [];
  /** Whether a frame was emitted that is not in the ring yet. */
  #owes = false;

  private constructor(sessions: { face: Session; prefix: Session }, models: Models, options: SamplerOptions) {
    const { face, encoder, low, high } = models;
    const { layers, window, heads, C, channels } = face;
    const { steps, eta, rule, seed, guidance } = options;
    const scale = guidance?.face ?? 1;
    this.#session = sessions.face;
    this.#prefix = sessions.prefix;
    this.#models = models;
    this.#steps = ddimSteps(face.schedule, stepsOf(steps).face, eta, { rule, prediction: face.prediction });
    this.#rows = branchesOf(scale) * PERSONS;
    const rows = this.#rows;
    this.#carried = new Carried('face').addRings(
      Array.from({ length: layers }, (_, i) => `layers.${i}`),
      { rows, window, width: 2 * C, heads },
    );
    this.#sampler = new BlockSampler({
      rows: PERSONS,
      width: channels,
      low,
      high,
      steps: this.#steps,
      prediction: face.prediction,
      seed,
      stage: 0,
      guidance: scale,
    });
    this.#audio = new Float32Array(rows * 2 * encoder.C);
    this.#weights = new Float32Array(PERSONS * channels);
    this.#inputs = {
      ...this.#carried.feeds,
      audio: floats(this.#audio, rows, 2 * encoder.C),
      x: floats(this.#sampler.x, rows, 1, channels),
    };
  }

  /** Opens both graphs; throws `asset` when one does not fit the weights. Call `setConditions` before `sample`. */
  static async open(
    models: Models,
    graphs: { face: ArrayBuffer; prefix: ArrayBuffer },
    sampler: SamplerOptions,
    breathe?: Breathe,
  ) {
    const weights = 'face.safetensors';
    const face = await openSession(graphs.face, models.faceFile, { graph: 'face.onnx', weights });
    await breathe?.();
    const prefix = await openSession(graphs.prefix, models.faceFile, { graph: 'face-prefix.onnx', weights });
    return new WasmFace({ face, prefix }, models, sampler);
  }

  /** The rings, by the names of a saved state. */
  get state(): LiveState {
    return this.#carried.state;
  }

  /** Frames so far. */
  get frames() {
    return this.#carried.blocks;
  }

  /** Computes the prefix tokens' keys and values anew, for every diffusion step. */
  async setConditions({ style, facing, emotion }: Conditions) {
    const { C, contextStep } = this.#models.face;
    const rows = (values: readonly number[]) =>
      indices(Array.from({ length: this.#rows }, (_, r) => values[r % PERSONS]));
    const ids = {
      style: rows(style),
      partner_style: rows([style[1], style[0]]),
      facing: rows(facing),
      emotion: rows(emotion),
    };
    const feeds: Feeds[] = [];
    for (const t of [...this.#steps.map((step) => step.t), contextStep]) {
      const prefix = await this.#prefix.run({ ...ids, t: floats(Float32Array.of(t), 1) });
      const step: Feeds = { ...this.#inputs };
      for (const name in prefix) step[name] = floats(dataOf(prefix[name]), this.#rows, FACE_PREFIX, 2 * C);
      feeds.push(step);
    }
    this.#feeds = feeds;
  }

  /**
   * One frame: tokens [2, C] of both persons in, ARKit weights [2, 51] out (overwritten by the next call). Call `settle`
   * before anything is saved; the next frame does it by itself.
   */
  async sample(token: Float32Array, onStep?: OnStep): Promise<Float32Array> {
    await this.settle();
    const { mean, std, face } = this.#models;
    const sampler = this.#sampler;
    const index = this.frames;
    this.#pairTokens(token);
    sampler.begin(index);
    for (const i of this.#steps.keys()) {
      const { x0 } = await this.#session.run(this.#feeds[i], X0);
      sampler.step(dataOf(x0), i, index);
      onStep?.(i, sampler.x0, sampler.x.subarray(0, sampler.x0.length));
    }
    this.#owes = true;
    for (let at = 0; at < this.#weights.length; at++) {
      const c = at % face.channels;
      this.#weights[at] = Math.min(1, Math.max(0, sampler.x[at] * std[c] + mean[c]));
    }
    return this.#weights;
  }

  /** One pass more over what was emitted: only its keys and values enter the ring, never a noisy step's. */
  async settle(): Promise<void> {
    if (!this.#owes) return;
    this.#owes = false;
    this.#carried.take(await this.#session.run(this.#feeds[this.#steps.length], this.#carried.outputs));
  }

  reset() {
    this.#owes = false;
    this.#carried.reset();
  }

  /** Takes `state` as it stands for that after `frames` frames. */
  resume(frames: number) {
    this.#owes = false;
    this.#carried.resume(frames);
  }

  dispose() {
    void this.#session.release();
    void this.#prefix.release();
  }

  /** `audio` [R, 2C] = own token ‖ partner's token; the rows of the guidance's other branch stay zero. */
  #pairTokens(token: Float32Array) {
    const C = token.length / PERSONS;
    for (let p = 0; p < PERSONS; p++) {
      this.#audio.set(token.subarray(p * C, (p + 1) * C), p * 2 * C);
      this.#audio.set(token.subarray((p ^ 1) * C, ((p ^ 1) + 1) * C), (p * 2 + 1) * C);
    }
  }
}

const X0 = ['x0'];
