import type { Reference } from '../kernel.ts';
import { ddim } from './ddim.ts';

/** [√ᾱ_t, √(1 − ᾱ_t), √ᾱ_t', direction, σ] of a step from ᾱ to the next ᾱ. */
function step(now: number, next: number, eta: number) {
  const sigma = eta * Math.sqrt(((1 - next) / (1 - now)) * (1 - now / next));
  return [Math.sqrt(now), Math.sqrt(1 - now), Math.sqrt(next), Math.sqrt(1 - next - sigma ** 2), sigma];
}

const bounds = (F: number) => ({ low: Array<number>(F).fill(-0.5), high: Array<number>(F).fill(0.75) });

export default {
  kernel: ddim,
  run({ y, noise, low, high, steps, x }, { R, T, F }, { step, predicts = 'x0', rule = 'ddim' }) {
    const [signal, spread, nextSignal, direction, sigma] = steps.subarray(5 * step);
    for (let i = 0; i < R * T * F; i++) {
      const predicted = predicts === 'x0' ? y[i] : (x[i] - spread * y[i]) / signal;
      const x0 = Math.min(high[i % F], Math.max(low[i % F], predicted));
      const replaces = predicts === 'x0' && rule === 'x0-replacement';
      const eps = replaces ? x0 : (x[i] - signal * x0) / spread;
      x[i] = nextSignal * x0 + direction * eps + sigma * noise[i];
    }
  },
  cases: {
    'x0, deterministic': {
      dims: { R: 2, T: 1, F: 51, S: 2 },
      options: { step: 1 },
      data: { ...bounds(51), steps: [...step(0.1, 0.4, 0), ...step(0.4, 0.9, 0)] },
      bench: true,
    },
    'x0, fresh noise': {
      dims: { R: 4, T: 3, F: 7, S: 1 },
      options: { step: 0 },
      data: { ...bounds(7), steps: step(0.2, 0.6, 1) },
    },
    'eps, some noise': {
      dims: { R: 1, T: 2, F: 33, S: 2 },
      options: { step: 1, predicts: 'eps' },
      data: { ...bounds(33), steps: [...step(0.1, 0.3, 0.5), ...step(0.3, 0.7, 0.5)] },
    },
    'x0-replacement, as diffusers 0.11': {
      dims: { R: 2, T: 2, F: 51, S: 1 },
      options: { step: 0, rule: 'x0-replacement' },
      data: { ...bounds(51), steps: step(0.2, 0.6, 0) },
    },
    'x0-replacement leaves eps alone': {
      dims: { R: 1, T: 1, F: 9, S: 1 },
      options: { step: 0, predicts: 'eps', rule: 'x0-replacement' },
      data: { ...bounds(9), steps: step(0.2, 0.6, 0.3) },
    },
    'last step gives x0': {
      dims: { R: 1, T: 1, F: 65, S: 1 },
      options: { step: 0 },
      data: { ...bounds(65), steps: step(0.97, 1, 0) },
    },
  },
  flops: ({ R, T, F }) => 8 * R * T * F,
} satisfies Reference<typeof ddim>;
