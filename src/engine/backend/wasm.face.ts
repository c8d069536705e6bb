import { normal } from '../../kernels/philox.ts';
import { FACE_PREFIX } from '../model/config.ts';
import type { SamplerOptions } from '../model/sampler.ts';
import { type DdimStep, ddimSteps } from '../model/schedule.ts';
import { PERSONS } from '../motion.ts';
import type { Conditions } from './backend.ts';
import type { Models } from './models.ts';
import { KeyValueRing } from './ring.ts';
import { dataOf, type Feeds, floats, indices, openSession, type Session } from './wasm.session.ts';
import type { LiveState } from './wasm.state.ts';

const ROWS = PERSONS;

/** Sees the sampler at work: step i, its clamped x0 and the x that goes on, both [R, 51], normalised. */
export type OnStep = (step: number, x0: Float32Array, x: Float32Array) => void;

/** The face denoiser as ONNX graphs; TypeScript runs DDIM and keeps the key/value ring. */
export class WasmFace {
  /** The rings, by the names of a saved state. */
  readonly state: LiveState;
  readonly #session: Session;
  readonly #prefix: Session;
  readonly #models: Models;
  readonly #steps: readonly DdimStep[];
  readonly #seed: number;
  readonly #ring: KeyValueRing;
  readonly #feeds: Feeds;
  readonly #audio: Float32Array;
  readonly #x: Float32Array;
  readonly #x0: Float32Array;
  readonly #weights: Float32Array;
  /** Keys and values of the prefix tokens at each diffusion step, then at the context step. */
  #prefixes: readonly Feeds[] = [];

  private constructor(sessions: { face: Session; prefix: Session }, models: Models, sampler: SamplerOptions) {
    this.#session = sessions.face;
    this.#prefix = sessions.prefix;
    this.#models = models;
    this.#steps = ddimSteps(models.face.schedule, sampler.steps, sampler.eta);
    this.#seed = sampler.seed;
    const { layers, window, heads, C, channels } = models.face;
    this.#ring = new KeyValueRing({ layers, rows: ROWS, window, width: 2 * C, heads });
    this.#audio = new Float32Array(ROWS * 2 * models.encoder.C);
    this.#x = new Float32Array(ROWS * channels);
    this.#x0 = new Float32Array(ROWS * channels);
    this.#weights = new Float32Array(ROWS * channels);
    this.#feeds = {
      bias: floats(this.#ring.bias, heads, window),
      audio: floats(this.#audio, ROWS, 2 * models.encoder.C),
      x: floats(this.#x, ROWS, 1, channels),
    };
    const state: Record<string, Float32Array> = {};
    for (const [i, ring] of this.#ring.layers.entries()) {
      this.#feeds[`layers.${i}.ring`] = floats(ring, ROWS, window, 2 * C);
      state[`face.layers.${i}.ring`] = ring;
    }
    this.state = state;
  }

  /** Frames so far. */
  get frames() {
    return this.#ring.blocks;
  }

  /** Opens both graphs; throws `asset` when one does not fit the weights. Call `setConditions` before `sample`. */
  static async open(
    models: Models,
    graphs: { face: ArrayBuffer; prefix: ArrayBuffer },
    sampler: SamplerOptions,
  ) {
    const weights = 'face.safetensors';
    const face = await openSession(graphs.face, models.faceFile, { graph: 'face.onnx', weights });
    const prefix = await openSession(graphs.prefix, models.faceFile, { graph: 'face-prefix.onnx', weights });
    return new WasmFace({ face, prefix }, models, sampler);
  }

  /** Computes the prefix tokens' keys and values anew, for every diffusion step. */
  async setConditions({ style, facing, emotion }: Conditions) {
    const ids = {
      style: indices(style),
      partner_style: indices(style.map((_, r) => style[r ^ 1])),
      facing: indices(facing),
      emotion: indices(emotion),
    };
    const prefixes: Feeds[] = [];
    for (const t of [...this.#steps.map((step) => step.t), this.#models.face.contextStep]) {
      const out = await this.#prefix.run({ ...ids, t: floats(Float32Array.of(t), 1) });
      const kept = Object.entries(out).map(([name, tensor]) => [
        name,
        floats(dataOf(tensor).slice(), ROWS, FACE_PREFIX, 2 * this.#models.face.C),
      ]);
      prefixes.push(Object.fromEntries(kept) as Feeds);
    }
    this.#prefixes = prefixes;
  }

  /** One frame: tokens [R, C] of both persons in, ARKit weights [R, 51] out (overwritten by the next call). */
  async sample(token: Float32Array, onStep?: OnStep): Promise<Float32Array> {
    const { channels, layers } = this.#models.face;
    const { mean, std } = this.#models;
    this.#pairTokens(token);
    const frameIndex = this.#ring.blocks;
    const x = this.#x;
    for (let at = 0; at < x.length; at++)
      x[at] = normal(at % channels, Math.floor(at / channels), frameIndex, 0, this.#seed);
    const prefixes = this.#prefixes;
    for (const [i, step] of this.#steps.entries()) {
      const { x0 } = await this.#session.run({ ...this.#feeds, ...prefixes[i] });
      this.#ddim(dataOf(x0), step, i, frameIndex);
      onStep?.(i, this.#x0, x);
    }
    // One pass more over what was emitted: only its keys and values enter the ring, never a noisy step's.
    const context = await this.#session.run({ ...this.#feeds, ...prefixes[this.#steps.length] });
    this.#ring.append(Array.from({ length: layers }, (_, i) => dataOf(context[`layers.${i}.kv`])));
    for (let at = 0; at < x.length; at++) {
      const weight = x[at] * std[at % channels] + mean[at % channels];
      this.#weights[at] = Math.min(1, Math.max(0, weight));
    }
    return this.#weights;
  }

  reset() {
    this.#ring.reset();
  }

  /** Takes `state` as it stands for that after `frames` frames. */
  resume(frames: number) {
    this.#ring.resume(frames);
  }

  dispose() {
    void this.#session.release();
    void this.#prefix.release();
  }

  /** `audio` [R, 2C] = own token ‖ partner's token. */
  #pairTokens(token: Float32Array) {
    const C = token.length / ROWS;
    for (let r = 0; r < ROWS; r++) {
      this.#audio.set(token.subarray(r * C, (r + 1) * C), r * 2 * C);
      this.#audio.set(token.subarray((r ^ 1) * C, ((r ^ 1) + 1) * C), (r * 2 + 1) * C);
    }
  }

  #ddim(output: Float32Array, step: DdimStep, i: number, frameIndex: number) {
    const { channels } = this.#models.face;
    const { low, high } = this.#models;
    for (let at = 0; at < output.length; at++) {
      const c = at % channels;
      const x0 = Math.min(high[c], Math.max(low[c], output[at]));
      const eps = (this.#x[at] - step.sqrtAlphaBar * x0) / step.sqrtOneMinusAlphaBar;
      const z = step.sigma > 0 ? normal(c, Math.floor(at / channels), frameIndex, i + 1, this.#seed) : 0;
      this.#x0[at] = x0;
      this.#x[at] = step.sqrtAlphaBarPrev * x0 + step.direction * eps + step.sigma * z;
    }
  }
}
