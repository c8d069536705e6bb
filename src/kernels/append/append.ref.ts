import type { Reference } from '../kernel.ts';
import { append } from './append.ts';

export default {
  kernel: append,
  run({ qkv, clock, ring }, { R, T, E, E2, W }) {
    for (let r = 0; r < R; r++)
      for (let t = 0; t < T; t++)
        for (let e = 0; e < E2; e++)
          ring[(r * W + ((clock[0] * T + t) % W)) * E2 + e] = qkv[(r * T + t) * E + (E - E2) + e];
  },
  cases: {
    'first frame': { dims: { R: 1, T: 1, E: 3, E2: 2, W: 4 }, data: { clock: [0, 0, 0, 0] } },
    'blocks of three, wrapped': { dims: { R: 4, T: 3, E: 33, E2: 22, W: 9 }, data: { clock: [13, 0, 0, 0] } },
    'a ring of one block': { dims: { R: 1, T: 8, E: 6, E2: 4, W: 8 }, data: { clock: [3, 0, 0, 0] } },
    'model size': {
      dims: { R: 2, T: 1, E: 768, E2: 512, W: 64 },
      data: { clock: [100, 0, 0, 0] },
      bench: true,
    },
  },
  flops: () => 0,
} satisfies Reference<typeof append>;
