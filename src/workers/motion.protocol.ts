import type { BackendInfo, Conditions } from '../engine/backend/backend.ts';
import type { BackendChoice } from '../engine/backend/open.ts';
import type { Placement } from '../engine/body/body.ts';
import type { GeneratorStats } from '../engine/model/generator.ts';
import type { SamplerOptions } from '../engine/model/sampler.ts';
import type { StreamEnd } from './stream.ts';

/** What the motion worker needs to load its networks. */
export type LoadRequest = {
  /** Folder of the model files, absolute. */
  readonly modelBaseUrl: string;
  readonly backend: BackendChoice;
  readonly sampler: SamplerOptions;
  readonly conditions: Conditions;
  /** How the two stand to each other at the beginning. */
  readonly placement: Placement;
  /** Takes messages [loadedBytes, totalBytes]. */
  readonly progress: MessagePort;
};

/** Counters of the motion worker since `run`. */
export type WorkerStats = GeneratorStats & {
  /** What runs now, and why. */
  readonly info: BackendInfo;
  readonly frames: number;
  /** Median and 95th percentile of a tick's wall time, in milliseconds. */
  readonly tickMsP50: number;
  readonly tickMsP95: number;
  /** 16 kHz samples that never arrived and were taken as silence. */
  readonly gapSamples: number;
  /** NaN or infinite samples that were taken as silence. */
  readonly nonFinite: number;
  /** Frames that the page was too late to take. */
  readonly droppedFrames: number;
  /** Frames that were skipped because the machine could not keep up. */
  readonly skippedFrames: number;
  /** Times the GPU device was lost and the networks were loaded again. */
  readonly restarts: number;
};

/** Everything the page may ask of the motion worker. Types only: importing this file loads no code. */
export interface MotionWorker {
  load(request: LoadRequest): Promise<BackendInfo>;
  /**
   * Takes sound from a capture stream and gives motion blocks until `stop`; settles then, or rejects when the backend
   * fails for good. A lost GPU device is not a failure: the networks are loaded again and the talk goes on.
   */
  run(sound: StreamEnd, contextRateHz: number, motion: StreamEnd): Promise<void>;
  setConditions(conditions: Conditions): Promise<void>;
  /** Changes what runs the networks, without losing the talk; the old backend goes on when the new one cannot run. */
  setBackend(choice: BackendChoice): Promise<BackendInfo>;
  /** Forgets the conversation and begins a new one at frame 0. */
  reset(): Promise<void>;
  /** Stops generating while motion comes from elsewhere; `false` begins a new conversation with the next sound. */
  rest(resting: boolean): Promise<void>;
  stats(): Promise<WorkerStats>;
  stop(): Promise<void>;
}
