import type { Reference } from '../kernel.ts';
import { layernorm } from './layernorm.ts';

export default {
  kernel: layernorm,
  run({ x, gain, bias, out }, { R, T, C }, { eps = 1e-5 }) {
    for (let t = 0; t < R * T; t++) {
      const row = x.subarray(t * C, (t + 1) * C);
      const mean = row.reduce((sum, v) => sum + v) / C;
      const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C;
      const rstd = 1 / Math.sqrt(variance + eps);
      for (let c = 0; c < C; c++) out[t * C + c] = (row[c] - mean) * rstd * gain[c] + bias[c];
    }
  },
  cases: {
    'one channel': { dims: { R: 1, T: 3, C: 1 } },
    'ragged row': { dims: { R: 4, T: 5, C: 100 } },
    'large eps': { dims: { R: 2, T: 2, C: 64 }, options: { eps: 1 } },
    'more channels than lanes': { dims: { R: 1, T: 1, C: 600 } },
    'model size': { dims: { R: 2, T: 1, C: 256 }, bench: true },
  },
  flops: ({ R, T, C }) => 8 * R * T * C,
} satisfies Reference<typeof layernorm>;
