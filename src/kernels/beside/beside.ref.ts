import type { Reference } from '../kernel.ts';
import { beside } from './beside.ts';

export default {
  kernel: beside,
  run({ a, b, out }, { R, T, C, D, E }, { swap = false }) {
    for (let r = 0; r < R; r++)
      for (let t = 0; t < T; t++) {
        const row = (swap ? r ^ 1 : r) * T + t;
        out.set(a.subarray(row * C, (row + 1) * C), (r * T + t) * E);
        out.set(b.subarray(row * D, (row + 1) * D), (r * T + t) * E + C);
      }
  },
  cases: {
    ragged: { dims: { R: 3, T: 2, C: 5, D: 8, E: 13 } },
    swapped: { dims: { R: 4, T: 3, C: 7, D: 2, E: 9 }, options: { swap: true } },
    'motion and token': {
      dims: { R: 2, T: 1, C: 24, D: 256, E: 280 },
      options: { swap: true },
      bench: true,
    },
  },
  flops: () => 0,
  tolerance: { abs: 0, rel: 0 },
} satisfies Reference<typeof beside>;
