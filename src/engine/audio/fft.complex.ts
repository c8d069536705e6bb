import { invariant } from '../../errors.ts';

/** Complex Fourier transform of one length, a power of two, in place; allocates nothing after construction. */
export class ComplexFft {
  readonly size: number;
  readonly #cos: Float64Array; // [size / 2] of 2πk / size
  readonly #sin: Float64Array; // [size / 2]
  readonly #reversed: Uint16Array; // [size]

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
    const { size } = this;
    const reversed = this.#reversed;
    for (let k = 0; k < size; k++) {
      const to = reversed[k];
      if (to <= k) continue;
      const r = re[k];
      re[k] = re[to];
      re[to] = r;
      const i = im[k];
      im[k] = im[to];
      im[to] = i;
    }
    for (let span = 1; span < size; span *= 2) {
      const stride = size / (2 * span);
      for (let j = 0; j < span; j++) {
        const c = this.#cos[j * stride];
        const s = this.#sin[j * stride];
        for (let a = j; a < size; a += 2 * span) {
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
  }
}
