import { Decimator } from './decimate.ts';
import { ComplexFft, phasesBetween } from './fft.complex.ts';

/** What a search is doing, in this order. */
type Stage = 'idle' | 'spectra' | 'phases' | 'correlation' | 'peak';

/** 16 s of both voices at 4 kHz; what lies apart by up to half of that is found. */
const SIZE = 65_536;
const RATE_HZ = 4000;
const BAND_HZ = [250, 1800] as const;
/** Power of a peak over the mean of all lags: one recording gives thousands, two talks or music at most some hundreds. */
const PEAK = 200;
/** Steps of work for a sample that is pushed: a search takes about half a second, and 1 % of a block's time. */
const WORK_PER_SAMPLE = 800;

/**
 * Searches the last 16 s of two voices for one sound in both, at any lag up to ±8 s: a circular cross-correlation with
 * phase transform, spread over the blocks of half a second. A find is a lag worth a closer look, not more: chance finds
 * some too. It allocates nothing after construction.
 */
export class LagSearch {
  /** Longest lag that is found, in samples of the voices. */
  readonly mostLag: number;
  readonly #decimators: readonly [Decimator, Decimator];
  readonly #ready: Float32Array;
  readonly #rings = [new Float32Array(SIZE), new Float32Array(SIZE)] as const;
  readonly #fft = new ComplexFft(SIZE);
  readonly #re = new Float64Array(SIZE);
  readonly #im = new Float64Array(SIZE);
  readonly #band: readonly [from: number, to: number]; // bins
  #ringAt = 0;
  #stage: Stage = 'idle';
  #at = 0;
  #skipFrom = 0;
  #skipTo = 0;
  #best = 0;
  #bestLag = 0;
  #found: number | undefined;
  #strength = 0;

  /** `rateHz` is the rate of the voices, `largest` the most samples that one `push` takes. */
  constructor(rateHz: number, largest: number) {
    this.#decimators = [new Decimator(rateHz, largest, RATE_HZ), new Decimator(rateHz, largest, RATE_HZ)];
    const [{ factor, rateHz: ownRateHz }] = this.#decimators;
    this.#ready = new Float32Array(Math.ceil(largest / factor) + 1);
    this.mostLag = (SIZE / 2) * factor;
    this.#band = [Math.ceil((BAND_HZ[0] * SIZE) / ownRateHz), Math.floor((BAND_HZ[1] * SIZE) / ownRateHz)];
  }

  /** Whether a search is under way. */
  get searching(): boolean {
    return this.#stage !== 'idle';
  }

  /** Begins a search in what was pushed so far; lags from `skipFrom` to `skipTo`, in samples, do not count. */
  begin(skipFrom: number, skipTo: number) {
    const [{ factor }] = this.#decimators;
    this.#skipFrom = skipFrom / factor;
    this.#skipTo = skipTo / factor;
    // The rings begin anywhere, both at one place: that changes nothing of what lies between them.
    this.#re.set(this.#rings[0]);
    this.#im.set(this.#rings[1]);
    this.#found = undefined;
    this.#stage = 'spectra';
  }

  /** Takes as many samples of both voices and goes on searching; true when a search has ended just now. */
  push(voice0: Float32Array, voice1: Float32Array, count: number): boolean {
    this.#keep(0, voice0, count);
    this.#ringAt = this.#keep(1, voice1, count);
    return this.#advance(WORK_PER_SAMPLE * count);
  }

  /** Takes sound of one voice into its ring and returns where that ends. */
  #keep(person: 0 | 1, voice: Float32Array, count: number): number {
    const ready = this.#decimators[person].push(voice, 0, count, this.#ready);
    const ring = this.#rings[person];
    for (let i = 0; i < ready; i++) ring[(this.#ringAt + i) % SIZE] = this.#ready[i];
    return (this.#ringAt + ready) % SIZE;
  }

  /** The lag that the last search found, in samples of voice 1 behind voice 0; undefined when there was none. */
  get found(): number | undefined {
    return this.#found;
  }

  /** Power of what the last search found over the mean of all lags. */
  get strength(): number {
    return this.#strength;
  }

  #advance(work: number): boolean {
    switch (this.#stage) {
      case 'idle':
        return false;
      case 'spectra':
        if (this.#fft.advance(this.#re, this.#im, work)) this.#enter('phases', this.#band[0]);
        return false;
      case 'phases':
        if (this.#keepPhases(work / 8)) this.#enter('correlation', 0);
        return false;
      case 'correlation':
        if (this.#fft.advance(this.#im, this.#re, work)) this.#enter('peak', 0); // the inverse
        return false;
      case 'peak':
        if (!this.#seekPeak(work)) return false;
        this.#enter('idle', 0);
        return true;
    }
  }

  #enter(stage: Stage, at: number) {
    this.#stage = stage;
    this.#at = at;
    this.#best = 0;
  }

  /** Leaves of some bins of both spectra the difference of their phases, at positive frequencies in the band. */
  #keepPhases(bins: number): boolean {
    const re = this.#re;
    const im = this.#im;
    const [from, last] = this.#band;
    const end = Math.min(last + 1, this.#at + bins);
    phasesBetween(re, im, this.#at, end);
    this.#at = end;
    if (end <= last) return false;
    for (const part of [re, im]) {
      part.fill(0, 0, from);
      part.fill(0, last + 1);
    }
    return true;
  }

  #seekPeak(lags: number): boolean {
    const end = Math.min(SIZE, this.#at + lags);
    for (let i = this.#at; i < end; i++) {
      const power = this.#re[i] ** 2 + this.#im[i] ** 2;
      if (power <= this.#best) continue;
      const lag = i < SIZE / 2 ? i : i - SIZE;
      if (lag >= this.#skipFrom && lag <= this.#skipTo) continue;
      this.#best = power;
      this.#bestLag = lag;
    }
    this.#at = end;
    if (end < SIZE) return false;
    // Every bin of the band has power 1, so the mean over all lags is their count.
    const mean = this.#band[1] - this.#band[0] + 1;
    this.#strength = this.#best / mean;
    if (this.#strength > PEAK) this.#found = this.#bestLag * this.#decimators[0].factor;
    return true;
  }
}
