import type { BleedPath, BleedReport } from './bleed.report.ts';
import { BleedWay, type Proof } from './bleed.way.ts';
import { ComplexFft, phasesBetween } from './fft.complex.ts';

const WINDOW = 2048; // 256 ms at 8 kHz
const HOP = 512;
const BAND_HZ = [300, 3400] as const;
/** How far apart the two may be: the way through a room and the difference of two devices' latencies. */
const MOST_LAG_S = 0.1;
/** A voice speaks when it is louder than this and by SPEAKING_OVER_DB louder than its quietest second or so. */
const SPEAKING_DB = -55;
const SPEAKING_OVER_DB = 9;
/** A voice may be this much weaker than the other and still count as the source: levels of two devices differ. */
const SOURCE_MARGIN_DB = 3;
/** Below this difference in level both microphones give the same sound; what is weaker by so much in one of them leaks. */
const SAME_GAIN_DB = 3;
const LEAK_DB = 5;
/** Both ways at one lag are one way, found from both sides: the weaker side is where it leaks to, if it is so much weaker. */
const ONE_LAG_MS = 0.5;
const WEAKER_DB = 6;
/** No two devices are so far apart: what is later by more is the copy, however loud. */
const MOST_DEVICE_LAG_MS = 350;

/**
 * Listens to two voices, one of which may be delayed, for one sound in both of them at lags up to ±100 ms: coherence
 * (generalised cross-correlation with phase transform, 300 … 3400 Hz) of windows of 256 ms, in steps of 64 ms, while
 * someone speaks. It allocates nothing after construction.
 */
export class BleedEar {
  /** How many samples each voice is delayed before it is compared. */
  readonly delay: [number, number] = [0, 0];
  /** Longest lag that is looked for, in samples. */
  readonly mostLag: number;
  readonly #rateHz: number;
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
  readonly #ways: readonly [BleedWay, BleedWay];
  readonly #floorDb: [number, number] = [0, 0];
  #filled = 0; // samples of the hop
  #spokenWindows = 0;

  constructor(rateHz: number, proof: Proof) {
    this.#rateHz = rateHz;
    this.mostLag = Math.round(MOST_LAG_S * rateHz);
    const lags = 2 * this.mostLag + 1;
    this.#corrRe = new Float64Array(lags);
    this.#corrIm = new Float64Array(lags);
    this.#ways = [new BleedWay(lags, proof), new BleedWay(lags, proof)];
  }

  /** Windows in which somebody spoke so far. */
  get spokenWindows(): number {
    return this.#spokenWindows;
  }

  /** What was found so far. */
  get report(): BleedReport {
    const [into1, into0] = this.#ways;
    const { kind, source } = this.#verdict(into1, into0);
    return { kind, source, paths: [this.#describe(into1, 1), this.#describe(into0, -1)] };
  }

  /** Whether a voice is heard in the other. */
  get hears(): boolean {
    return this.#ways[0].heard || this.#ways[1].heard;
  }

  /** Forgets what it found and listens anew at a lag of voice 1 behind voice 0, in samples; `like` knows how loud rest is. */
  aim(lag: number, like: BleedEar) {
    this.delay[0] = Math.max(0, lag);
    this.delay[1] = Math.max(0, -lag);
    for (const way of this.#ways) way.forget();
    for (const p of [0, 1] as const) {
      this.#sound[p].fill(0);
      this.#floorDb[p] = like.#floorDb[p];
    }
    this.#filled = 0;
    this.#spokenWindows = 0;
  }

  /** Takes a sample of each voice, the delay done; true when a window became full and the report may have changed. */
  push(sample0: number, sample1: number): boolean {
    const to = WINDOW - HOP + this.#filled++;
    this.#sound[0][to] = sample0;
    this.#sound[1][to] = sample1;
    if (this.#filled < HOP) return false;
    this.#analyse();
    for (const sound of this.#sound) sound.copyWithin(0, HOP);
    this.#filled = 0;
    return true;
  }

  #describe({ heard, lag, gainDb, score }: BleedWay, sign: 1 | -1): BleedPath {
    const lagMs = sign * ((1000 * lag) / this.#rateHz + this.#aimedMs);
    return { heard, lagMs, gainDb, score };
  }

  get #aimedMs() {
    return (1000 * (this.delay[0] - this.delay[1])) / this.#rateHz;
  }

  #verdict(into1: BleedWay, into0: BleedWay): Pick<BleedReport, 'kind' | 'source'> {
    if (!into1.heard && !into0.heard) return { kind: 'none', source: undefined };
    const ms = 1000 / this.#rateHz;
    const alone = into1.heard !== into0.heard;
    const oneLag = alone || Math.abs(into1.lag - into0.lag) * ms < ONE_LAG_MS;
    // Each path is measured while its source is the louder one; at one lag, both together are fair to both.
    const energy0 = (into1.heard ? into1.own : 0) + (into0.heard ? into0.other : 0);
    const energy1 = (into1.heard ? into1.other : 0) + (into0.heard ? into0.own : 0);
    const differenceDb = 10 * Math.log10((energy1 + 1e-12) / (energy0 + 1e-12));
    const weaker = into1.gainDb < -LEAK_DB || into0.gainDb < -LEAK_DB;
    const weakerDb = into0.gainDb - into1.gainDb;
    // Words of either that are in the other at one lag are one sound, even where gaps take from the levels of both.
    const each = !alone && Math.abs(weakerDb) <= WEAKER_DB;
    if (oneLag && (each || (!weaker && Math.abs(differenceDb) < SAME_GAIN_DB)))
      return { kind: 'same', source: undefined };
    const laterMs = (into1.heard ? into1.lag : into0.lag) * ms + this.#aimedMs;
    if (oneLag && Math.abs(laterMs) > MOST_DEVICE_LAG_MS)
      return { kind: 'one-way', source: laterMs > 0 ? 0 : 1 };
    if (alone) return { kind: 'one-way', source: into1.heard ? 0 : 1 };
    if (!oneLag) return { kind: 'both-ways', source: undefined };
    const from0 = Math.abs(weakerDb) > WEAKER_DB ? weakerDb > 0 : laterMs > 0;
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
    this.#spokenWindows++;
    if (power0 > 0 && power1 > 0) this.#correlate();
    else this.#noCorrelation(); // a muted microphone hears nobody
    if (source0) this.#ways[0].take(this.#corrRe, this.#corrIm, power0, power1);
    if (source1) this.#ways[1].take(this.#corrRe, this.#corrIm, power1, power0);
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
    phasesBetween(re, im, from, to + 1);
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
