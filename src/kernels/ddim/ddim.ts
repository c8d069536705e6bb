import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './ddim.wgsl?raw';

/** What the network's output is: the clean data, or the noise in `x`. */
export type Prediction = 'x0' | 'eps';

/**
 * How a step goes on from x0: with the noise that x holds beside x0 (Song et al. 2021), or, as diffusers 0.11 did, with
 * x0 in the place of that noise. Released DiffSpeaker weights need the latter; where eps is predicted both are one.
 */
export type StepRule = 'ddim' | 'x0-replacement';

type DdimOptions = { step: number; predicts?: Prediction; rule?: StepRule };

/**
 * One DDIM step in place: `x` (x_t) becomes x_t' from the network's output `y`. Row `step` of `steps` is
 * [√ᾱ_t, √(1 − ᾱ_t), √ᾱ_t', direction, σ]; x0 is clamped to `low`…`high`; `noise` counts only where σ > 0.
 */
export const ddim = kernel({
  name: 'ddim',
  wgsl,
  tensors: {
    y: 'read R T F',
    noise: 'read R T F',
    low: 'read F',
    high: 'read F',
    steps: 'read S 5',
    x: 'update R T F',
  },
  launch: ({ R, T, F, S }, { step, predicts = 'x0', rule = 'ddim' }: DdimOptions) => {
    if (step >= S) throw new EngineError('bug', `ddim: step ${step} of ${S}`);
    const predictsEps = predicts === 'eps';
    const replaces = !predictsEps && rule === 'x0-replacement';
    return {
      constants: {
        F,
        STEP: step,
        PREDICTS_EPS: Number(predictsEps),
        REPLACES: Number(replaces),
        COUNT: R * T * F,
      },
      grid: [Math.ceil((R * T * F) / 64), 1, 1],
    };
  },
});
