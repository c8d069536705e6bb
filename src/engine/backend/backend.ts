import type { SamplerOptions } from '../model/sampler.ts';

/** How the two persons are and stand: the conditions of InterAct 4.1 and 4.2, as indices into embeddings. */
export type Conditions = {
  /** Speaking style of each person, 0…3. */
  readonly style: readonly number[];
  /** 1 where the person faces the other, else 0. */
  readonly facing: readonly number[];
  /** Emotion group of each person, 0…6: neutral, surprise, fear, social, self, positive, negative. */
  readonly emotion: readonly number[];
  /** Action mode of each person, 0…2: stand, walk, sit. Default stand. */
  readonly action?: readonly number[];
  /** Relationship of the two, 0…5: none, family, friends, work, school, professional. Default none. */
  readonly relationship?: number;
  /** [2, 768] features of the words of each person, for agents whose words are known; zeros (the default) are none. */
  readonly text?: Float32Array;
};

/** Which networks run where, and why. */
export type BackendInfo = {
  readonly backend: Tier;
  /** The adapter's name, or the WASM build that runs. */
  readonly adapter: string;
  readonly reason: string;
};

/** What runs: our WGSL kernels, ONNX graphs in WebAssembly, or lips from the speech encoder alone. */
export type Tier = 'webgpu' | 'wasm' | 'visemes';

/** The two body networks, in the order they run (InterAct 4.2). */
export type BodyNetwork = 'lower' | 'upper';

/** The body's share of a tick: denoising steps `from`…`to`−1 of one network's block. */
export type BodyWork = {
  readonly network: BodyNetwork;
  /** There where the block begins: [2, 6] placement of each person (x, z, distance, sin, cos, 1/distance). */
  readonly placement?: Float32Array;
  readonly from: number;
  /** Reaching the sampler's last step ends the block: it enters the rings and comes back. */
  readonly to: number;
};

/** What a backend is to do in a tick besides listening; the scheduler decides. */
export type TickWork = {
  /** Make the face, the codes and the head of the frame that became complete. */
  readonly frame: boolean;
  readonly body?: BodyWork;
  /** May hear of the frame before the rest of the tick's work is done, which nobody who looks at it waits for. */
  readonly onFrame?: (tick: Tick) => void;
};

/** What one tick gives; the arrays are overwritten by the next tick. */
export type Tick = {
  /** [2, 51] ARKit weights 0…1 of the face network; undefined when no frame was asked for. */
  readonly face: Float32Array | undefined;
  /** [2, 24] the emitted listening and speaking behaviour (21 ARKit weights 0…1, head exp-map in rad); undefined without a frame, and on the tier `visemes`. */
  readonly behaviour: Float32Array | undefined;
  /** [4, 2] the codes behind it, drawn after the frame before: row 2i listener codes of person 1 − i, row 2i + 1 speaker codes of person i. */
  readonly codes: Float32Array | undefined;
  /** [2] how much each person has the turn, 0 listening … 1 speaking. */
  readonly turn: Float32Array;
  /**
   * [2, 8, F] the block of `work.body` when it ended: 27 lower or 47 upper features in physical units. A promise where it
   * is made on another thread; it settles before the next tick's frame is told.
   */
  readonly body: Float32Array | Promise<Float32Array | undefined> | undefined;
  /** [2, 40] phone probabilities of the frame. */
  readonly phones: Float32Array;
  /** [2] probability of voicing of the frame. */
  readonly voicing: Float32Array;
};

/** Codes of a motion, one row a frame: [n, 2, 2] person, group. */
export type MotionCodes = { readonly listener: Uint16Array; readonly speaker: Uint16Array };

/** All that a backend remembers of a conversation; both full tiers read each other's. */
export type BackendState = {
  readonly version: 1;
  /** Ticks heard, frames made, blocks emitted by each body network. */
  readonly counters: Readonly<Record<'ticks' | 'frames' | 'lower' | 'upper', number>>;
  /** Convolution tails, key/value rings, last codes and frames, by name, row-major. */
  readonly tensors: Readonly<Record<string, Float32Array>>;
};

/** Runs the networks of one conversation, one tick (1/30 s) at a time; owns all carried state. */
export interface Backend {
  readonly info: BackendInfo;
  /** Whether it makes `behaviour` and `body`; the tier `visemes` has lips only. */
  readonly full: boolean;
  /** Median GPU time of a tick (ms) over the last second; absent or NaN where there is no GPU, or no clock on it. */
  readonly gpuMs?: number;
  /**
   * Takes the tick's log-mel rows [2, 2, 80], listens, and does the work asked for. A machine that fell behind asks for
   * none and catches up without losing the thread.
   */
  tick(mel: Float32Array, work: TickWork): Promise<Tick>;
  /** Changes the conditions from the next frame and the next body block on. */
  setConditions(conditions: Conditions): Promise<void>;
  /** Turns a motion [n, 2, 24] of both persons into codes with both VQ encoders; leaves the conversation untouched. */
  encodeMotion(motion: Float32Array): Promise<MotionCodes>;
  /** A copy of everything remembered. */
  save(): Promise<BackendState>;
  /** Goes on from a saved state; throws `asset` when it does not fit the networks. */
  restore(state: BackendState): Promise<void>;
  /** Forgets the conversation: state, rings and counts start again. `placement` [2, 6] is where the two begin to stand. */
  reset(placement?: Float32Array): Promise<void>;
  dispose(): void;
}

/** What both backends are made from. */
export type BackendOptions = {
  readonly sampler: SamplerOptions;
  readonly conditions: Conditions;
};
