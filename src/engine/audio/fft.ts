import { invariant } from '../../errors.ts';

/** Power spectra of real signals of one length, a power of two; allocates nothing after construction. */
export class PowerSpectrum {
  readonly size: number;
  readonly #re: Float64Array; // [size / 2]
  readonly #im: Float64Array; // [size / 2]
  readonly #cos: Float64Array; // [size / 2] of 2πk / size
  readonly #sin: Float64Array; // [size / 2]
  readonly #reversed: Uint16Array; // [size / 2]

  /** `size` is a power of two from 4 to 65,536. */
  constructor(size: number) {
    invariant(size >= 4 && size <= 65_536 && (size & (size - 1)) === 0, `power spectrum of ${size} samples`);
    const half = size / 2;
    this.size = size;
    this.#re = new Float64Array(half);
    this.#im = new Float64Array(half);
    this.#cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.#sin = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / size));
    this.#reversed = new Uint16Array(half);
    for (let k = 0; k < half; k++)
      this.#reversed[k] = (this.#reversed[k >> 1] >> 1) | (k & 1 ? half >> 1 : 0);
  }

  /** Writes |X[k]|², k = 0 … size / 2, of the `size` samples of `x` into `power` [size / 2 + 1]. */
  powerInto(x: Float64Array, power: Float64Array) {
    const half = this.size / 2;
    const re = this.#re;
    const im = this.#im;
    const cos = this.#cos;
    const sin = this.#sin;
    // Even samples are the real part and odd ones the imaginary part of a signal of half the length.
    for (let k = 0; k < half; k++) {
      const to = this.#reversed[k];
      re[to] = x[2 * k];
      im[to] = x[2 * k + 1];
    }
    for (let span = 1; span < half; span *= 2) {
      const stride = half / span; // of the tables, which turn once in `size`
      for (let j = 0; j < span; j++) {
        const c = cos[j * stride];
        const s = sin[j * stride];
        for (let a = j; a < half; a += 2 * span) {
          const b = a + span;
          const tr = re[b] * c + im[b] * s;
          const ti = im[b] * c - re[b] * s;
          re[b] = re[a] - tr;
          im[b] = im[a] - ti;
          re[a] += tr;
          im[a] += ti;
        }
      }
    }
    power[0] = (re[0] + im[0]) ** 2;
    power[half] = (re[0] - im[0]) ** 2;
    for (let k = 1; k < half; k++) {
      const m = half - k;
      const evenRe = (re[k] + re[m]) / 2;
      const evenIm = (im[k] - im[m]) / 2;
      const oddRe = (im[k] + im[m]) / 2;
      const oddIm = (re[m] - re[k]) / 2;
      const xr = evenRe + oddRe * cos[k] + oddIm * sin[k];
      const xi = evenIm + oddIm * cos[k] - oddRe * sin[k];
      power[k] = xr * xr + xi * xi;
    }
  }
}
