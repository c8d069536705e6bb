import { Decimator } from './decimate.ts';
import { ComplexFft } from './fft.complex.ts';

/** How the voice of one person comes through the other person's microphone. */
export type BleedPath = {
  /** Whether it does, with hysteresis. */
  readonly heard: boolean;
  /** By how much the voice is later in the other microphone; negative when that device is the faster one. */
  readonly lagMs: number;
  /** How loud it is there, against its own microphone; NaN until it was measured. */
  readonly gainDb: number;
  /** Coherence of the two at that lag while the voice speaks, 0 … 1. */
  readonly score: number;
};

/** Whether two voices hear each other. */
export type BleedReport = {
  /**
   * `none`; `one-way`: the voice of `source` is in the other microphone too; `both-ways`: each is in the other's;
   * `same`: both microphones give one and the same sound, so nobody can say whose it is.
   */
  readonly kind: 'none' | 'one-way' | 'both-ways' | 'same';
  /** The person whose voice leaks, where it is one. */
  readonly source: 0 | 1 | undefined;
  /** Person 0's voice in person 1's microphone, and the other way round. */
  readonly paths: readonly [BleedPath, BleedPath];
};

const WINDOW = 2048; // 256 ms at 8 kHz
const HOP = 512;
const BAND_HZ = [300, 3400] as const;
/** How far apart the two may be: the way through a room and the difference of two devices' latencies. */
const MOST_LAG_S = 0.1;
/** Longest time between the capture of a voice that is played and the moment it is heard. */
export const MOST_DELAY_S = 1;
/** A voice speaks when it is louder than this and by SPEAKING_OVER_DB louder than its quietest second or so. */
const SPEAKING_DB = -55;
const SPEAKING_OVER_DB = 9;
/** A voice may be this much weaker than the other and still count as the source: levels of two devices differ. */
const SOURCE_MARGIN_DB = 3;
/** Weight of a new window in the averages: about 0.6 s of speech. */
const AVERAGE = 0.1;
const ON_SCORE = 0.22;
const OFF_SCORE = 0.12;
/** Windows of speech before a first verdict, and below OFF_SCORE before bleed counts as gone (6 s). */
const LEAST_WINDOWS = 7;
const GONE_WINDOWS = 94;
/** A single window as coherent as this holds little but the other's voice, so that levels may be compared. */
const ALONE_SCORE = 0.3;
/** Below this difference in level both microphones give the same sound; what is weaker by so much in one of them leaks. */
const SAME_GAIN_DB = 3;
const LEAK_DB = 5;
/** Both paths at one lag are one path, found from both sides: the weaker side is where it leaks to, if it is so much weaker. */
const ONE_LAG_MS = 0.5;
const WEAKER_DB = 6;

class Path {
  heard = false;
  lag = 0; // in decimated samples, of voice 1 behind voice 0, for both paths
  /** The average of the differences, which words of the other person's own move less than they move energies. */
  gainDb = Number.NaN;
  score = 0;
  /** Energy in both microphones while the voice is alone, the average of late; 0 until there was such a moment. */
  own = 0;
  other = 0;
  readonly re: Float64Array;
  readonly im: Float64Array;
  #windows = 0;
  #silent = 0;

  constructor(lags: number) {
    this.re = new Float64Array(lags);
    this.im = new Float64Array(lags);
  }

