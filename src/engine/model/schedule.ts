import { EngineError } from '../../errors.ts';
import type { Prediction, StepRule } from '../../kernels/ddim/ddim.ts';

/**
 * A DDPM noise schedule of T betas. `scaled_linear`, the default, spaces √β evenly (DiffSpeaker: T 1000, 0.00085 to
 * 0.012); `linear` spaces β evenly (LDA: T 150, 0.01 to 0.7).
 */
export type ScheduleConfig = {
  readonly T: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betas?: 'scaled_linear' | 'linear';
  /** Which steps are visited, default `trailing`. */
  readonly spacing?: Spacing;
  /** Whether steps take so much of the noise that data of unit variance keep it; plain DDIM otherwise. */
  readonly keeps?: 'variance';
};

export type { StepRule } from '../../kernels/ddim/ddim.ts';

/**
 * Which diffusion steps are visited. `trailing`, ours, starts at T − 1 and ends at the data itself; `quadratic`, of the
 * bodies, likewise, but its steps stand closer towards the data (4 of 1000: 999, 562, 249, 62), so that what the last one
 * makes of its noise is no mean of many motions; `leading` is the one of diffusers: every ⌊T/S⌋-th step, shifted by one,
 * ending at ᾱ_0 (50 of 1000: 981, 961 … 1).
 */
export type Spacing = 'trailing' | 'quadratic' | 'leading';

/** What is not ours by default: for weights that were made for another sampler. */
export type StepOptions = {
  readonly spacing?: Spacing | undefined;
  readonly rule?: StepRule | undefined;
  /** What the network predicts; the rule makes a difference for `x0` only. */
  readonly prediction?: Prediction | undefined;
};

/**
 * What one step needs: x_prev = `sqrtAlphaBarPrev` · x0 + `direction` · ε + `sigma` · fresh noise, with
 * ε = (x − `sqrtAlphaBar` · x0) / `sqrtOneMinusAlphaBar`.
 */
export type DdimStep = {
  readonly t: number;
  readonly sqrtAlphaBar: number;
  readonly sqrtOneMinusAlphaBar: number;
  /** The weight of x0: √ᾱ_prev. Under `x0-replacement` it has taken over the weight of the noise too. */
  readonly sqrtAlphaBarPrev: number;
  /** The weight of ε: √(1 − ᾱ_prev − σ²), more where variance is kept, and 0 under `x0-replacement`. */
  readonly direction: number;
  readonly sigma: number;
};

/** ᾱ_t for t = 0…T−1: the product of 1 − β. */
export function alphaBars({ T, betaStart, betaEnd, betas = 'scaled_linear' }: ScheduleConfig): Float64Array {
  const scaled = betas === 'scaled_linear';
  const first = scaled ? Math.sqrt(betaStart) : betaStart;
  const last = scaled ? Math.sqrt(betaEnd) : betaEnd;
  const out = new Float64Array(T);
  let product = 1;
  for (let t = 0; t < T; t++) {
    const at = first + ((last - first) * t) / (T - 1);
    product *= 1 - (scaled ? at * at : at);
    out[t] = product;
  }
  return out;
}

/**
 * The diffusion steps visited with `steps` passes, from noise to clean. Trailing: t_i = ⌊T(S−i)/S + ½⌋ − 1; quadratic:
 * t_i = ⌊T((S−i)/S)² + ½⌋ − 1, at least 0; leading: t_i = ⌊T/S⌋(S−1−i) + 1. Throws `unsupported` where the schedule has too few steps.
 */
export function visitedSteps(T: number, steps: number, spacing: Spacing = 'trailing'): number[] {
  const ratio = Math.floor(T / steps);
  const most = spacing === 'leading' ? ratio * (steps - 1) + 1 : steps - 1;
  if (!Number.isInteger(steps) || steps < 1 || most >= T)
    throw new EngineError('unsupported', `steps is ${steps}, which a schedule of ${T} cannot give`, {
      hint: `Use a whole number of steps below ${T}.`,
    });
  const power = spacing === 'quadratic' ? 2 : 1;
  return Array.from({ length: steps }, (_, i) =>
    spacing === 'leading'
      ? ratio * (steps - 1 - i) + 1
      : Math.max(0, Math.floor(T * ((steps - i) / steps) ** power + 0.5) - 1),
  );
}

/**
 * The weight of ε in a step from ᾱ `now` to ᾱ `prev` that adds noise of `sigma`. x0 is a mean of all that may be meant,
 * and few steps of plain DDIM end nearer to that mean than any motion is (0.3 to 0.7 of its spread at 4 steps); a schedule
 * that keeps the variance takes as much more of ε as makes data of unit variance keep theirs.
 */
function directionOf({ keeps }: ScheduleConfig, now: number, prev: number, sigma: number): number {
  if (keeps !== 'variance' || prev === 1) return Math.sqrt(Math.max(0, 1 - prev - sigma * sigma));
  return Math.max(0, Math.sqrt(Math.max(0, 1 - sigma * sigma)) - Math.sqrt(prev * now)) / Math.sqrt(1 - now);
}

/**
 * The steps from pure noise to the data for any number of passes: DDIM with eta 0, ancestral DDPM with eta 1. Throws
 * `unsupported` where the schedule has too few steps or eta is not 0…1.
 */
export function denoisingSteps(
  schedule: ScheduleConfig,
  steps: number,
  eta: number,
  { spacing = schedule.spacing ?? 'trailing', rule = 'ddim', prediction = 'x0' }: StepOptions = {},
): DdimStep[] {
  if (!(eta >= 0 && eta <= 1))
    throw new EngineError('unsupported', `eta is ${eta}, expected a number from 0 to 1`, {
      hint: 'Use 0 for deterministic sampling.',
    });
  const bars = alphaBars(schedule);
  const times = visitedSteps(schedule.T, steps, spacing);
  const replaces = rule === 'x0-replacement' && prediction === 'x0';
  return times.map((t, i) => {
    const now = bars[t];
    const prev = i + 1 < steps ? bars[times[i + 1]] : spacing === 'leading' ? bars[0] : 1;
    const sigma = eta * Math.sqrt(((1 - prev) / (1 - now)) * (1 - now / prev));
    const noise = directionOf(schedule, now, prev, sigma);
    return {
      t,
      sqrtAlphaBar: Math.sqrt(now),
      sqrtOneMinusAlphaBar: Math.sqrt(1 - now),
      sqrtAlphaBarPrev: Math.sqrt(prev) + (replaces ? noise : 0),
      direction: replaces ? 0 : noise,
      sigma,
    };
  });
}

/** `denoisingSteps` within the engine's limit; throws `unsupported` outside 1…8 steps, eta 0…1. */
export function ddimSteps(
  schedule: ScheduleConfig,
  steps: number,
  eta: number,
  options: StepOptions = {},
): DdimStep[] {
  if (!Number.isInteger(steps) || steps < 1 || steps > 8)
    throw new EngineError('unsupported', `steps is ${steps}, expected a whole number from 1 to 8`, {
      hint: 'Leave it out: one step for faces and four for bodies are what the weights were tried with.',
    });
  return denoisingSteps(schedule, steps, eta, options);
}
