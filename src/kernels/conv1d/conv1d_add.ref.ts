import type { Reference } from '../kernel.ts';
import { convolve } from './conv1d.ref.ts';
import { conv1dAdd } from './conv1d.ts';

export default {
  kernel: conv1dAdd,
  run(data, dims, options) {
    const { R, U, O } = dims;
    for (let r = 0; r < R; r++)
      for (let u = 0; u < U; u++)
        for (let o = 0; o < O; o++) data.out[(r * U + u) * O + o] += convolve(data, [r, u, o], dims, options);
  },
  cases: {
    ragged: { dims: { R: 4, T: 3, C: 5, S: 2, E: 15, U: 3, O: 11 }, options: { act: 'silu' } },
    'encoder block': {
      dims: { R: 2, T: 1, C: 256, S: 2, E: 768, U: 1, O: 256 },
      options: { act: 'gelu' },
      bench: true,
    },
  },
  flops: ({ R, U, O, E }) => 2 * R * U * O * E,
  tolerance: { abs: 5e-5, rel: 1e-4 },
} satisfies Reference<typeof conv1dAdd>;
