import type { Reference } from '../kernel.ts';
import { lookup } from './lookup.ts';

export default {
  kernel: lookup,
  run({ codes, book, out }, { R, G, K, D, Q, E }, { flip = 0 }) {
    for (let q = 0; q < Q; q++)
      for (let g = 0; g < G; g++) {
        const row = (g * K) / G + codes[(((q * R) / Q) ^ flip) * G + g];
        out.set(book.subarray(row * D, (row + 1) * D), q * E + g * D);
      }
  },
  cases: {
    'as many rows as codes': {
      dims: { R: 2, G: 3, K: 12, D: 5, Q: 2, T: 1, E: 15 },
      data: { codes: [0, 3, 1, 2, 2, 0] },
    },
    'every second row, from the first on': {
      dims: { R: 4, G: 2, K: 6, D: 7, Q: 2, T: 1, E: 14 },
      options: { flip: 1 },
      data: { codes: [0, 0, 1, 2, 0, 0, 2, 1] },
    },
    'every second row, the last first': {
      dims: { R: 4, G: 2, K: 512, D: 64, Q: 2, T: 1, E: 128 },
      options: { flip: 2 },
      data: { codes: [255, 1, 0, 0, 17, 200, 0, 0] },
      bench: true,
    },
  },
  flops: () => 0,
  tolerance: { abs: 0, rel: 0 },
} satisfies Reference<typeof lookup>;
