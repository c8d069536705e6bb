/** How the voice of one person comes through the other person's microphone. */
export type BleedPath = {
  /** Whether it does, with hysteresis. */
  readonly heard: boolean;
  /** By how much the voice is later in the other microphone, up to ±8 s; negative when that device is the faster one. */
  readonly lagMs: number;
  /** How loud it is there, against its own microphone; NaN until it was measured. */
  readonly gainDb: number;
  /** Coherence of the two at that lag while the voice speaks, 0 … 1. */
  readonly score: number;
};

/** Whether two voices hear each other. */
export type BleedReport = {
  /**
   * `none`; `one-way`: the voice of `source` is in the other microphone too; `both-ways`: each is in the other's;
   * `same`: both microphones give one and the same sound, so nobody can say whose it is.
   */
  readonly kind: 'none' | 'one-way' | 'both-ways' | 'same';
  /** The person whose voice leaks, where it is one. */
  readonly source: 0 | 1 | undefined;
  /** Person 0's voice in person 1's microphone, and the other way round. */
  readonly paths: readonly [BleedPath, BleedPath];
};
