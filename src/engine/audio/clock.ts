/** What is asked of an audio context; times in seconds, `performanceTime` in milliseconds. */
export type ContextTime = {
  readonly currentTime: number;
  readonly baseLatency?: number;
  readonly outputLatency?: number;
  getOutputTimestamp?(): { readonly contextTime?: number; readonly performanceTime?: number };
};

/** Sound is rendered in bursts of `baseLatency`, between which `currentTime` stands still; where that is not told, for at most so long (s). */
const LONGEST_BURST_S = 0.1;
/** An early burst is forgotten at this rate, so that time that the audio thread lost is lost here too. */
const FORGET = 0.05;
/** What is heard may be so far (s) behind what is rendered, and by rounding so far before it. */
const LONGEST_OUTPUT_S = 2;
const ROUNDING_S = 0.02;

/**
 * The clock of an audio context at any moment of the page's clock (`performance.now()`, ms), without the steps in which
 * `currentTime` moves.
 */
export class AudioClock {
  readonly #context: ContextTime;
  #aheadS = Number.NEGATIVE_INFINITY;
  #readMs = Number.NaN;

  constructor(context: ContextTime) {
    this.#context = context;
  }

  /** The context time (s) that sound enters the graph with now: never earlier than `currentTime`. */
  renderedS(nowMs = performance.now()): number {
    const { currentTime, baseLatency } = this.#context;
    const elapsedS = Math.max(0, nowMs - this.#readMs) / 1000 || 0;
    this.#aheadS = Math.max(currentTime - nowMs / 1000, this.#aheadS - FORGET * elapsedS);
    this.#readMs = nowMs;
    return Math.min(this.#aheadS + nowMs / 1000, currentTime + (baseLatency || LONGEST_BURST_S));
  }

  /** The context time (s) of the sound that leaves the loudspeaker at `atMs`, which may lie a little ahead. */
  heardS(atMs: number, nowMs = performance.now()): number {
    const { currentTime, outputLatency } = this.#context;
    const { contextTime = 0, performanceTime = 0 } = this.#context.getOutputTimestamp?.() ?? {};
    const heardS = contextTime + (nowMs - performanceTime) / 1000;
    const behindS = currentTime - heardS;
    // A browser that cannot tell gives zeros, and a context that stands still keeps its last answer.
    const tells = contextTime > 0 && behindS > -ROUNDING_S && behindS < LONGEST_OUTPUT_S;
    const nowS = tells ? heardS : currentTime - (outputLatency || 0);
    return nowS + (atMs - nowMs) / 1000;
  }

  /** How long (s) sound takes from the graph to the loudspeaker. */
  outputS(nowMs = performance.now()): number {
    return Math.max(0, this.renderedS(nowMs) - this.heardS(nowMs, nowMs));
  }
}
