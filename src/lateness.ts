/** Seconds with frames of which the worst latency is kept. */
const KEPT_S = 30;
/** Of so many seconds one may be worse, and of more two: what freezes once does not count, such as the beginning. */
const ONE_MAY = 2;
const TWO_MAY = 20;

/**
 * How late motion frames come (ms): the worst of the last half minute, one-off freezes left out. Frames that come later
 * are a few in a thousand.
 */
export class Lateness {
  readonly #worstMs = new Float64Array(KEPT_S);
  #second = Number.NaN;
  #seconds = 0;

  /** A frame came at `nowMs`, so late. */
  add(latencyMs: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#worstMs[this.#seconds++ % KEPT_S] = latencyMs;
    }
    const at = (this.#seconds - 1) % KEPT_S;
    this.#worstMs[at] = Math.max(this.#worstMs[at]!, latencyMs);
  }

  /** Seconds that were heard of, up to {@link KEPT_S}. */
  get seconds(): number {
    return Math.min(KEPT_S, this.#seconds);
  }

  /** How late they come (ms); NaN before the first. */
  get ms(): number {
    const { seconds } = this;
    const sorted = this.#worstMs.slice(0, seconds).sort();
    const left = seconds < ONE_MAY ? 0 : seconds < TWO_MAY ? 1 : 2;
    return sorted[seconds - 1 - left] ?? Number.NaN;
  }

  /** Forgets all: the frames come from elsewhere now. */
  clear(): void {
    this.#seconds = 0;
    this.#second = Number.NaN;
  }
}
