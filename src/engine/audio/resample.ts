import { invariant } from '../../errors.ts';
import { SAMPLE_RATE_HZ } from '../motion.ts';

/** Half the length of the filter: how far an output sample looks ahead, at most. */
const HALF_WIDTH_S = 0.0015;
/** Where the filter is at −6 dB, as a part of the lower of the two Nyquist rates; it is flat 740 Hz below. */
const CUTOFF = 0.97;
/** Kaiser window for a stop band of −72 dB. */
const BETA = 0.1102 * (72 - 8.7);
/** Rates with more exact filter phases than this interpolate between phases (error below −100 dB). */
const MAX_PHASES = 1024;
const INTERPOLATED_PHASES = 512;

/**
 * Streaming resampler of one channel to 16 kHz: a windowed sinc (Kaiser, linear phase) with no delay, so that output
 * sample m stands at time m / 16000 s from the first input sample. The output is bit for bit the same for any
 * chunking, and does not drift: positions come from whole counts. At 16 kHz it copies. Samples before the first are 0.
 */
export class Resampler {
  readonly inputRateHz: number;
  /** How much of the future an output sample needs, at most 1.5 ms. */
  readonly lookaheadMs: number;
  /** Samples that were NaN or infinite and were taken as 0. */
  nonFinite = 0;
  readonly #reach: number; // input samples the filter looks ahead
  readonly #behind: number; // input samples before the one at or just before the output's place
  readonly #taps: number;
  readonly #phases: number;
  readonly #table: Float64Array; // [phases + 1, taps]
  #input = new Float32Array(4096); // input samples from #first on
  #first: number;
  #received = 0;
  #produced = 0;
  #output = new Float32Array(1024);

