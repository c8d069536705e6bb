import type { Reference } from '../kernel.ts';
import { recall } from './recall.ts';

export default {
  kernel: recall,
  run({ ids, table, out }, { R, N, K, C }, { codes = 0, roles = 1 }) {
    for (let r = 0; r < R; r++)
      for (let c = 0; c < C; c++)
        for (let n = 0; n < N; n++) {
          const row = ((r % roles) * N + n) * codes + ids[r * N + n];
          out[r * C + c] += table[Math.min(row, K - 1) * C + c];
        }
  },
  cases: {
    'one table': { dims: { R: 2, N: 1, K: 3, T: 1, C: 7 }, data: { ids: [2, 0] } },
    'an id past the end': { dims: { R: 1, N: 2, K: 3, T: 1, C: 4 }, data: { ids: [7, 1] } },
    'two roles of two codes': {
      dims: { R: 4, N: 2, K: 20, T: 1, C: 5 },
      options: { codes: 5, roles: 2 },
      data: { ids: [0, 4, 3, 1, 2, 2, 4, 0] },
    },
    'code decoder': {
      dims: { R: 4, N: 2, K: 1024, T: 1, C: 192 },
      options: { codes: 256, roles: 2 },
      data: { ids: [255, 0, 7, 13, 128, 64, 1, 254] },
      bench: true,
    },
  },
  flops: ({ R, N, C }) => R * N * C,
} satisfies Reference<typeof recall>;
