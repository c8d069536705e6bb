import type { StepRule } from './schedule.ts';

/** How blocks and codes are sampled. */
export type SamplerOptions = {
  /** DDIM steps, 1…8. */
  readonly steps: number;
  /** DDIM eta: 0 is deterministic given the first noise, 1 is DDPM-like. */
  readonly eta: number;
  /** Seed of the noise; the same seed gives the same motion. */
  readonly seed: number;
  /** Classifier-free guidance scale of the face and of both body networks; 1, the default, is off and costs nothing. */
  readonly guidance?: { readonly face: number; readonly body: number };
  /** How a step is taken; default `ddim`. Released DiffSpeaker weights need `x0-replacement`. */
  readonly rule?: StepRule;
  /** How codes are drawn (DIM 3.3); temperature 0 takes the likeliest. The default is what the weights were tuned for. */
  readonly codes?: { readonly temperature?: number; readonly topK?: number };
};
