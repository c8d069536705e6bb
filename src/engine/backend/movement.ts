import type { BackendState, BodyWork, Conditions, MotionCodes } from './backend.ts';

/** What a frame shows besides its lips; as in a tick. */
export type Shown = {
  /** [2, 24] the emitted behaviour. */
  readonly behaviour: Float32Array;
  /** [4, 2] the codes behind it. */
  readonly codes: Float32Array;
  /** [2] how much each person has the turn. */
  readonly turn: Float32Array;
};

/** What a movement remembers. */
export type MovementState = {
  readonly blocks: Readonly<Record<BodyWork['network'], number>>;
  readonly tensors: BackendState['tensors'];
};

/**
 * What moves besides the lips, behaviour and bodies, which need the speech tokens and nothing of each other's until a frame
 * is put together; so it may live on another thread. What is asked for is done in the order in which it is asked for.
 */
export interface Movement {
  /** Whether it works on another thread, beside whoever asks. */
  readonly elsewhere: boolean;
  /** Hears a tick's tokens [2, C]; with `voicing` [2] a frame is coming, whose codes are drawn at once. */
  hear(token: Float32Array, voicing: Float32Array | undefined): void;
  /** What the frame shows, given its face [2, 51]. */
  show(face: Float32Array): Promise<Shown>;
  /** The body's share of a tick; gives the block [2, 8, F] when it ended. */
  move(work: BodyWork): Promise<Float32Array | undefined>;
  /** Codes of a motion, see {@link Backend.encodeMotion}. */
  encode(motion: Float32Array): Promise<MotionCodes>;
  setConditions(conditions: Conditions): Promise<void>;
  save(): Promise<MovementState>;
  /** Goes on from a saved state; throws `asset`, and changes nothing, when it does not fit. */
  restore(state: BackendState): Promise<void>;
  reset(placement: Float32Array): Promise<void>;
  dispose(): void;
}
