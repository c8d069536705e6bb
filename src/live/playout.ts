import type { WireLevels } from '../engine/wire.ts';

/** How the lag was found, best first. */
export type PlayoutMethod = 'levels' | 'exchange' | 'arrival' | 'none';

/** What is known of the way from the sender's audio clock to ours. */
export type PlayoutStats = {
  readonly method: PlayoutMethod;
  /** From a moment on the sender's clock to where the same sound enters our graph, in seconds of our clock. */
  readonly lagS: number;
  /** Correlation of the two loudness curves at the last match; NaN before one. */
  readonly correlation: number;
  readonly roundTripS: number;
};

const GRID_S = 0.005;
const KEPT = 1024;
const WINDOW = 500;
const LEAST_PAIRS = 200;
const EARLIER_S = 0.6;
const LATER_S = 0.9;
const FLOOR_DB = -60;
/** A window tells something when its loudness moves by this much (standard deviation). */
const LEAST_SPREAD_DB = 5;
const LEAST_CORRELATION = 0.8;
/** No second peak may come so near to the best correlation further than PEAK_S away. */
const LEAST_MARGIN = 0.1;
const PEAK_S = 0.1;
const EXCHANGES = 16;
const ARRIVALS = 60;
/** Above this the two clocks have nothing in common any more, and a slow correction would take too long. */
const JUMP_S = 1;
/** Share of time by which motion may run faster or slower to catch up: near the goal, and far from it. */
const SLEW = 0.05;
const FAST_SLEW = 0.15;
const FAR_S = 0.2;

const slotOf = (index: number) => ((index % KEPT) + KEPT) % KEPT;

/** A loudness curve on a fixed grid of {@link GRID_S}, newest five seconds. */
class LevelTrack {
  readonly #values = new Float32Array(KEPT);
  readonly #indices = new Float64Array(KEPT).fill(Number.NaN);
  #last: { timeS: number; level: number } | undefined;
  newest = Number.NaN;

  /** Adds a stretch; one that is older than what is there is left out. */
  add({ timeS, periodS, levels }: WireLevels) {
    levels.forEach((value, i) => {
      const point = { timeS: timeS + i * periodS, level: Math.max(FLOOR_DB, value) };
      const last = this.#last;
      if (last && point.timeS <= last.timeS) return;
      if (last && point.timeS - last.timeS < 3 * periodS) this.#fill(last, point);
      this.#last = point;
    });
  }

  at(index: number): number {
    const slot = slotOf(index);
    return this.#indices[slot] === index ? this.#values[slot]! : Number.NaN;
  }

  #fill(from: { timeS: number; level: number }, to: { timeS: number; level: number }) {
    const slope = (to.level - from.level) / (to.timeS - from.timeS);
    for (let k = Math.floor(from.timeS / GRID_S) + 1; k * GRID_S <= to.timeS; k++) {
      const slot = slotOf(k);
      this.#values[slot] = from.level + slope * (k * GRID_S - from.timeS);
      this.#indices[slot] = k;
      this.newest = k;
    }
  }
}

/**
 * Finds when a voice that was captured elsewhere is heard here. The sender tells how loud its voice is on its own clock;
 * the loudness of the same voice as it enters our graph is laid over it, which takes in network, jitter buffer and codec
 * at once and is right to a few milliseconds. Until somebody has spoken, an exchange of clock readings and the jitter
 * buffer's length stand in for it (tens of milliseconds), and before that the arrival of the frames themselves.
 */
export class PlayoutClock {
  /** Seconds that sound waits between network and graph, as far as known: what the exchange of clocks cannot see. */
  bufferingS = 0.08;
  readonly #sent = new LevelTrack();
  readonly #heard = new LevelTrack();
  readonly #exchanges: { offsetS: number; roundTripS: number }[] = [];
  readonly #arrivals: number[] = [];
  readonly #matches: number[] = [];
  #correlation = Number.NaN;
  #targetS = Number.NaN;
  #lagS = Number.NaN;
  #advancedS = Number.NaN;
  #method: PlayoutMethod = 'none';

  get stats(): PlayoutStats {
    return {
      method: this.#method,
      lagS: this.#lagS,
      correlation: this.#correlation,
      roundTripS: this.#best?.roundTripS ?? Number.NaN,
    };
  }

  /** Loudness of the voice on the sender's clock. */
  sent(levels: WireLevels) {
    this.#sent.add(levels);
  }

  /** Loudness of the same voice as it enters our graph, on our clock. */
  heard(levels: WireLevels) {
    this.#heard.add(levels);
  }

