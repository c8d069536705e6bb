/** Pictures of which the median time is taken. */
const KEPT = 15;
/** A display of 60 Hz, until it was seen. */
const FIRST_MS = 1000 / 60;
/** A picture that takes longer on its way counts as so long: nobody waits for more. */
const LONGEST_LEAD_MS = 100;
/** Lips a little early are natural, late ones are not (ITU-R BT.1359), and browsers show a picture no earlier than we see. */
const EARLY_MS = 8;
/** A display that asks again only after so long was hidden, or its page busy with something else. */
const LONGEST_MS = 250;

/**
 * When pictures get onto the screen, in milliseconds of the page's clock. A picture is on it, for all that a page can know,
 * when it is drawn and the display asks for the next one.
 */
export class Presentation {
  readonly #tookMs = new Float64Array(KEPT).fill(FIRST_MS);
  readonly #sorted = new Float64Array(KEPT);
  #count = 0;
  #beganMs = Number.NaN;

  /** A picture begins: says for which moment to draw it. */
  begin(frameMs: number): number {
    this.#beganMs = frameMs;
    this.#sorted.set(this.#tookMs);
    this.#sorted.sort();
    return frameMs + Math.min(LONGEST_LEAD_MS, this.#sorted[KEPT >> 1]!) + EARLY_MS;
  }

  /** The picture that began is drawn and the display asks again: says when it got onto the screen; NaN without one. */
  end(frameMs: number): number {
    const tookMs = Math.min(LONGEST_MS, frameMs - this.#beganMs);
    const shownMs = this.#beganMs + tookMs;
    this.#beganMs = Number.NaN;
    if (tookMs > 0) this.#tookMs[this.#count++ % KEPT] = tookMs;
    return shownMs;
  }

  /** The picture that began will not be seen. */
  drop(): void {
    this.#beganMs = Number.NaN;
  }
}
