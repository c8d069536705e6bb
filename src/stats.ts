import type { BackendInfo } from './engine/backend/backend.ts';

/** Figures of the running conversation; times in milliseconds, NaN before the first frame. */
export type DuologueStats = {
  /** From a sound on the audio clock to its frame on the timeline. */
  readonly latencyMsP50: number;
  readonly latencyMsP95: number;
  /**
   * Picture minus sound of the pictures of the last ten seconds, positive where the picture was late: the moment that a
   * picture shows, held motion as old as it is, against what the loudspeaker gives as it gets onto the screen.
   */
  readonly skewMsP2_5: number;
  readonly skewMsP50: number;
  readonly skewMsP97_5: number;
  /** By how much sound that is played is delayed to meet its motion. */
  readonly delayMs: number;
  /** Median wall time of one block (a frame of both persons). */
  readonly blockMs: number;
  /** blockMs over the time that a frame lasts; above 1 the machine cannot keep up. */
  readonly realTimeFactor: number;
  /** GPU time of a block; NaN where nothing runs on a GPU, or it does not tell. */
  readonly gpuMs: number;
  /** Frames of the conversation so far. */
  readonly frames: number;
  /** Frames that came after the picture had passed their moment. */
  readonly lateFrames: number;
  /** Moments of frames that the picture passed without their frame. */
  readonly heldFrames: number;
  /** Frames for which the bodies were held, because their block was late. */
  readonly heldBodyFrames: number;
  /** Frames left out because the machine fell two seconds behind, or the page could not take them, since somebody can be heard. */
  readonly lostFrames: number;
  /** 16 kHz samples that never came and were taken as silence. */
  readonly gapSamples: number;
  /** How often the networks began anew, because a device was lost or a worker crashed. */
  readonly restarts: number;
  /** RMS level of each voice, dB of full scale. */
  readonly level: readonly [number, number];
  readonly speaking: readonly [boolean, boolean];
  /** What runs the networks now, and why. */
  readonly info: BackendInfo;
};
