import type { Reference } from '../kernel.ts';
import { dot } from './linear.ref.ts';
import { linearAdd } from './linear.ts';

export default {
  kernel: linearAdd,
  run({ x, w, b, out }, { R, T, C, O }, { act }) {
    for (let m = 0; m < R * T; m++)
      for (let o = 0; o < O; o++) out[m * O + o] += dot({ x, w, b }, [m, o, C], act);
  },
  cases: {
    'odd channels': { dims: { R: 2, T: 1, C: 51, O: 37 } },
    'activation before the sum': { dims: { R: 1, T: 2, C: 33, O: 8 }, options: { act: 'gelu' } },
    'many rows': { dims: { R: 4, T: 4, C: 64, O: 65 } },
    'attention out': { dims: { R: 2, T: 1, C: 256, O: 256 }, bench: true },
    'ff down': { dims: { R: 2, T: 1, C: 1024, O: 256 }, bench: true },
  },
  flops: ({ R, T, C, O }) => 2 * R * T * C * O,
  tolerance: { abs: 5e-5, rel: 1e-4 },
} satisfies Reference<typeof linearAdd>;
