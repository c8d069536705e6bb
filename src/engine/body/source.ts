import { BODY_BLOCK, FRAME_RATE_HZ } from '../motion.ts';
import type { Blocks } from './blocks.ts';
import { EdgeSmooth, edgeState } from './smooth.ts';

/** A body whose block is late keeps its pose for so long, then eases to rest. */
const HOLD_S = 0.25;
const EASE_S = 0.7;

const AGE = 0;
const FROM = 1;
const OWN = 2;

/** Numbers of state of a {@link Source} with so many features. */
export const sourceState = (features: number) => OWN + features + edgeState(features);

/**
 * The features of one person's half of the body, frame by frame: those of a block where it is there, else the last ones,
 * held and eased to rest; without a jump from one to the other.
 */
export class Source {
  /** The features of the frame that {@link advance} went to. */
  readonly values: Float64Array;
  readonly #blocks: Blocks;
  readonly #person: number;
  readonly #rest: Float64Array;
  readonly #state: Float64Array;
  readonly #last: Float64Array;
  readonly #edges: EdgeSmooth;

  /** `jumps` of each feature are those of {@link EdgeSmooth}; `state` holds {@link sourceState} numbers. */
  constructor(blocks: Blocks, person: number, rest: Float64Array, jumps: Float64Array, state: Float64Array) {
    const features = rest.length;
    this.#blocks = blocks;
    this.#person = person;
    this.#rest = rest;
    this.#state = state;
    this.values = new Float64Array(features);
    this.#last = state.subarray(OWN, OWN + features);
    this.#edges = new EdgeSmooth(jumps, state.subarray(OWN + features));
  }

  /** Frames since features came; 0 while they come. */
  get age(): number {
    return this.#state[AGE];
  }

  /** Begins anew, at rest. */
  reset(): void {
    this.#state[AGE] = 0;
    this.#state[FROM] = -1;
    this.#last.set(this.#rest);
    this.#edges.reset(this.#rest);
    this.values.set(this.#rest);
  }

  /** Goes on to a frame; returns false where its features are not there. */
  advance(frame: number): boolean {
    const state = this.#state;
    const at = this.#blocks.find(this.#person, frame);
    const from = at < 0 ? -1 : Math.floor(frame / BODY_BLOCK);
    const edge = from !== state[FROM];
    state[FROM] = from;
    if (at >= 0) {
      state[AGE] = 0;
      for (let f = 0; f < this.values.length; f++) this.#last[f] = this.#blocks.values[at + f];
      this.values.set(this.#last);
    } else {
      state[AGE]++;
      const t = Math.min(1, Math.max(0, (state[AGE] / FRAME_RATE_HZ - HOLD_S) / EASE_S));
      const share = t * t * (3 - 2 * t);
      for (let f = 0; f < this.values.length; f++)
        this.values[f] = this.#last[f] + (this.#rest[f] - this.#last[f]) * share;
    }
    this.#edges.apply(this.values, 0, edge);
    return at >= 0;
  }
}
