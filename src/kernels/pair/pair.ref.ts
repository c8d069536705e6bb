import type { Reference } from '../kernel.ts';
import { pair } from './pair.ts';

export default {
  kernel: pair,
  run({ x, out }, { R, T, C }) {
    for (let r = 0; r < R; r++)
      for (let t = 0; t < T; t++) {
        out.set(x.subarray((r * T + t) * C, (r * T + t + 1) * C), (r * T + t) * 2 * C);
        out.set(x.subarray(((r ^ 1) * T + t) * C, ((r ^ 1) * T + t + 1) * C), ((r * T + t) * 2 + 1) * C);
      }
  },
  cases: {
    ragged: { dims: { R: 4, T: 3, C: 7, E: 14 } },
    'model size': { dims: { R: 2, T: 1, C: 256, E: 512 }, bench: true },
  },
  flops: () => 0,
} satisfies Reference<typeof pair>;
