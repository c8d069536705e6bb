import type { Reference } from '../kernel.ts';
import { normal } from '../philox.ts';
import { noise } from './noise.ts';

export default {
  kernel: noise,
  run({ clock, out }, { R, T, F }, { step = 0, rows = R * T }) {
    const seed = clock[1] + clock[2] * 2 ** 32;
    for (let row = 0; row < R * T; row++)
      for (let f = 0; f < F; f++) out[row * F + f] = normal(f, row % rows, clock[0], step, seed);
  },
  cases: {
    'seed zero': { dims: { R: 1, T: 1, F: 1 }, data: { clock: [0, 0, 0, 0] } },
    'branches share the noise of eight tokens': {
      dims: { R: 2, T: 8, F: 54 },
      options: { step: 0x101, rows: 8 },
      data: { clock: [7, 1234, 0, 0] },
    },
    'large seed and frame': {
      dims: { R: 4, T: 3, F: 51 },
      options: { step: 5 },
      data: { clock: [4294967290, 4042322160, 1048575, 0] },
    },
    'model size': { dims: { R: 2, T: 1, F: 51 }, data: { clock: [100, 1234, 0, 0] }, bench: true },
  },
  flops: () => 0,
  tolerance: { abs: 0, rel: 0 }, // the same bits everywhere
} satisfies Reference<typeof noise>;
