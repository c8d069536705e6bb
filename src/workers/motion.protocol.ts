import type { BackendInfo, Conditions, Tier } from '../engine/backend/backend.ts';
import type { BackendChoice } from '../engine/backend/open.ts';
import type { Placement } from '../engine/body/body.ts';
import type { GeneratorStats } from '../engine/model/generator.ts';
import type { SamplerOptions } from '../engine/model/sampler.ts';
import type { StreamEnd } from './stream.ts';

/** What a conversation is generated with. */
export type MotionRequest = {
  /** Folder of the model files, absolute. */
  readonly modelBaseUrl: string;
  readonly backend: BackendChoice;
  readonly sampler: SamplerOptions;
  readonly conditions: Conditions;
  /** How the two stand to each other at the beginning. */
  readonly placement: Placement;
};

/** What another worker comes back to after one has crashed, and why. */
export type TakeOver = {
  readonly tier: Tier;
  readonly why: string;
  /** A better tier that ran once, and is tried again later. */
  readonly best?: Tier | undefined;
  /** How often a tier was left because of crashes so far: the more, the later a better one is tried again. */
  readonly falls?: number | undefined;
};

/** What the motion worker needs to load its networks. */
export type LoadRequest = MotionRequest & {
  /** Takes messages [loadedBytes, totalBytes]. */
  readonly progress?: MessagePort | undefined;
  /** Takes {@link WorkerNews}. */
  readonly news?: MessagePort | undefined;
  /** The name of a lock to hold for as long as the worker lives. */
  readonly lock?: string | undefined;
  /** Loads the lips at once, and this tier after that. */
  readonly takeOver?: TakeOver | undefined;
  /** Files that an earlier worker has loaded, by their names: they are not fetched again. */
  readonly files?: ReadonlyMap<string, Blob> | undefined;
};

/** What the motion worker tells by itself, as soon as it happens. */
export type WorkerNews = {
  /** What runs from now on. */
  readonly info?: BackendInfo;
  /** The tier that is being opened after that. */
  readonly goal?: Tier | undefined;
  /** A better tier that ran once, and is tried again later. */
  readonly best?: Tier | undefined;
  /** Whether networks are being opened, which may keep the worker busy. */
  readonly opening?: boolean;
  /** The lock is held. */
  readonly locked?: true;
  /** All files that were loaded. */
  readonly files?: ReadonlyMap<string, Blob>;
};

/** Where on the clock a conversation began that another worker goes on with; context frames. */
export type Origin = {
  readonly startFrame: number;
  /** Up to where sound became motion. */
  readonly heardFrame: number;
};

/** Counters of the motion worker since `run`. */
export type WorkerStats = GeneratorStats & {
  /** What runs now, and why. */
  readonly info: BackendInfo;
  readonly frames: number;
  /** Median and 95th percentile of a tick's wall time, in milliseconds. */
  readonly tickMsP50: number;
  readonly tickMsP95: number;
  /** Median GPU time of a tick over the last second, in milliseconds; NaN without a GPU or a clock on it. */
  readonly gpuMs: number;
  /** 16 kHz samples that never arrived and were taken as silence. */
  readonly gapSamples: number;
  /** NaN or infinite samples that were taken as silence. */
  readonly nonFinite: number;
  /** Frames that the page was too late to take. */
  readonly droppedFrames: number;
  /** Frames that were skipped because the machine could not keep up. */
  readonly skippedFrames: number;
  /** Times the networks began anew, because a device was lost, something failed or a worker crashed. */
  readonly restarts: number;
};

/** Everything the page may ask of the motion worker. Types only: importing this file loads no code. */
export interface MotionWorker {
  load(request: LoadRequest): Promise<BackendInfo>;
  /**
   * Takes sound from a capture stream and gives motion blocks until `stop`; settles then, or rejects when the backend
   * fails for good. A lost GPU device is not a failure: the networks are loaded again and the talk goes on. With an
   * `origin` frames are numbered from there.
   */
  run(sound: StreamEnd, contextRateHz: number, motion: StreamEnd, origin?: Origin): Promise<void>;
  /** Takes sound from another capture stream, in the same time. */
  listen(sound: StreamEnd): Promise<void>;
  setConditions(conditions: Conditions): Promise<void>;
  /** Changes what runs the networks, without losing the talk; the old backend goes on when the new one cannot run. */
  setBackend(choice: BackendChoice): Promise<BackendInfo>;
  /** Forgets the conversation and begins a new one at frame 0. */
  reset(): Promise<void>;
  /** Stops generating while motion comes from elsewhere; `false` begins a new conversation with the next sound. */
  rest(resting: boolean): Promise<void>;
  /** Whether the page is seen: better tiers are tried only then. */
  setVisible(visible: boolean): Promise<void>;
  stats(): Promise<WorkerStats>;
  stop(): Promise<void>;
}
