import type { Reference } from '../kernel.ts';
import { place } from './place.ts';

export default {
  kernel: place,
  run({ x, out }, { R, N, C, P }, { at = 0 }) {
    for (let r = 0; r < R; r++)
      for (let n = 0; n < N; n++)
        for (let c = 0; c < C; c++) out[(r * P + at + n) * C + c] = x[(r * N + n) * C + c];
  },
  cases: {
    'all rows': { dims: { R: 1, N: 3, C: 5, P: 3 } },
    'the last of five, ragged': { dims: { R: 4, N: 1, C: 33, P: 5 }, options: { at: 4 } },
    'in the middle': { dims: { R: 2, N: 2, C: 64, P: 6 }, options: { at: 1 } },
  },
  flops: () => 0,
  tolerance: { abs: 0, rel: 0 },
} satisfies Reference<typeof place>;
