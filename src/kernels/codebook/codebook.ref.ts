import type { Reference } from '../kernel.ts';
import { codebook } from './codebook.ts';

export default {
  kernel: codebook,
  run({ x, codes, ids, out }, { R, T, C, K }) {
    for (let t = 0; t < R * T; t++) {
      const row = x.subarray(t * C, (t + 1) * C);
      const code = (k: number) => codes.subarray(k * C, (k + 1) * C);
      const distances = Array.from({ length: K }, (_, k) =>
        code(k).reduce((sum, v, c) => sum + (row[c] - v) ** 2, 0),
      );
      ids[t] = distances.indexOf(Math.min(...distances));
      out.set(code(ids[t]), t * C);
    }
  },
  cases: {
    'one code': { dims: { R: 1, T: 2, C: 3, K: 1 } },
    ragged: { dims: { R: 4, T: 3, C: 5, K: 37 } },
    'the lowest of equals': {
      dims: { R: 1, T: 1, C: 1, K: 130 },
      data: { x: [0], codes: Array.from({ length: 130 }, (_, k) => (k % 64 === 5 || k === 70 ? 1 : -2)) },
    },
    'many codes': { dims: { R: 2, T: 4, C: 64, K: 512 }, bench: true },
  },
  flops: ({ R, T, C, K }) => 3 * R * T * C * K,
} satisfies Reference<typeof codebook>;
