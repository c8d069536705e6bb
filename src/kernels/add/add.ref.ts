import type { Reference } from '../kernel.ts';
import { add } from './add.ts';

export default {
  kernel: add,
  run({ x, out }) {
    for (let i = 0; i < x.length; i++) out[i] += x[i];
  },
  cases: {
    ragged: { dims: { R: 2, T: 3, C: 11 } },
    'a body block': { dims: { R: 1, T: 8, C: 256 }, bench: true },
  },
  flops: ({ R, T, C }) => R * T * C,
} satisfies Reference<typeof add>;
