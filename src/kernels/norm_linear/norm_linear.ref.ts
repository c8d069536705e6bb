import type { Reference } from '../kernel.ts';
import { dot } from '../linear/linear.ref.ts';
import { normLinear } from './norm_linear.ts';

export default {
  kernel: normLinear,
  run({ x, gain, bias, w, b, out }, { R, T, C, O }, { act, eps = 1e-5 }) {
    for (let m = 0; m < R * T; m++) {
      const row = x.subarray(m * C, (m + 1) * C);
      const mean = row.reduce((sum, v) => sum + v) / C;
      const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C;
      const normal = row.map((v, c) => ((v - mean) / Math.sqrt(variance + eps)) * gain[c] + bias[c]);
      for (let o = 0; o < O; o++) out[m * O + o] = dot({ x: normal, w, b }, [0, o, C], act);
    }
  },
  cases: {
    'fewer channels than lanes': { dims: { R: 1, T: 1, C: 8, O: 3 } },
    'ragged, three rows': { dims: { R: 1, T: 3, C: 40, O: 37 }, options: { act: 'gelu' } },
    'large eps, five rows': { dims: { R: 1, T: 5, C: 136, O: 9 }, options: { act: 'silu', eps: 1 } },
    'sixteen rows': { dims: { R: 2, T: 8, C: 64, O: 51 } },
    'widest row': { dims: { R: 2, T: 1, C: 512, O: 20 } },
    qkv: { dims: { R: 2, T: 1, C: 256, O: 768 }, bench: true },
    'qkv of a body block': { dims: { R: 1, T: 8, C: 256, O: 768 }, bench: true },
    'ff up': { dims: { R: 2, T: 1, C: 256, O: 1024 }, options: { act: 'gelu' }, bench: true },
  },
  flops: ({ R, T, C, O }) => R * T * (2 * C * O + 8 * C),
  tolerance: { abs: 1e-4, rel: 1e-4 }, // products of normal rows: up to five hundred terms of order one
} satisfies Reference<typeof normLinear>;
