import type { Reference } from '../kernel.ts';
import { embedding } from './embedding.ts';

export default {
  kernel: embedding,
  run({ ids, table, out }, { R, N, K, C, P }, { at = 0 }) {
    for (let r = 0; r < R; r++)
      for (let n = 0; n < N; n++)
        for (let c = 0; c < C; c++)
          out[(r * P + at + n) * C + c] = table[Math.min(ids[r * N + n], K - 1) * C + c];
  },
  cases: {
    'odd channels': { dims: { R: 2, N: 3, K: 5, C: 7, P: 3 }, data: { ids: [4, 0, 1, 2, 2, 3] } },
    'one of several tokens': {
      dims: { R: 4, N: 1, K: 4, C: 33, P: 5 },
      options: { at: 3 },
      data: { ids: [3, 1, 0, 2] },
    },
    'an id past the end': { dims: { R: 1, N: 2, K: 3, C: 4, P: 2 }, data: { ids: [7, 4294967295] } },
    'model size': { dims: { R: 2, N: 1, K: 7, C: 256, P: 5 }, data: { ids: [6, 1] }, bench: true },
  },
  flops: () => 0,
} satisfies Reference<typeof embedding>;
