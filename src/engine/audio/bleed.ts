import { BleedEar } from './bleed.ear.ts';
import type { BleedReport } from './bleed.report.ts';
import { LagSearch } from './bleed.search.ts';
import { Decimator } from './decimate.ts';

const RATE_HZ = 8000;
/** Longest time between the capture of a voice that is played and the moment it is heard. */
export const MOST_DELAY_S = 1;
/** Windows of speech between two searches at long lags: 1.5 s. */
const SEARCH_EVERY = 24;
/** Windows of speech in which a lag that was found must prove itself, or a weaker one gets its chance: 3 s. */
const TRIAL_WINDOWS = 47;
/** A search that finds the lag again, as near as this, does not begin the trial anew. */
const ONE_FIND_S = 0.05;
/** The far ear is sent after the best of a hundred thousand lags, so it must be surer than the near one. */
const NEAR_PROOF = { score: 0.22, windows: 7 };
const FAR_PROOF = { score: 0.3, windows: 10 };

/**
 * Says whether two voices on one clock hear each other. A near ear listens at lags up to ±100 ms, which a room explains,
 * and where a played voice is expected; its coherence stays near zero for two independent talks at any level and near one
 * for a voice that leaks. For what is further apart (one recording played into both, a call that comes back) a search
 * proposes a lag within ±8 s, and a far ear listens there, by the same measure, to what comes after. It allocates nothing
 * after construction but the report. Both microphones must belong to it all the time: gaps may shift them against each
 * other for a moment only.
 */
export class BleedDetector {
  readonly #decimators: readonly [Decimator, Decimator];
  readonly #ready: readonly [Float32Array, Float32Array];
  readonly #near: BleedEar;
  readonly #far: BleedEar;
  readonly #search: LagSearch;
  readonly #largest: number;
  readonly #rateHz: number;
  readonly #past: readonly [Float32Array, Float32Array]; // rings
  #pastAt = 0;
  #aimedFor = 0; // strength of what the far ear was sent after; 0 while it rests
  #searchedAt = 0; // windows of speech

  /** `largest` is the most samples that one `push` takes. */
  constructor(rateHz: number, largest: number) {
    this.#largest = largest;
    this.#decimators = [new Decimator(rateHz, largest, RATE_HZ), new Decimator(rateHz, largest, RATE_HZ)];
    this.#rateHz = this.#decimators[0].rateHz;
    const room = Math.ceil(largest / this.#decimators[0].factor) + 1;
    this.#ready = [new Float32Array(room), new Float32Array(room)];
    this.#near = new BleedEar(this.#rateHz, NEAR_PROOF);
    this.#far = new BleedEar(this.#rateHz, FAR_PROOF);
    this.#search = new LagSearch(this.#rateHz, room);
    const ring = Math.max(Math.ceil(MOST_DELAY_S * this.#rateHz), this.#search.mostLag) + 1;
    this.#past = [new Float32Array(ring), new Float32Array(ring)];
  }

  /**
   * Says that a person's voice is played only `delayS` (at most 1 s) after it was captured, as an agent's is: where the
   * other microphone hears the loudspeaker, it hears it as much later. The near ear then listens around that delay.
   */
  setDelay(person: 0 | 1, delayS: number) {
    const samples = Math.round(delayS * this.#rateHz);
    this.#near.delay[person] = Math.max(0, Math.min(Math.ceil(MOST_DELAY_S * this.#rateHz), samples || 0));
  }

  /** What was found so far. */
  get report(): BleedReport {
    return (this.#near.hears || !this.#far.hears ? this.#near : this.#far).report;
  }

  /** Takes as many samples of both voices; true when a window became full and the report may have changed. */
  push(voices: Float32Array, at0: number, at1: number, count: number): boolean {
    let analysed = false;
    for (let done = 0; done < count; ) {
      const part = Math.min(count - done, this.#largest);
      const ready = this.#decimators[0].push(voices, at0 + done, at0 + done + part, this.#ready[0]);
      this.#decimators[1].push(voices, at1 + done, at1 + done + part, this.#ready[1]);
      for (let i = 0; i < ready; i++) {
        for (let p = 0; p < 2; p++) this.#past[p][this.#pastAt] = this.#ready[p][i];
        analysed = this.#hear(this.#near) || analysed;
        if (this.#aimedFor > 0) analysed = this.#hear(this.#far) || analysed;
        this.#pastAt = (this.#pastAt + 1) % this.#past[0].length;
      }
      if (this.#search.push(this.#ready[0], this.#ready[1], ready))
        this.#consider(this.#search.found, this.#search.strength);
      done += part;
    }
    if (analysed) this.#look();
    return analysed;
  }

  #hear(ear: BleedEar): boolean {
    return ear.push(this.#late(0, ear.delay[0]), this.#late(1, ear.delay[1]));
  }

  #late(person: 0 | 1, delay: number): number {
    const ring = this.#past[person];
    const at = this.#pastAt - delay;
    return ring[at < 0 ? at + ring.length : at];
  }

  /** Begins a search when it is time for one and nothing is known. */
  #look() {
    const { spokenWindows, hears, delay, mostLag } = this.#near;
    if (hears || this.#far.hears || this.#search.searching) return;
    if (spokenWindows < this.#searchedAt + SEARCH_EVERY) return;
    this.#searchedAt = spokenWindows;
    const middle = delay[0] - delay[1];
    this.#search.begin(middle - mostLag, middle + mostLag);
  }

  /** Sends the far ear where a search found something, unless it hears already or tries something better. */
  #consider(lag: number | undefined, strength: number) {
    const far = this.#far;
    const resting = this.#aimedFor === 0;
    const tried = far.spokenWindows >= TRIAL_WINDOWS;
    if (far.hears) return;
    if (lag === undefined) {
      if (tried) this.#aimedFor = 0;
      return;
    }
    const again = Math.abs(lag - far.delay[0] + far.delay[1]) < ONE_FIND_S * this.#rateHz;
    if (!resting && (again || (!tried && strength < this.#aimedFor))) return;
    this.#aimedFor = strength;
    far.aim(lag, this.#near);
  }
}
