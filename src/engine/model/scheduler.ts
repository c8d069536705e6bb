import type { BodyNetwork } from '../backend/backend.ts';
import { BODY_BLOCK } from '../motion.ts';

/** How much of a tick's work a machine does: all, no body, or only listening. */
export type Effort = 'all' | 'frame' | 'listen';

/** Ticks of backlog (a fifth of a second) beyond which the body is left out: a frame more or less of a body shows least. */
const BODY_BACKLOG = 6;

/** Ticks of backlog (a third of a second) beyond which faces are left out too: hearing alone costs a fraction, so it catches up. */
const FRAME_BACKLOG = 10;

/** The effort for a tick behind which `waiting` more ticks of sound stand. */
export const effortFor = (waiting: number): Effort =>
  waiting > FRAME_BACKLOG ? 'listen' : waiting > BODY_BACKLOG ? 'frame' : 'all';

/** The body's share of a tick: steps `from`…`to`−1 of a network's block of frames 8·`block`…8·`block` + 7. */
export type BodyShare = {
  readonly network: BodyNetwork;
  readonly block: number;
  readonly begins: boolean;
  readonly from: number;
  readonly to: number;
};

/**
 * Spreads the body over ticks so that none has more than its share: four ticks of the lower network's denoising steps,
 * then four of the upper's, which ends when the block's first frame is due. The frame of tick n is n − `lookahead`;
 * block b ≥ 1 is under way in ticks 8b − 6 … 8b + 1 (with a look-ahead of 2). A block that misses one tick is dropped.
 */
export class BodySchedule {
  readonly #lookahead: number;
  readonly #steps: number;
  #block = -1;
  #due = 0;
  #dropped = 0;

  /** `steps` of the sampler: more than four double up, fewer leave ticks free. */
  constructor(lookahead: number, steps: number) {
    this.#lookahead = lookahead;
    this.#steps = steps;
  }

  /** Blocks that were begun and not finished, or not begun at their time, so far. */
  get dropped() {
    return this.#dropped;
  }

  /** The body's work in tick `tick`; `works` says whether the tick has time for a body. */
  next(tick: number, works: boolean): BodyShare | undefined {
    const since = tick - this.#lookahead;
    if (since < 0) return undefined;
    const phase = since % BODY_BLOCK;
    const half = BODY_BLOCK / 2;
    if (phase === 0) {
      this.#block = Math.floor(since / BODY_BLOCK) + 1;
      this.#due = tick;
    }
    if (this.#block < 0) return undefined;
    if (!works || tick !== this.#due) {
      this.#block = -1;
      this.#dropped++;
      return undefined;
    }
    this.#due = tick + 1;
    const at = (ticks: number) => Math.ceil((ticks * this.#steps) / half);
    const from = at(phase % half);
    const to = at((phase % half) + 1);
    if (from === to) return undefined;
    return {
      network: phase < half ? 'lower' : 'upper',
      block: this.#block,
      begins: from === 0,
      from,
      to,
    };
  }

  /** Starts again: the block under way is forgotten without being counted. */
  reset() {
    this.#block = -1;
    this.#dropped = 0;
  }

  /** What a saved conversation must know of the schedule. */
  save(): { readonly block: number; readonly due: number; readonly dropped: number } {
    return { block: this.#block, due: this.#due, dropped: this.#dropped };
  }

  /** Goes on from what `save` gave. */
  restore({ block, due, dropped }: ReturnType<BodySchedule['save']>) {
    this.#block = block;
    this.#due = due;
    this.#dropped = dropped;
  }
}
