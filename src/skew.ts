/** Pictures kept: ten seconds of a display of 240 Hz. */
const KEPT = 2400;
/** What is older is forgotten. */
const WINDOW_MS = 10_000;

/**
 * Picture minus sound (ms) of the pictures of the last ten seconds, positive where the picture was late. Allocates only
 * when asked.
 */
export class Skew {
  readonly #skewMs = new Float64Array(KEPT);
  readonly #shownMs = new Float64Array(KEPT);
  #count = 0;

  /** A picture got onto the screen at `shownMs`; what is not finite is left out. */
  add(skewMs: number, shownMs: number): void {
    if (!Number.isFinite(skewMs)) return;
    const at = this.#count++ % KEPT;
    this.#skewMs[at] = skewMs;
    this.#shownMs[at] = shownMs;
  }

  /** The skew (ms) below which each of `shares` of the pictures lie; NaN while there is none. */
  percentiles(shares: readonly number[], nowMs = performance.now()): number[] {
    const kept = this.#skewMs
      .subarray(0, Math.min(this.#count, KEPT))
      .filter((_, i) => nowMs - this.#shownMs[i]! <= WINDOW_MS)
      .sort();
    return shares.map((share) => kept[Math.round(share * (kept.length - 1))] ?? Number.NaN);
  }

  /** Forgets all pictures. */
  clear(): void {
    this.#count = 0;
  }
}
