import type { GeneratedFrame, GeneratorState, GeneratorStats } from '../model/generator.ts';
import { FRAME_RATE_HZ, type MotionFrame } from '../motion.ts';

/** One frame of both persons, and what the networks heard and thought at it; the arrays are the caller's to keep. */
export type CoreFrame = MotionFrame & {
  /** Where the frame stands: `frameIndex / 30` s after the first sample. */
  readonly timeS: number;
  /** [2, 40] phone probabilities, in the order of `Core.phones`. */
  readonly phones: Float32Array;
  /** Probability of voicing of each person, 0…1. */
  readonly voicing: readonly [number, number];
  /** How much each person has the turn, 0 listening … 1 speaking. */
  readonly turn: readonly [number, number];
  /** [4, 2] codes: row 2i of the listener 1 − i, row 2i + 1 of the speaker i; undefined on the tier `visemes`. */
  readonly codes: Float32Array | undefined;
  /** Wall time that its networks took, in milliseconds. */
  readonly tickMs: number;
};

/** All that a talk remembers; plain data that a structured clone keeps whole. */
export type CoreState = GeneratorState;

/** What was left out so far. */
export type CoreStats = GeneratorStats & {
  /** Samples that were NaN or infinite and were taken as silence. */
  readonly nonFinite: number;
  /** Frames that were left out in real time because the machine could not keep up. */
  readonly skippedFrames: number;
  /** Times that a GPU device was lost and another one was opened. */
  readonly restarts: number;
};

/** A generated frame, whose arrays the next one overwrites, to keep. */
export function copyOf(frame: GeneratedFrame): CoreFrame {
  const { frameIndex, face, body, phones, voicing, turn, codes, tickMs } = frame;
  return {
    frameIndex,
    timeS: frameIndex / FRAME_RATE_HZ,
    face: face.slice(),
    body: body?.slice(),
    phones: phones.slice(),
    voicing: [voicing[0], voicing[1]],
    turn: [turn[0], turn[1]],
    codes: codes?.slice(),
    tickMs,
  };
}
