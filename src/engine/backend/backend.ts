import type { SamplerOptions } from '../model/sampler.ts';

/** The conditions of InterAct 4.1 for each person: indices into the embeddings of the face network. */
export type Conditions = {
  /** Speaking style of each person, 0…3. */
  readonly style: readonly number[];
  /** 1 where the person faces the other, else 0. */
  readonly facing: readonly number[];
  /** Emotion group of each person, 0…6: neutral, surprise, fear, social, self, positive, negative. */
  readonly emotion: readonly number[];
};

/** Which networks run where, and why. */
export type BackendInfo = {
  readonly backend: 'webgpu' | 'wasm';
  /** The adapter's name, or the WASM build that runs. */
  readonly adapter: string;
  readonly reason: string;
};

/** What one tick gives; the arrays are overwritten by the next tick. */
export type Tick = {
  /** [R, 51] ARKit weights 0…1 of frame `tickIndex − lookahead`; undefined while that is negative, or when only listening. */
  readonly face: Float32Array | undefined;
  /** [R, 40] phone probabilities of the same frame. */
  readonly phones: Float32Array;
  /** [R] probability of voicing of the same frame. */
  readonly voicing: Float32Array;
};

/** Runs the networks of one conversation, one tick (1/30 s) at a time; owns all carried state. */
export interface Backend {
  readonly info: BackendInfo;
  /**
   * Takes the tick's log-mel rows [R, 2, 80] and returns the frame that became complete. With `listenOnly` the encoder
   * hears them and no face is made: a machine that fell behind catches up without losing the thread.
   */
  tick(mel: Float32Array, listenOnly?: boolean): Promise<Tick>;
  /** Changes the conditions from the next tick on. */
  setConditions(conditions: Conditions): Promise<void>;
  /** Forgets the conversation: state, rings and frame count start again. */
  reset(): void;
  dispose(): void;
}

/** What both backends are made from. */
export type BackendOptions = {
  readonly sampler: SamplerOptions;
  readonly conditions: Conditions;
};
