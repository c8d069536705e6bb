import { PERSONS } from '../motion.ts';
import type { BodyModel } from './models.ts';

/**
 * Turns a body network's blocks into frames. What the network makes is how a block departs from going on as the last frame
 * and the step to it say, as coefficients of a basis learnt from the corpus (`training/body.py`); so these are kept here,
 * and the network is told of them.
 */
export class BlockFrames {
  /**
   * State: [2, 2L] normalised, the last frame and the step to it. L are the network's own features, for the upper body
   * then those of the lower one before the block under way.
   */
  readonly last: Float32Array;
  readonly #model: BodyModel;
  readonly #frames: Float32Array;
  #above: BlockFrames | undefined;

  /** `below` are the lower body's frames, of which the upper body is told. */
  constructor(model: BodyModel, below?: BlockFrames) {
    const { block, features } = model.config;
    this.#model = model;
    this.last = new Float32Array(PERSONS * 2 * model.mean.length);
    this.#frames = new Float32Array(PERSONS * block * features);
    if (below) below.#above = this;
    this.reset();
  }

  /** Begins at rest. */
  reset() {
    const { rest } = this.#model;
    this.last.fill(0);
    for (let p = 0; p < PERSONS; p++) this.last.set(rest, p * 2 * rest.length);
  }

  /** Frames [2, 8, F] in physical units of a block's coefficients x [8, 2F], overwritten by the next ones. */
  take(x: Float32Array): Float32Array {
    if (this.#above) this.#above.#follow(this.last);
    const { config, mean, std, stepStd, coast, basis, frameLow, frameHigh } = this.#model;
    const { block: K, features: F, patch } = config;
    const L = mean.length;
    const frames = this.#frames;
    for (let p = 0; p < PERSONS; p++)
      for (let f = 0; f < F; f++) {
        const at = p * 2 * L + f;
        const start = this.last[at] * std[f] + mean[f];
        const step = this.last[at + L] * stepStd[f];
        for (let k = 0; k < K; k++) {
          let value = start + step * coast[f * K + k];
          for (let j = 0; j < K; j++) {
            // Token 2s + p holds coefficients 2s and 2s + 1 of person p.
            const token = Math.floor(j / patch) * PERSONS + p;
            value += basis[(f * K + k) * K + j] * x[(token * patch + (j % patch)) * F + f];
          }
          frames[(p * K + k) * F + f] = Math.min(frameHigh[f], Math.max(frameLow[f], value));
        }
        const end = frames[(p * K + K - 1) * F + f];
        this.last[at] = (end - mean[f]) / std[f];
        this.last[at + L] = (end - frames[(p * K + K - 2) * F + f]) / stepStd[f];
      }
    return frames;
  }

  /** Takes over the lower body's last frame, [2, 2F] of its own. */
  #follow(below: Float32Array) {
    const L = this.#model.mean.length;
    const F = this.#model.config.features;
    const half = L - F;
    for (let row = 0; row < 2 * PERSONS; row++)
      this.last.set(below.subarray(row * half, (row + 1) * half), row * L + F);
  }
}
