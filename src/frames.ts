import { invariant } from './errors.ts';
import type { ArrivedFrame } from './workers/motion.player.ts';

/** Two seconds: who is further behind shows a past that nobody hears any more. */
const KEPT_FRAMES = 60;

/**
 * Motion frames in the order they arrive, for whoever draws by other means: `for await (const frame of duo.frames())`.
 * Ends when the conversation is disposed of. Who takes them too slowly loses the oldest, counted in {@link dropped}.
 */
export class FrameIterator implements AsyncIterableIterator<ArrivedFrame, undefined> {
  readonly #capacity: number;
  readonly #onEnd: (iterator: FrameIterator) => void;
  readonly #kept: ArrivedFrame[] = [];
  readonly #waiting: ((result: IteratorResult<ArrivedFrame, undefined>) => void)[] = [];
  #dropped = 0;
  #ended = false;

  /** @internal */
  constructor(onEnd: (iterator: FrameIterator) => void, capacity = KEPT_FRAMES) {
    invariant(capacity >= 1, `frames: capacity is ${capacity}, expected at least 1`);
    this.#onEnd = onEnd;
    this.#capacity = capacity;
  }

  /** Frames that were left out because nobody took them in time. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @internal */
  push(frame: ArrivedFrame): void {
    if (this.#ended) return;
    const next = this.#waiting.shift();
    if (next) {
      next({ done: false, value: frame });
      return;
    }
    this.#kept.push(frame);
    if (this.#kept.length <= this.#capacity) return;
    this.#kept.shift();
    this.#dropped++;
  }

  next(): Promise<IteratorResult<ArrivedFrame, undefined>> {
    const value = this.#kept.shift();
    if (value) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends it; what a `break` out of the loop does. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** @internal */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#kept.length = 0;
    for (const settle of this.#waiting.splice(0)) settle({ done: true, value: undefined });
    this.#onEnd(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
