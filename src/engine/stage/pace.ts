/** A picture that takes longer is slow. */
const SLOW_MS = 24;
/** So it is when the display only asks again after this long: no display is that slow, the browser is behind. */
const BEHIND_MS = 45;
/** After slow pictures, rest for this share of their time: voices and networks need the machine more than pixels do. */
const REST = 0.6;
const LONGEST_REST_MS = 400;
const STEP = 0.85;
const SMALLEST = 0.62;
/** So many slow pictures in a row are no accident. */
const SLOW_IN_A_ROW = 3;
/** Pictures between two changes of size; growing waits longer, twice as long after each time it was wrong. */
const SHRINK_AFTER = 6;
const GROW_AFTER = 180;

/**
 * Decides when the next picture is drawn and how large, from how long the ones before took. On a fast GPU that is each
 * time the display asks, in full; on a slow one fewer and smaller pictures, so that drawing never starves the motion.
 */
export class Pace {
  #scale = 1;
  #slow: number;
  #fast = 0;
  #since = 0;
  #growAfter = GROW_AFTER;
  #polls = 0;
  #beganMs = Number.NaN;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** `slow` starts careful, for a renderer known to be software. */
  constructor(slow = false) {
    this.#slow = slow ? SLOW_IN_A_ROW : 0;
    if (slow) this.#scale = STEP;
  }

  /** How much of the full resolution to draw, {@link SMALLEST}…1. */
  get scale(): number {
    return this.#scale;
  }

  /** True while a picture is being drawn. */
  get drawing(): boolean {
    return !Number.isNaN(this.#beganMs);
  }

  /** True when the next picture may begin. */
  ready(nowMs: number): boolean {
    return !this.drawing && nowMs >= this.#notBeforeMs;
  }

  /** A picture begins. */
  begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#polls = 0;
  }

  /** The display asks for the next picture: says whether the one under way is `done`, its drawing on the GPU included. */
  poll(nowMs: number, done: boolean): void {
    this.#polls++;
    if (!done) return;
    const tookMs = nowMs - this.#beganMs;
    this.#beganMs = Number.NaN;
    this.#since++;
    // Done when first asked: it took less than the display takes between two pictures, and nobody knows how much less.
    const slow = tookMs > (this.#polls === 1 ? BEHIND_MS : SLOW_MS);
    this.#slow = slow ? this.#slow + 1 : 0;
    this.#fast = slow ? 0 : this.#fast + 1;
    if (this.#slow >= SLOW_IN_A_ROW) {
      this.#notBeforeMs = nowMs + Math.min(LONGEST_REST_MS, REST * tookMs);
      if (this.#since < SHRINK_AFTER || this.#scale <= SMALLEST) return;
      this.#growAfter *= 2;
      this.#resize(Math.max(SMALLEST, this.#scale * STEP));
    } else if (this.#fast >= this.#growAfter && this.#since >= this.#growAfter && this.#scale < 1)
      this.#resize(Math.min(1, this.#scale / STEP));
  }

  #resize(scale: number) {
    this.#scale = scale;
    this.#since = 0;
  }
}