  /** An answered ping: our clock when it left, the sender's when it was answered, ours when the answer came. */
  exchanged(leftS: number, answeredS: number, cameS: number) {
    const roundTripS = cameS - leftS;
    if (!(roundTripS >= 0 && roundTripS < 5) || !Number.isFinite(answeredS)) return;
    this.#exchanges.push({ offsetS: (leftS + cameS) / 2 - answeredS, roundTripS });
    if (this.#exchanges.length > EXCHANGES) this.#exchanges.shift();
  }

  /** A frame that stands at `timeS` on the sender's clock came at `cameS` on ours. */
  arrived(timeS: number, cameS: number) {
    this.#arrivals.push(cameS - timeS);
    if (this.#arrivals.length > ARRIVALS) this.#arrivals.shift();
  }

  /** Looks again at all that is known; a few times a second is enough. */
  update() {
    const roughS = this.#rough();
    if (!Number.isFinite(roughS)) return;
    const match = this.#match(roughS);
    if (match) {
      this.#correlation = match.correlation;
      this.#matches.push(match.lagS);
      if (this.#matches.length > 3) this.#matches.shift();
    }
    if (this.#matches.length > 0) {
      this.#method = 'levels';
      this.#targetS = [...this.#matches].sort((a, b) => a - b)[this.#matches.length >> 1]!;
    } else {
      const method = this.#exchanges.length > 0 ? 'exchange' : 'arrival';
      // The very first guess is left at once: hardly a frame was shown by it.
      if (method === 'exchange' && this.#method === 'arrival') this.#lagS = Number.NaN;
      this.#method = method;
      this.#targetS = roughS;
    }
  }

  /** The lag at `nowS` of our clock; it moves towards what was found so slowly that motion never jumps. */
  lagAt(nowS: number): number {
    const elapsedS = nowS - this.#advancedS;
    const error = this.#targetS - this.#lagS;
    if (Number.isNaN(error) || Math.abs(error) > JUMP_S) this.#lagS = this.#targetS;
    else if (elapsedS > 0) {
      const slew = (Math.abs(error) > FAR_S ? FAST_SLEW : SLEW) * elapsedS;
      this.#lagS += Math.max(-slew, Math.min(slew, error));
    }
    if (!(elapsedS <= 0)) this.#advancedS = nowS;
    return this.#lagS;
  }

  get #best() {
    let best = this.#exchanges[0];
    for (const exchange of this.#exchanges) if (exchange.roundTripS <= best!.roundTripS) best = exchange;
    return best;
  }

  #rough(): number {
    const best = this.#best;
    if (best) return best.offsetS + best.roundTripS / 2 + this.bufferingS;
    return this.#arrivals.length > 0 ? Math.min(...this.#arrivals) : Number.NaN;
  }

  /** Lays the heard curve over the sent one at every lag around `roughS`. */
  #match(roughS: number): { lagS: number; correlation: number } | undefined {
    const { newest } = this.#heard;
    if (Number.isNaN(newest)) return undefined;
    const heard = Array.from({ length: WINDOW }, (_, i) => this.#heard.at(newest - WINDOW + 1 + i));
    if (!(spread(heard) >= LEAST_SPREAD_DB)) return undefined;
    const first = Math.round((roughS - EARLIER_S) / GRID_S);
    const lags = Math.round((EARLIER_S + LATER_S) / GRID_S);
    const sent = Array.from({ length: WINDOW + lags }, (_, i) =>
      this.#sent.at(newest - WINDOW + 1 - first - lags + i),
    );
    let [best, bestR] = [-1, LEAST_CORRELATION];
    const rs = Array.from({ length: lags + 1 }, (_, k) => {
      const r = correlate(heard, sent, lags - k);
      if (r > bestR) [best, bestR] = [k, r];
      return r;
    });
    // A peak at the edge is no peak, and a sound that repeats itself fits at more than one lag.
    if (best <= 0 || best >= lags) return undefined;
    const rival = (r: number, k: number) =>
      Number.isNaN(r) || (Math.abs(k - best) * GRID_S > PEAK_S && r > bestR - LEAST_MARGIN);
    if (rs.some(rival)) return undefined;
    const [left, right] = [rs[best - 1]!, rs[best + 1]!];
    const bend = left - 2 * bestR + right;
    const fraction = bend < 0 ? (left - right) / (2 * bend) : 0;
    return { lagS: (first + best + (Math.abs(fraction) <= 1 ? fraction : 0)) * GRID_S, correlation: bestR };
  }
}

/** Standard deviation of the values that there are; NaN when half of them are missing. */
function spread(values: readonly number[]): number {
  const known = values.filter((v) => !Number.isNaN(v));
  if (known.length < LEAST_PAIRS) return Number.NaN;
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  return Math.sqrt(known.reduce((a, b) => a + (b - mean) ** 2, 0) / known.length);
}

/** Pearson's correlation of `a[i]` and `b[i + shift]` over the pairs that there are: 0 for a flat curve, NaN for too few. */
function correlate(a: readonly number[], b: readonly number[], shift: number): number {
  let [n, sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    const y = b[i + shift]!;
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    n++;
    sa += x;
    sb += y;
    saa += x * x;
    sbb += y * y;
    sab += x * y;
  }
  const variance = (saa - (sa * sa) / n) * (sbb - (sb * sb) / n);
  if (n < LEAST_PAIRS) return Number.NaN;
  return variance > 0 ? (sab - (sa * sb) / n) / Math.sqrt(variance) : 0;
}
