/** Anti-aliased sound at a whole fraction of its rate; allocates nothing after construction. */
export class Decimator {
  /** Input samples for one output sample. */
  readonly factor: number;
  readonly rateHz: number;
  readonly #taps: Float32Array;
  readonly #input: Float32Array;
  #filled: number;

  /** `largest` is the most samples that one `push` takes; the new rate is the lowest one from `leastRateHz` on. */
  constructor(inputRateHz: number, largest: number, leastRateHz: number) {
    this.factor = Math.max(1, Math.floor(inputRateHz / leastRateHz));
    this.rateHz = inputRateHz / this.factor;
    const length = this.factor === 1 ? 1 : 16 * this.factor;
    this.#taps = lowPass(length, 0.9 / this.factor);
    this.#input = new Float32Array(length + this.factor + largest);
    this.#filled = length - 1; // the sound before the first sample is silence
  }

  /** Takes `samples[start…end)`, writes what becomes ready into `output` and returns how many samples that are. */
  push(samples: Float32Array, start: number, end: number, output: Float32Array): number {
    const input = this.#input;
    for (let i = start; i < end; i++) {
      const x = samples[i];
      input[this.#filled++] = x - x === 0 ? x : 0;
    }
    const taps = this.#taps;
    let count = 0;
    let from = 0;
    for (; from + taps.length <= this.#filled; from += this.factor) {
      let sum = 0;
      for (let t = 0; t < taps.length; t++) sum += taps[t] * input[from + t];
      output[count++] = sum;
    }
    input.copyWithin(0, from, this.#filled);
    this.#filled -= from;
    return count;
  }
}

/** A Hann-windowed sinc that passes `cutoff` of the Nyquist rate; its weights sum to 1. */
function lowPass(length: number, cutoff: number): Float32Array {
  const taps = Float32Array.from({ length }, (_, i) => {
    const t = i - (length - 1) / 2;
    const x = Math.PI * cutoff * t;
    return (x === 0 ? 1 : Math.sin(x) / x) * (0.5 + 0.5 * Math.cos((2 * Math.PI * t) / (length + 1)));
  });
  const sum = taps.reduce((a, b) => a + b);
  return taps.map((w) => w / sum);
}
