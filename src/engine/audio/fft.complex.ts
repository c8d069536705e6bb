import { invariant } from '../../errors.ts';

/** Complex Fourier transform of one length, a power of two, in place; allocates nothing after construction. */
export class ComplexFft {
  readonly size: number;
  readonly #cos: Float64Array; // [size / 2] of 2πk / size
  readonly #sin: Float64Array; // [size / 2]
  readonly #reversed: Uint16Array; // [size]
  #span = 0; // of the stage under way; 0 while the values are put in order
  #at = 0;

  /** `size` is a power of two from 4 to 65,536. */
  constructor(size: number) {
    invariant(size >= 4 && size <= 65_536 && (size & (size - 1)) === 0, `complex fft of ${size} samples`);
    this.size = size;
    this.#cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.#sin = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size));
    this.#reversed = new Uint16Array(size);
    for (let k = 0; k < size; k++)
      this.#reversed[k] = (this.#reversed[k >> 1] >> 1) | (k & 1 ? size >> 1 : 0);
  }

  /** X[k] = Σ x[n] e^(−2πi kn / size); with `re` and `im` swapped it is the inverse, times `size`. */
  transform(re: Float64Array, im: Float64Array) {
    this.#span = 0;
    this.#at = 0;
    this.advance(re, im, Infinity);
  }

  /**
   * Goes on with a transform by at most about `work` steps, of which a whole one has size / 2 · (2 + log2 size), and says
   * whether it is done, so that a long one can be spread over many blocks of sound; the next call then begins a new one.
   */
  advance(re: Float64Array, im: Float64Array, work: number): boolean {
    const { size } = this;
    const half = size / 2;
    let left = work;
    while (left > 0) {
      const steps = this.#span === 0 ? size : half;
      const to = Math.min(steps, this.#at + left);
      if (this.#span === 0) this.#reorder(re, im, this.#at, to);
      else this.#butterflies(re, im, this.#at, to);
      left -= to - this.#at;
      this.#at = to;
      if (to < steps) return false;
      this.#at = 0;
      this.#span = this.#span === 0 ? 1 : 2 * this.#span;
      if (this.#span < size) continue;
      this.#span = 0;
      return true;
    }
    return false;
  }

  #reorder(re: Float64Array, im: Float64Array, from: number, end: number) {
    const reversed = this.#reversed;
    for (let k = from; k < end; k++) {
      const to = reversed[k];
      if (to <= k) continue;
      const r = re[k];
      re[k] = re[to];
      re[to] = r;
      const i = im[k];
      im[k] = im[to];
      im[to] = i;
    }
  }

  #butterflies(re: Float64Array, im: Float64Array, from: number, end: number) {
    const span = this.#span;
    const stride = this.size / (2 * span);
    const cos = this.#cos;
    const sin = this.#sin;
    for (let n = from; n < end; n++) {
      const j = n & (span - 1);
      const a = 2 * n - j;
      const b = a + span;
      const c = cos[j * stride];
      const s = sin[j * stride];
      const tr = re[b] * c + im[b] * s;
      const ti = im[b] * c - re[b] * s;
      re[b] = re[a] - tr;
      im[b] = im[a] - ti;
      re[a] += tr;
      im[a] += ti;
    }
  }
}

/**
 * Leaves in bins `from`…`to`−1 of a transform of two real signals, its real and its imaginary part, the phase of the second
 * less that of the first, with magnitude 1 (the phase transform of a cross-correlation).
 */
export function phasesBetween(re: Float64Array, im: Float64Array, from: number, to: number): void {
  const size = re.length;
  for (let k = from; k < to; k++) {
    const m = size - k;
    // Both spectra lie in one transform: the first signal is its even part, the second its odd part.
    const aRe = re[k] + re[m];
    const aIm = im[k] - im[m];
    const bRe = im[k] + im[m];
    const bIm = re[m] - re[k];
    const cRe = bRe * aRe + bIm * aIm;
    const cIm = bIm * aRe - bRe * aIm;
    const magnitude = Math.sqrt(cRe * cRe + cIm * cIm) + 1e-30;
    re[k] = cRe / magnitude;
    im[k] = cIm / magnitude;
  }
}
