/** Weight of a new window in the averages: about 0.6 s of speech. */
const AVERAGE = 0.1;
const OFF_SCORE = 0.12;
/** Windows of speech below OFF_SCORE before bleed counts as gone: 6 s. */
const GONE_WINDOWS = 94;
/** A single window as coherent as this holds little but the other's voice, so that levels may be compared. */
const ALONE_SCORE = 0.3;

/** When a way counts as heard: the least average coherence, and over how many windows of speech at least. */
export type Proof = { readonly score: number; readonly windows: number };

/** What is known of one way: whether the voice of one person comes through the other person's microphone. */
export class BleedWay {
  heard = false;
  lag = 0; // in decimated samples, of voice 1 behind voice 0, for both ways
  /** The average of the differences, which words of the other person's own move less than they move energies. */
  gainDb = Number.NaN;
  score = 0;
  /** Energy in both microphones while the voice is alone, the average of late; 0 until there was such a moment. */
  own = 0;
  other = 0;
  readonly re: Float64Array;
  readonly im: Float64Array;
  readonly #proof: Proof;
  #windows = 0;
  #silent = 0;

  constructor(lags: number, proof: Proof) {
    this.#proof = proof;
    this.re = new Float64Array(lags);
    this.im = new Float64Array(lags);
  }

  /** Begins anew. */
  forget() {
    this.re.fill(0);
    this.im.fill(0);
    this.heard = false;
    this.lag = 0;
    this.gainDb = Number.NaN;
    this.score = 0;
    this.own = 0;
    this.other = 0;
    this.#windows = 0;
    this.#silent = 0;
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
    // Once heard, a way keeps its lag: what counts is whether the voice is still there, not the highest of the noise.
    if (!this.heard || best > this.#proof.score ** 2) this.lag = lag;
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
    if (this.#windows >= this.#proof.windows && this.score > this.#proof.score) this.heard = true;
    else if (this.#silent > GONE_WINDOWS) {
      this.heard = false;
      this.gainDb = Number.NaN;
      this.own = 0;
      this.other = 0;
    }
  }
}
