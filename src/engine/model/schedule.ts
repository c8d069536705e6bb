import { EngineError } from '../../errors.ts';

/** A DDPM noise schedule: `steps` betas, spaced "scaled_linear" between two values (DiffSpeaker; T = 1000). */
export type ScheduleConfig = { readonly T: number; readonly betaStart: number; readonly betaEnd: number };

/**
 * How a step goes on from x0: `ddim` (Song et al. 2021, eq. 12), or `x0-replacement`, the step of diffusers 0.11, which
 * takes the network's x0 for the noise as well; released DiffSpeaker weights were sampled with it.
 */
export type StepRule = 'ddim' | 'x0-replacement';

/** What one DDIM step needs: ᾱ_t at hand and the weights of x0, of the noise direction and of fresh noise. */
export type DdimStep = {
  readonly t: number;
  readonly sqrtAlphaBar: number;
  readonly sqrtOneMinusAlphaBar: number;
  readonly sqrtAlphaBarPrev: number;
  readonly direction: number;
  readonly sigma: number;
};

/** ᾱ_t for t = 0…T−1: the product of 1 − β, with √β linear from √betaStart to √betaEnd. */
export function alphaBars({ T, betaStart, betaEnd }: ScheduleConfig): Float64Array {
  const out = new Float64Array(T);
  let product = 1;
  for (let t = 0; t < T; t++) {
    const root = Math.sqrt(betaStart) + ((Math.sqrt(betaEnd) - Math.sqrt(betaStart)) * t) / (T - 1);
    product *= 1 - root * root;
    out[t] = product;
  }
  return out;
}

/**
 * The DDIM steps (Song et al. 2021, eq. 12) from pure noise to the data, "trailing" spacing: t_i = ⌊T(S−i)/S + ½⌋ − 1.
 * After the last step ᾱ is 1, so what is emitted is x0 itself. Throws `unsupported` outside 1…8 steps, eta 0…1.
 */
export function ddimSteps(schedule: ScheduleConfig, steps: number, eta: number): DdimStep[] {
  if (!Number.isInteger(steps) || steps < 1 || steps > 8)
    throw new EngineError('unsupported', `steps is ${steps}, expected a whole number from 1 to 8`, {
      hint: 'Use 4 steps: that is what the weights were trained for.',
    });
  if (!(eta >= 0 && eta <= 1))
    throw new EngineError('unsupported', `eta is ${eta}, expected a number from 0 to 1`, {
      hint: 'Use 0 for deterministic sampling.',
    });
  const bars = alphaBars(schedule);
  const times = Array.from(
    { length: steps },
    (_, i) => Math.floor((schedule.T * (steps - i)) / steps + 0.5) - 1,
  );
  return times.map((t, i) => {
    const now = bars[t];
    const prev = i + 1 < steps ? bars[times[i + 1]] : 1;
    const sigma = eta * Math.sqrt(((1 - prev) / (1 - now)) * (1 - now / prev));
    return {
      t,
      sqrtAlphaBar: Math.sqrt(now),
      sqrtOneMinusAlphaBar: Math.sqrt(1 - now),
      sqrtAlphaBarPrev: Math.sqrt(prev),
      direction: Math.sqrt(Math.max(0, 1 - prev - sigma * sigma)),
      sigma,
    };
  });
}
