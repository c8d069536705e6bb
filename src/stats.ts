import type { BackendInfo } from './engine/backend/backend.ts';

/** Figures of the running conversation; times in milliseconds, NaN before the first frame. */
export type DuologueStats = {
  /** From a sound on the audio clock to its frame on the timeline. */
  readonly latencyMsP50: number;
  readonly latencyMsP95: number;
  /** By how much sound that is played is delayed to meet its motion. */
  readonly delayMs: number;
  /** Median wall time of one block (a frame of both persons). */
  readonly blockMs: number;
  /** blockMs over the time that a frame lasts; above 1 the machine cannot keep up. */
  readonly realTimeFactor: number;
  readonly frames: number;
  readonly lateFrames: number;
  readonly heldFrames: number;
  /** Frames for which the bodies were held, because their block was late. */
  readonly heldBodyFrames: number;
  /** Frames left out because the machine fell two seconds behind, or the page could not take them. */
  readonly lostFrames: number;
  readonly gapSamples: number;
  /** RMS level of each voice, dB of full scale. */
  readonly level: readonly [number, number];
  readonly speaking: readonly [boolean, boolean];
  /** What runs the networks now, and why. */
  readonly info: BackendInfo;
};
