import type { Backend } from '../backend/backend.ts';
import type { MotionFrame } from '../motion.ts';

/** One generated frame and what the encoder heard at it. */
export type GeneratedFrame = MotionFrame & {
  /** [R, 40] phone probabilities. */
  readonly phones: Float32Array;
  /** [R] probability of voicing. */
  readonly voicing: Float32Array;
  /** Wall time of the tick that gave the frame, in milliseconds. */
  readonly tickMs: number;
};

/**
 * Mel in, motion out: feeds a backend one tick (1/30 s) at a time and numbers what comes out.
 * The cost of a tick is constant, whatever the length of the talk.
 */
export class Generator {
  readonly #backend: Backend;
  readonly #lookahead: number;
  #ticks: number;

  /** `lookahead` in ticks: the frame of tick n is n − lookahead. `ticks` goes on counting after a change of backend. */
  constructor(backend: Backend, lookahead: number, ticks = 0) {
    this.#backend = backend;
    this.#lookahead = lookahead;
    this.#ticks = ticks;
  }

  /** Ticks so far. */
  get ticks() {
    return this.#ticks;
  }

  /**
   * Takes the log-mel rows [R, 2, 80] of the next tick; gives the frame that became complete, if any. With `listenOnly`
   * there is none, later ones keep their time.
   */
  async tick(mel: Float32Array, listenOnly = false): Promise<GeneratedFrame | undefined> {
    const begin = performance.now();
    const { face, phones, voicing } = await this.#backend.tick(mel, listenOnly);
    const frameIndex = this.#ticks++ - this.#lookahead;
    return face && { frameIndex, face, phones, voicing, tickMs: performance.now() - begin };
  }

  /** Leaves the next tick out, when the machine cannot keep up: its frame never comes, later ones keep their time. */
  skip() {
    this.#ticks++;
  }

  /** Starts a new conversation at frame 0. */
  reset() {
    this.#ticks = 0;
    this.#backend.reset();
  }
}
