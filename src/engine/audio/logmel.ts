import { SAMPLE_RATE_HZ } from '../motion.ts';
import { PowerSpectrum } from './fft.ts';

/** Bands of a log-mel row. */
export const MEL_BANDS = 80;

/** Rows per second; two rows make one tick of the networks. */
export const MEL_RATE_HZ = 60;

/** The value of every band of a silent row. */
export const MEL_SILENCE = Math.fround((Math.log(1e-10) + 10) / 5);

/** The sample (exclusive) at which the window of row `row` ends: round(row · 16000 / 60). */
export const melRowEnd = (row: number) => Math.floor((row * SAMPLE_RATE_HZ) / MEL_RATE_HZ + 0.5);

const WINDOW = 400;
const FFT = 512;
const MASK = 511; // of the sample history, which must hold a window

/**
 * Streaming log-mel: sound at 16 kHz in, rows [80] out, 60 a second; row r covers the 400 samples that end at
 * `melRowEnd(r)` (samples before the first are 0) and is the same for any chunking. Periodic Hann window, FFT of 512,
 * power, Slaney mel bands 0–8 kHz with area norm, (ln(max(power, 1e-10)) + 10) / 5; f64 inside.
 * Rows wait until pulled; memory grows only while more rows wait than ever before.
 */
export class LogMel {
  /** Samples that were NaN or infinite and were taken as 0. */
  nonFinite = 0;
  readonly #history = new Float32Array(MASK + 1);
  readonly #frame = new Float64Array(FFT);
  readonly #power = new Float64Array(FFT / 2 + 1);
  readonly #spectrum = new PowerSpectrum(FFT);
  #samples = 0;
  #computed = 0; // rows
  #pulled = 0; // rows
  #capacity = 64; // rows, a power of two
  #rows = new Float32Array(64 * MEL_BANDS); // ring

  /** Samples taken so far, so the index of the next one. */
  get samples() {
    return this.#samples;
  }

  /** Rows that wait to be pulled. */
  get waiting() {
    return this.#computed - this.#pulled;
  }

  /** Index of the row that the next `pull` gives. */
  get row() {
    return this.#pulled;
  }

  /** Takes `samples[start…end)`; row 0, which lies before every sample, comes with the first call. */
  push(samples: Float32Array, start = 0, end = samples.length) {
    let i = start;
    for (;;) {
      const rowEnd = melRowEnd(this.#computed);
      const until = Math.min(end, i + rowEnd - this.#samples);
      for (; i < until; i++) {
        const x = samples[i];
        const finite = x - x === 0;
        if (!finite) this.nonFinite++;
        this.#history[this.#samples++ & MASK] = finite ? x : 0;
      }
      if (this.#samples < rowEnd) return;
      this.#compute();
    }
  }

  /** Copies the oldest waiting row into `target[offset…offset + 80)`; false means that none waits. */
  pull(target: Float32Array, offset = 0): boolean {
    if (this.waiting === 0) return false;
    const from = this.#slot(this.#pulled++);
    for (let m = 0; m < MEL_BANDS; m++) target[offset + m] = this.#rows[from + m];
    return true;
  }

  #slot(row: number) {
    return (row & (this.#capacity - 1)) * MEL_BANDS;
  }

  #compute() {
    if (this.waiting === this.#capacity) this.#grow();
    const first = this.#samples - WINDOW;
    // Slots before the first sample still hold their zeros.
    for (let n = 0; n < WINDOW; n++) this.#frame[n] = HANN[n] * this.#history[(first + n) & MASK];
    this.#spectrum.powerInto(this.#frame, this.#power);
    const to = this.#slot(this.#computed++);
    for (let m = 0; m < MEL_BANDS; m++) {
      const { first, weights } = BANDS[m];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * this.#power[first + k];
      this.#rows[to + m] = (Math.log(Math.max(sum, 1e-10)) + 10) / 5;
    }
  }

  #grow() {
    const rows = this.#rows;
    const capacity = this.#capacity;
    this.#capacity = 2 * capacity;
    this.#rows = new Float32Array(this.#capacity * MEL_BANDS);
    for (let row = this.#pulled; row < this.#computed; row++) {
      const from = (row & (capacity - 1)) * MEL_BANDS;
      this.#rows.set(rows.subarray(from, from + MEL_BANDS), this.#slot(row));
    }
  }
}

const HANN = Float64Array.from(
  { length: WINDOW },
  (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / WINDOW),
);

/** The mel scale of Slaney's Auditory Toolbox: linear to 1 kHz (15 mel), then 27 mel to each factor of 6.4. */
const melToHz = (mel: number) => (mel < 15 ? (mel * 200) / 3 : 1000 * 6.4 ** ((mel - 15) / 27));
const hzToMel = (hz: number) =>
  hz < 1000 ? (hz * 3) / 200 : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4);

/** Triangles of equal area over the bins of the spectrum: band m is `weights[k]` at bin `first + k`. */
const BANDS = Array.from({ length: MEL_BANDS }, (_, m) => {
  const top = hzToMel(SAMPLE_RATE_HZ / 2);
  const edge = (i: number) => melToHz((top * i) / (MEL_BANDS + 1));
  const [low, centre, high] = [edge(m), edge(m + 1), edge(m + 2)];
  const weight = (bin: number) => {
    const hz = (bin * SAMPLE_RATE_HZ) / FFT;
    return (
      (Math.max(0, Math.min((hz - low) / (centre - low), (high - hz) / (high - centre))) * 2) / (high - low)
    );
  };
  const bins = Array.from({ length: FFT / 2 + 1 }, (_, bin) => bin).filter((bin) => weight(bin) > 0);
  return { first: bins[0] ?? 0, weights: Float64Array.from(bins, weight) };
});
