import type { Reference } from '../kernel.ts';
import { slots } from './slots.ts';

export default {
  kernel: slots,
  run({ x, table, out }, { R, N, C, T }) {
    for (let r = 0; r < R; r++)
      for (let t = 0; t < T; t++)
        for (let c = 0; c < C; c++)
          out[(r * T + t) * C + c] = x[(r * N + (t % N)) * C + c] + table[Math.floor(t / N) * C + c];
  },
  cases: {
    ragged: { dims: { R: 3, N: 2, C: 7, K: 5, T: 10 } },
    'one slot': { dims: { R: 1, N: 3, C: 4, K: 1, T: 3 } },
    'a body block': { dims: { R: 1, N: 2, C: 256, K: 4, T: 8 }, bench: true },
  },
  flops: ({ R, T, C }) => R * T * C,
} satisfies Reference<typeof slots>;
