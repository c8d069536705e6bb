/** Seconds with frames of which the worst latency is kept. */
const KEPT_S = 30;
/** Of so many seconds one may be worse, and of more two: what freezes once does not count, such as the beginning. */
const ONE_MAY = 2;
const TWO_MAY = 20;
/** What a second was worse than most counts half after so many more. */
const HALF_LIFE_S = 10;

/**
 * How late motion frames come (ms): about the worst of the last half minute, the longer ago the less, one-off freezes left
 * out. Frames that come later are a few in a thousand.
 */
export class Lateness {
  readonly #worstMs = new Float64Array(KEPT_S);
  readonly #sorted = new Float64Array(KEPT_S);
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
    const sorted = this.#sorted.subarray(0, seconds);
    sorted.set(this.#worstMs.subarray(0, seconds));
    const usual = sorted.sort()[seconds >> 1]!;
    for (let age = 0; age < seconds; age++) {
      const more = this.#worstMs[(this.#seconds - 1 - age) % KEPT_S]! - usual;
      sorted[age] = usual + more * (more > 0 ? 2 ** (-age / HALF_LIFE_S) : 1);
    }
    const left = seconds < ONE_MAY ? 0 : seconds < TWO_MAY ? 1 : 2;
    return sorted.sort()[seconds - 1 - left] ?? Number.NaN;
  }

  /** Forgets all: the frames come from elsewhere now. */
  clear(): void {
    this.#seconds = 0;
    this.#second = Number.NaN;
  }
}