  /** Takes the correlation of one window, and its energy in the source's own microphone and in the other. */
  take(re: Float64Array, im: Float64Array, own: number, other: number) {
    const lags = this.re.length;
    const weight = Math.max(AVERAGE, 1 / (this.#windows + 1));
    const middle = (lags - 1) / 2;
    let best = 0;
    let lag = 0;
    for (let l = 0; l < lags; l++) {
      this.re[l] += weight * (re[l] - this.re[l]);
      this.im[l] += weight * (im[l] - this.im[l]);
      const power = this.re[l] ** 2 + this.im[l] ** 2;
      if (power <= best) continue;
      best = power;
      lag = l - middle;
    }
    this.#windows++;
    // Once heard, a path keeps its lag: what counts is whether the voice is still there, not the highest of the noise.
    if (!this.heard || best > ON_SCORE ** 2) this.lag = lag;
    const at = this.lag + middle;
    this.score = Math.hypot(this.re[at], this.im[at]);
    if (Math.hypot(re[at], im[at]) > ALONE_SCORE) {
      const differenceDb = 10 * Math.log10((other + 1e-12) / (own + 1e-12));
      const share = this.own === 0 ? 1 : AVERAGE;
      this.gainDb = this.own === 0 ? differenceDb : this.gainDb + share * (differenceDb - this.gainDb);
      this.own += share * (own - this.own);
      this.other += share * (other - this.other);
    }
    this.#silent = this.score < OFF_SCORE ? this.#silent + 1 : 0;
    if (this.#windows >= LEAST_WINDOWS && this.score > ON_SCORE) this.heard = true;
    else if (this.#silent > GONE_WINDOWS) {
      this.heard = false;
      this.gainDb = Number.NaN;
      this.own = 0;
      this.other = 0;
    }
  }
}

/**
 * Says whether two voices on one clock hear each other, from their coherence (generalised cross-correlation with phase
 * transform, 300 … 3400 Hz, lags up to ±100 ms), which stays near zero for two independent talks at any level and near
 * one for a voice that leaks. It allocates nothing after construction, works in steps of 64 ms, and only while someone
 * speaks. Both microphones must belong to it all the time: gaps may shift them against each other for a moment only.
 */
export class BleedDetector {
  readonly #decimators: readonly [Decimator, Decimator];
  readonly #ready: readonly [Float32Array, Float32Array];
  readonly #sound = [new Float32Array(WINDOW), new Float32Array(WINDOW)] as const;
  readonly #window = Float64Array.from(
    { length: WINDOW },
    (_, i) => Math.sin((Math.PI * (i + 0.5)) / WINDOW) ** 2,
  );
  readonly #fft = new ComplexFft(WINDOW);
  readonly #re = new Float64Array(WINDOW);
  readonly #im = new Float64Array(WINDOW);
  readonly #corrRe: Float64Array;
  readonly #corrIm: Float64Array;
  readonly #paths: readonly [Path, Path];
  readonly #floorDb: [number, number] = [0, 0];
  readonly #largest: number;
  readonly #rateHz: number;
  readonly #late: readonly [Float32Array, Float32Array]; // rings of what is still on its way to the loudspeaker
  readonly #delay: [number, number] = [0, 0]; // samples
  #lateAt = 0;
  #filled = 0; // samples of the hop

  /** `largest` is the most samples that one `push` takes. */
  constructor(rateHz: number, largest: number) {
    this.#largest = largest;
    this.#decimators = [new Decimator(rateHz, largest), new Decimator(rateHz, largest)];
    this.#rateHz = this.#decimators[0].rateHz;
    const room = Math.ceil(largest / this.#decimators[0].factor) + 1;
    this.#ready = [new Float32Array(room), new Float32Array(room)];
    const lags = 2 * Math.round(MOST_LAG_S * this.#rateHz) + 1;
    this.#corrRe = new Float64Array(lags);
    this.#corrIm = new Float64Array(lags);
    this.#paths = [new Path(lags), new Path(lags)];
    const ring = Math.ceil(MOST_DELAY_S * this.#rateHz) + 1;
    this.#late = [new Float32Array(ring), new Float32Array(ring)];
  }

  /**
   * Says that a person's voice is played only `delayS` (at most 1 s) after it was captured, as an agent's is: where the
   * other microphone hears the loudspeaker, it hears it as much later. Lags are then looked for around that delay.
   */
  setDelay(person: 0 | 1, delayS: number) {
    const samples = Math.round(delayS * this.#rateHz);
    this.#delay[person] = Math.max(0, Math.min(this.#late[person].length - 1, samples || 0));
  }

  /** What was found so far. */
  get report(): BleedReport {
    const [into1, into0] = this.#paths;
    const [a, b] = [this.#describe(into1, 1), this.#describe(into0, -1)];
    const { kind, source } = this.#verdict(into1, into0);
    return { kind, source, paths: [a, b] };
  }

  /** Takes as many samples of both voices; true when a window became full and the report may have changed. */
  push(voices: Float32Array, at0: number, at1: number, count: number): boolean {
    let analysed = false;
    for (let done = 0; done < count; ) {
      const part = Math.min(count - done, this.#largest);
      const ready = this.#decimators[0].push(voices, at0 + done, at0 + done + part, this.#ready[0]);
      this.#decimators[1].push(voices, at1 + done, at1 + done + part, this.#ready[1]);
      for (let i = 0; i < ready; i++) {
        const to = WINDOW - HOP + this.#filled++;
        for (let p = 0; p < 2; p++) {
          const ring = this.#late[p];
          ring[this.#lateAt] = this.#ready[p][i];
          this.#sound[p][to] = ring[(this.#lateAt - this.#delay[p] + ring.length) % ring.length];
        }
        this.#lateAt = (this.#lateAt + 1) % this.#late[0].length;
        if (this.#filled < HOP) continue;
        this.#analyse();
        for (const sound of this.#sound) sound.copyWithin(0, HOP);
        this.#filled = 0;
        analysed = true;
      }
      done += part;
    }
    return analysed;
  }

  #describe({ heard, lag, gainDb, score }: Path, sign: 1 | -1): BleedPath {
    const between = lag + this.#delay[0] - this.#delay[1];
    return { heard, lagMs: (sign * 1000 * between) / this.#rateHz, gainDb, score };
  }

  #verdict(into1: Path, into0: Path): Pick<BleedReport, 'kind' | 'source'> {
    if (!into1.heard && !into0.heard) return { kind: 'none', source: undefined };
    const ms = 1000 / this.#rateHz;
    const alone = into1.heard !== into0.heard;
    const oneLag = alone || Math.abs(into1.lag - into0.lag) * ms < ONE_LAG_MS;
    // Each path is measured while its source is the louder one; at one lag, both together are fair to both.
    const energy0 = (into1.heard ? into1.own : 0) + (into0.heard ? into0.other : 0);
    const energy1 = (into1.heard ? into1.other : 0) + (into0.heard ? into0.own : 0);
    const differenceDb = 10 * Math.log10((energy1 + 1e-12) / (energy0 + 1e-12));
    const weaker = into1.gainDb < -LEAK_DB || into0.gainDb < -LEAK_DB;
    if (oneLag && !weaker && Math.abs(differenceDb) < SAME_GAIN_DB)
      return { kind: 'same', source: undefined };
    if (alone) return { kind: 'one-way', source: into1.heard ? 0 : 1 };
    if (!oneLag) return { kind: 'both-ways', source: undefined };
    const weakerDb = into0.gainDb - into1.gainDb;
    const from0 = Math.abs(weakerDb) > WEAKER_DB ? weakerDb > 0 : into1.lag > 0;
    return { kind: 'one-way', source: from0 ? 0 : 1 };
  }

  #analyse() {
    const [a, b] = this.#sound;
    const re = this.#re;
    const im = this.#im;
    let power0 = 0;
    let power1 = 0;
    for (let i = 0; i < WINDOW; i++) {
      re[i] = a[i] * this.#window[i];
      im[i] = b[i] * this.#window[i];
      power0 += re[i] * re[i];
      power1 += im[i] * im[i];
    }
    const [db0, db1] = [this.#track(0, power0), this.#track(1, power1)];
    const source0 = this.#speaks(0, db0) && db0 >= db1 - SOURCE_MARGIN_DB;
    const source1 = this.#speaks(1, db1) && db1 >= db0 - SOURCE_MARGIN_DB;
    if (!source0 && !source1) return;
    if (power0 > 0 && power1 > 0) this.#correlate();
    else this.#noCorrelation(); // a muted microphone hears nobody
    if (source0) this.#paths[0].take(this.#corrRe, this.#corrIm, power0, power1);
    if (source1) this.#paths[1].take(this.#corrRe, this.#corrIm, power1, power0);
  }

  /** The level of a window in dB; also follows the voice's quietest moments, which rise by 3 dB a second. */
  #track(person: 0 | 1, power: number) {
    const db = 10 * Math.log10(power / (WINDOW * 0.375) + 1e-12);
    this.#floorDb[person] = Math.min(db, this.#floorDb[person] + 0.2);
    return db;
  }

  #speaks(person: 0 | 1, db: number) {
    return db > SPEAKING_DB && (db > this.#floorDb[person] + SPEAKING_OVER_DB || db > SPEAKING_DB + 25);
  }

  #noCorrelation() {
    this.#corrRe.fill(0);
    this.#corrIm.fill(0);
  }

  /** The coherence of the two at every lag, from the window in #re and #im, as an analytic signal. */
  #correlate() {
    const re = this.#re;
    const im = this.#im;
    this.#fft.transform(re, im);
    const from = Math.ceil((BAND_HZ[0] * WINDOW) / this.#rateHz);
    const to = Math.floor((BAND_HZ[1] * WINDOW) / this.#rateHz);
    for (let k = from; k <= to; k++) {
      const m = WINDOW - k;
      // Both spectra lie in one transform: voice 0 is its even part, voice 1 its odd part.
      const aRe = re[k] + re[m];
      const aIm = im[k] - im[m];
      const bRe = im[k] + im[m];
      const bIm = re[m] - re[k];
      const cRe = bRe * aRe + bIm * aIm;
      const cIm = bIm * aRe - bRe * aIm;
      const size = Math.sqrt(cRe * cRe + cIm * cIm) + 1e-30;
      re[k] = cRe / size;
      im[k] = cIm / size;
    }
    const count = to - from + 1;
    re.fill(0, 0, from);
    im.fill(0, 0, from);
    re.fill(0, to + 1);
    im.fill(0, to + 1);
    this.#fft.transform(im, re); // the inverse
    const half = (this.#corrRe.length - 1) / 2;
    for (let l = -half; l <= half; l++) {
      const i = (l + WINDOW) % WINDOW;
      this.#corrRe[l + half] = re[i] / count;
      this.#corrIm[l + half] = im[i] / count;
    }
  }
}
