/** How the face block is sampled. */
export type SamplerOptions = {
  /** DDIM steps, 1…8. */
  readonly steps: number;
  /** DDIM eta: 0 is deterministic given the first noise, 1 is DDPM-like. */
  readonly eta: number;
  /** Seed of the noise; the same seed gives the same motion. */
  readonly seed: number;
};
