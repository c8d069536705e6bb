/** Above this many milliseconds a picture is slow: it is made smaller, and the next one waits. */
const SLOW_MS = 24;
/** Below this a smaller picture may grow again. */
const FAST_MS = 7;
/** After a slow picture, rest for this share of its time: voices and networks need the machine more than pixels do. */
const REST = 0.6;
const STEP = 0.85;
const SMALLEST = 0.62;
const SMOOTHING = 0.2;
/** Pictures between two changes of size; growing waits longer, twice as long after each time it was wrong. */
const SHRINK_AFTER = 6;
const GROW_AFTER = 180;

/**
 * Decides when the next picture is drawn and how large, from how long the ones before took. On a fast GPU that is each
 * time the display asks, in full; on a slow one fewer and smaller pictures, so that drawing never starves the motion.
 */
export class Pace {
  #scale = 1;
  #slowness: number;
  #since = 0;
  #growAfter = GROW_AFTER;
  #polls = 0;
  #beganMs = Number.NaN;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** `slow` starts careful, for a renderer known to be software. */
  constructor(slow = false) {
    this.#slowness = slow ? 2 * SLOW_MS : 0;
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
    // Done when first asked: however long the display takes between two pictures, drawing was faster.
    const tookMs = this.#polls === 1 ? 0 : nowMs - this.#beganMs;
    this.#beganMs = Number.NaN;
    this.#slowness += SMOOTHING * (tookMs - this.#slowness);
    this.#since++;
    if (this.#slowness > SLOW_MS) {
      this.#notBeforeMs = nowMs + REST * this.#slowness;
      if (this.#since < SHRINK_AFTER || this.#scale <= SMALLEST) return;
      this.#growAfter *= 2;
      this.#resize(Math.max(SMALLEST, this.#scale * STEP));
    } else if (this.#slowness < FAST_MS && this.#since >= this.#growAfter && this.#scale < 1)
      this.#resize(Math.min(1, this.#scale / STEP));
  }

  #resize(scale: number) {
    this.#scale = scale;
    this.#since = 0;
  }
}
