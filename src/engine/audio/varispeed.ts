/** Half the filter, in periods of the lower of the two rates. */
const HALF_PERIODS = 16;
const CUTOFF = 0.93;
const PHASES = 256;

/**
 * Resampler of one channel between any two rates whose ratio may be trimmed while it runs, for voices that come on a
 * foreign clock: a windowed sinc over a queue of its own. Samples before the first are zeros.
 */
export class Varispeed {
  readonly inputRateHz: number;
  readonly #step: number; // input samples for one output sample
  readonly #reach: number; // input samples that the filter sees to either side
  readonly #table: Float32Array; // [PHASES + 1, 2 reach]
  #input: Float32Array<ArrayBuffer>;
  #first = 0; // index into #input of the oldest sample that is kept
  #end = 0; // index behind the newest
  #position: number; // of the next output sample, as an index into #input

  constructor(inputRateHz: number, outputRateHz: number) {
    this.inputRateHz = inputRateHz;
    this.#step = inputRateHz / outputRateHz;
    const cutoff = Math.min(1, outputRateHz / inputRateHz);
    this.#reach = Math.ceil(HALF_PERIODS / cutoff);
    this.#table = filterFor(this.#reach, CUTOFF * cutoff);
    this.#input = new Float32Array(8192);
    this.#end = this.#reach;
    this.#position = this.#reach;
  }

  /** Input samples that wait to be heard. */
  get waiting() {
    return Math.max(0, this.#end - this.#position);
  }

  push(samples: Float32Array) {
    if (this.#end + samples.length > this.#input.length) {
      const kept = this.#end - this.#first;
      const fits = kept + samples.length <= this.#input.length / 2;
      const to = fits
        ? this.#input
        : new Float32Array(2 ** Math.ceil(Math.log2(2 * (kept + samples.length))));
      to.set(this.#input.subarray(this.#first, this.#end));
      this.#input = to;
      this.#position -= this.#first;
      this.#end = kept;
      this.#first = 0;
    }
    this.#input.set(samples, this.#end);
    this.#end += samples.length;
  }

  /**
   * Writes up to `output.length − from` samples and returns how many; `trim` stretches the reading speed (1 leaves it).
   * Unless `last`, it stops where the filter would need what has not come yet (0.4 ms at 48 kHz).
   */
  pull(output: Float32Array, from: number, trim: number, last: boolean): number {
    const step = this.#step * trim;
    const taps = 2 * this.#reach;
    let to = from;
    for (; to < output.length; to++) {
      const whole = Math.floor(this.#position);
      if (last ? whole >= this.#end : whole + this.#reach >= this.#end) break;
      const phase = (this.#position - whole) * PHASES;
      const row = Math.floor(phase);
      const between = phase - row;
      const start = whole - this.#reach + 1;
      const present = Math.min(taps, this.#end - start);
      let sum = 0;
      for (let t = 0, w = row * taps; t < present; t++, w++) {
        const weight = this.#table[w] + between * (this.#table[w + taps] - this.#table[w]);
        sum += weight * this.#input[start + t];
      }
      output[to] = sum;
      this.#position += step;
    }
    this.#first = Math.max(0, Math.min(this.#end, Math.floor(this.#position) - this.#reach));
    return to - from;
  }

  /** Leaves out the next `samples` input samples, or what there is of them; returns how many. */
  skip(samples: number): number {
    const count = Math.max(0, Math.min(samples, this.waiting));
    this.#position += count;
    return count;
  }
}

const FILTERS = new Map<string, Float32Array>();

/** A filter takes a millisecond to compute, and the audio thread has no such time to spare twice. */
function filterFor(reach: number, cutoff: number) {
  const key = `${reach} ${cutoff}`;
  const table = FILTERS.get(key) ?? filter(reach, cutoff);
  FILTERS.set(key, table);
  return table;
}

/** A Blackman window times a sinc that passes `cutoff` of the Nyquist rate; each row sums to 1. */
function filter(reach: number, cutoff: number) {
  const taps = 2 * reach;
  const table = new Float32Array((PHASES + 1) * taps);
  for (let row = 0; row <= PHASES; row++) {
    let sum = 0;
    for (let j = 0; j < taps; j++) {
      const t = j - reach + 1 - row / PHASES;
      const x = Math.PI * cutoff * t;
      const u = Math.PI * (t / reach);
      const window = Math.abs(t) >= reach ? 0 : 0.42 + 0.5 * Math.cos(u) + 0.08 * Math.cos(2 * u);
      const weight = (x === 0 ? 1 : Math.sin(x) / x) * window;
      table[row * taps + j] = weight;
      sum += weight;
    }
    for (let j = 0; j < taps; j++) table[row * taps + j] /= sum;
  }
  return table;
}
