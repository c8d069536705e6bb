import type { StepRule } from './schedule.ts';

/** DDIM steps, 1…8: of a face frame and of a body block, or one number for both. */
export type Steps = number | { readonly face: number; readonly body: number };

/**
 * What is shipped. Lips are hidden from the face's own noise and come out alike after one step and after four, and what one
 * step lacks, the upper face, comes from the codes; a body is drawn in four.
 */
export const DEFAULT_STEPS = { face: 1, body: 4 } as const satisfies Steps;

/** The steps of both kinds of blocks. */
export const stepsOf = (steps: Steps): { readonly face: number; readonly body: number } =>
  typeof steps === 'number' ? { face: steps, body: steps } : steps;

/** How blocks and codes are sampled. */
export type SamplerOptions = {
  /** DDIM steps, see {@link Steps}. */
  readonly steps: Steps;
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
