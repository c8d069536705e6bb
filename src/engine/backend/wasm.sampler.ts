import type { Prediction } from '../../kernels/ddim/ddim.ts';
import { normal } from '../../kernels/philox.ts';
import { guide } from '../model/behaviour.ts';
import type { DdimStep } from '../model/schedule.ts';

/** What a diffusion network's blocks are sampled with; `low` and `high` [F] bound x0, `width` is a multiple of F. */
export type BlockSamplerOptions = {
  /** Rows that have noise of their own, and the channels of each. */
  readonly rows: number;
  readonly width: number;
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly steps: readonly DdimStep[];
  readonly prediction: Prediction;
  readonly seed: number;
  /** Offset of the noise counter's last word, which keeps networks apart. */
  readonly stage: number;
  /** Scale of classifier-free guidance; 1 is off. */
  readonly guidance: number;
};

/** How many branches a guidance scale needs: the conditioned one, and the one without speech unless the scale is 1. */
export const branchesOf = (guidance: number) => (guidance === 1 ? 1 : 2);

/** Takes blocks from noise to data with DDIM; the guidance branches stand one after the other and share x. */
export class BlockSampler {
  /** x_t, [branches, rows, width]. */
  readonly x: Float32Array;
  /** The last step's clamped x0, [rows, width]. */
  readonly x0: Float32Array;
  readonly #options: BlockSamplerOptions;

  constructor(options: BlockSamplerOptions) {
    const { rows, width, guidance } = options;
    this.x = new Float32Array(branchesOf(guidance) * rows * width);
    this.x0 = new Float32Array(rows * width);
    this.#options = options;
  }

  /** Fills x with the first noise of block `index`. */
  begin(index: number) {
    const { width, seed, stage } = this.#options;
    for (let at = 0; at < this.x0.length; at++)
      this.x[at] = normal(at % width, Math.floor(at / width), index, stage, seed);
    this.#share();
  }

  /** Takes step `i` of block `index` from the network's output `y` [branches, rows, width], which it may overwrite. */
  step(y: Float32Array, i: number, index: number) {
    const { width, low, high, steps, prediction, seed, stage, guidance } = this.#options;
    if (guidance !== 1) guide(y, guidance);
    const { sqrtAlphaBar, sqrtOneMinusAlphaBar, sqrtAlphaBarPrev, direction, sigma } = steps[i];
    const features = low.length;
    const { x, x0 } = this;
    for (let at = 0; at < x0.length; at++) {
      const f = at % features;
      const predicted = prediction === 'eps' ? (x[at] - sqrtOneMinusAlphaBar * y[at]) / sqrtAlphaBar : y[at];
      const clean = Math.min(high[f], Math.max(low[f], predicted));
      const eps = (x[at] - sqrtAlphaBar * clean) / sqrtOneMinusAlphaBar;
      const z = sigma > 0 ? normal(at % width, Math.floor(at / width), index, stage + i + 1, seed) : 0;
      x0[at] = clean;
      x[at] = sqrtAlphaBarPrev * clean + direction * eps + sigma * z;
    }
    this.#share();
  }

  #share() {
    if (this.x.length > this.x0.length) this.x.copyWithin(this.x0.length, 0, this.x0.length);
  }
}