  /** Throws a `bug` unless the rate lies in 8,000…192,000 Hz. */
  constructor(inputRateHz: number) {
    invariant(
      inputRateHz >= 8000 && inputRateHz <= 192_000,
      `resampler: rate ${inputRateHz}, expected 8000…192000`,
    );
    this.inputRateHz = inputRateHz;
    const copies = inputRateHz === SAMPLE_RATE_HZ;
    this.#reach = copies ? 0 : Math.floor(HALF_WIDTH_S * inputRateHz);
    this.#behind = copies ? 1 : this.#reach - 1; // so the taps are even in number
    this.#taps = this.#behind + 1 + this.#reach;
    this.lookaheadMs = (1000 * this.#reach) / inputRateHz;
    const exact = Number.isInteger(inputRateHz)
      ? SAMPLE_RATE_HZ / divisor(inputRateHz, SAMPLE_RATE_HZ)
      : Infinity;
    this.#phases = exact <= MAX_PHASES ? exact : INTERPOLATED_PHASES;
    this.#table = copies ? Float64Array.of(0, 1, 0, 1) : filter(inputRateHz, this.#reach, this.#phases);
    this.#first = -this.#behind;
  }

  /** The samples that the last `push` or `flush` gave lie at its start; overwritten by the next. */
  get output(): Float32Array {
    return this.#output;
  }

  /** Output samples produced so far, so the index of the next one. */
  get produced() {
    return this.#produced;
  }

  /** Takes `samples[start…end)` and returns how many samples of `output` became ready. */
  push(samples: Float32Array, start = 0, end = samples.length): number {
    const length = end - start;
    const to = this.#makeRoom(length);
    for (let i = 0; i < length; i++) {
      const x = samples[start + i];
      const finite = x - x === 0;
      if (!finite) this.nonFinite++;
      this.#input[to + i] = finite ? x : 0;
    }
    this.#received += length;
    return this.#produce(Infinity);
  }

  /** Takes `count` samples of silence and returns how many samples of `output` became ready. */
  pushSilence(count: number): number {
    const to = this.#makeRoom(count);
    this.#input.fill(0, to, to + count);
    this.#received += count;
    return this.#produce(Infinity);
  }

  /** Ends the sound: gives what is left of ceil(received · 16000 / rate) samples, as if zeros followed. Call it once. */
  flush(): number {
    const total = Math.ceil((this.#received * SAMPLE_RATE_HZ) / this.inputRateHz);
    const to = this.#makeRoom(this.#reach);
    this.#input.fill(0, to, to + this.#reach);
    this.#received += this.#reach;
    return this.#produce(total);
  }

  /** Index into #input of the next input sample, with room for `count` of them. */
  #makeRoom(count: number) {
    const needed = Math.floor((this.#produced * this.inputRateHz) / SAMPLE_RATE_HZ) - this.#behind;
    const kept = this.#received - needed;
    if (this.#received - this.#first + count > this.#input.length) {
      const from = needed - this.#first;
      if (kept + count > this.#input.length) {
        const larger = new Float32Array(2 ** Math.ceil(Math.log2(kept + count)));
        larger.set(this.#input.subarray(from, from + kept));
        this.#input = larger;
      } else {
        this.#input.copyWithin(0, from, from + kept);
      }
      this.#first = needed;
    }
    return this.#received - this.#first;
  }

  #produce(total: number) {
    let count = 0;
    while (this.#produced < total) {
      const position = this.#produced * this.inputRateHz;
      const whole = Math.floor(position / SAMPLE_RATE_HZ);
      if (whole + this.#reach >= this.#received) break;
      const phase = ((position - whole * SAMPLE_RATE_HZ) * this.#phases) / SAMPLE_RATE_HZ;
      const row = Math.floor(phase);
      const between = phase - row;
      const from = whole - this.#behind - this.#first;
      let sum = this.#filtered(row, from);
      if (between > 0) sum += between * (this.#filtered(row + 1, from) - sum);
      if (count === this.#output.length) {
        const larger = new Float32Array(2 * count);
        larger.set(this.#output);
        this.#output = larger;
      }
      this.#output[count++] = sum;
      this.#produced++;
    }
    return count;
  }

  /** The taps of one table row times the input from index `from` on. */
  #filtered(row: number, from: number) {
    const table = this.#table;
    const input = this.#input;
    let even = 0;
    let odd = 0;
    for (let w = row * this.#taps, end = w + this.#taps, i = from; w < end; w += 2, i += 2) {
      even += table[w] * input[i];
      odd += table[w + 1] * input[i + 1];
    }
    return even + odd;
  }
}

/** All of `samples` at 16 kHz: ceil(length · 16000 / rate) new samples. */
export function resample(samples: Float32Array, rateHz: number): Float32Array {
  const resampler = new Resampler(rateHz);
  const out = new Float32Array(Math.ceil((samples.length * SAMPLE_RATE_HZ) / rateHz));
  const block = 8192;
  for (let start = 0; start < samples.length; start += block) {
    const at = resampler.produced;
    const count = resampler.push(samples, start, Math.min(start + block, samples.length));
    out.set(resampler.output.subarray(0, count), at);
  }
  const at = resampler.produced;
  out.set(resampler.output.subarray(0, resampler.flush()), at);
  return out;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** Weights [phases + 1, 2 reach] of the input samples −reach + 1 … reach around an output's place; each row sums to 1. */
function filter(rateHz: number, reach: number, phases: number) {
  const cutoff = (CUTOFF * Math.min(rateHz, SAMPLE_RATE_HZ)) / rateHz; // of the input's Nyquist rate
  const taps = 2 * reach;
  const table = new Float64Array((phases + 1) * taps);
  for (let row = 0; row <= phases; row++) {
    let sum = 0;
    for (let j = 0; j < taps; j++) {
      const t = j - reach + 1 - row / phases;
      const x = Math.PI * cutoff * t;
      const edge = 1 - (t / reach) ** 2;
      const weight = edge <= 0 ? 0 : (x === 0 ? 1 : Math.sin(x) / x) * bessel0(BETA * Math.sqrt(edge));
      table[row * taps + j] = weight;
      sum += weight;
    }
    for (let j = 0; j < taps; j++) table[row * taps + j] /= sum;
  }
  return table;
}

/** Modified Bessel function of the first kind, order 0. */
function bessel0(x: number) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
