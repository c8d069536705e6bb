import type { BackendState, BodyWork, Conditions, MotionCodes } from './backend.ts';

/** What the next codes depend on besides speech. */
export type ShownLast = {
  /** [2, 24] z of the behaviour that was shown. */
  readonly motion: Float32Array;
  /** [4, 2] the codes drawn before. */
  readonly drawn: Float32Array;
};

/** Codes, and what they say of the frame to come. */
export type Drawn = {
  /** [4, 2], as in a tick. */
  readonly codes: Float32Array;
  /** [2, 24] z as the listener's and the speaker's codes have it, persons in order. */
  readonly listener: Float32Array;
  readonly speaker: Float32Array;
};

/** What a movement remembers. */
export type MovementState = {
  readonly blocks: Readonly<Record<BodyWork['network'], number>>;
  readonly tensors: BackendState['tensors'];
};

/**
 * The networks that make the frames to come, codes and bodies, for which nobody waits who looks at a frame; so they may live
 * on another thread. What is asked for is done in the order in which it is asked for.
 */
export interface Movement {
  /** Whether it works on another thread, beside whoever asks. */
  readonly elsewhere: boolean;
  /** Hears a tick's tokens [2, C], and after a frame draws the codes of the next one. */
  hear(token: Float32Array, shown: ShownLast | undefined): Promise<Drawn | undefined>;
  /** The body's share of a tick, given the newest heads [2, 4, 3]; gives the block [2, 8, F] when it ended. */
  move(work: BodyWork, head: Float32Array): Promise<Float32Array | undefined>;
  /** Codes of a motion, see {@link Backend.encodeMotion}. */
  encode(motion: Float32Array): Promise<MotionCodes>;
  setConditions(conditions: Conditions): Promise<void>;
  save(): Promise<MovementState>;
  /** Goes on from a saved state; throws `asset`, and changes nothing, when it does not fit. */
  restore(state: BackendState): Promise<void>;
  reset(placement: Float32Array): Promise<void>;
  dispose(): void;
}
