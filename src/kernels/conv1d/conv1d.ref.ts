import type { Reference } from '../kernel.ts';
import { dot } from '../linear/linear.ref.ts';
import type { Activation } from '../linear/linear.ts';
import { conv1d } from './conv1d.ts';

/** The convolution of one row, frame and output channel in f64. */
export function convolve(
  { x, state, w, b }: Record<'x' | 'state' | 'w' | 'b', Float64Array>,
  [r, u, o]: readonly [number, number, number],
  { T, C, S, E }: Readonly<Record<'T' | 'C' | 'S' | 'E', number>>,
  { stride = 1, act }: { stride?: number; act?: Activation },
) {
  const stream = [...state.subarray(r * S * C, (r + 1) * S * C), ...x.subarray(r * T * C, (r + 1) * T * C)];
  const window = Float64Array.from(stream.slice(u * stride * C, u * stride * C + E));
  return dot({ x: window, w: w.subarray(o * E, (o + 1) * E), b: b.subarray(o, o + 1) }, [0, 0, E], act);
}

export default {
  kernel: conv1d,
  run(data, dims, options) {
    const { R, U, O } = dims;
    for (let r = 0; r < R; r++)
      for (let u = 0; u < U; u++)
        for (let o = 0; o < O; o++) data.out[(r * U + u) * O + o] = convolve(data, [r, u, o], dims, options);
  },
  cases: {
    ragged: { dims: { R: 2, T: 5, C: 3, S: 2, E: 9, U: 5, O: 7 } },
    'chunk shorter than the kernel': { dims: { R: 1, T: 1, C: 6, S: 4, E: 30, U: 1, O: 5 } },
    strided: {
      dims: { R: 4, T: 6, C: 5, S: 2, E: 20, U: 3, O: 33 },
      options: { stride: 2, act: 'gelu' },
    },
    'eight channels, five rows': { dims: { R: 1, T: 5, C: 8, S: 2, E: 24, U: 5, O: 6 } },
    'wide first layer': { dims: { R: 2, T: 2, C: 80, S: 4, E: 400, U: 2, O: 256 }, options: { act: 'gelu' } },
    conv_down: {
      dims: { R: 2, T: 2, C: 256, S: 2, E: 1024, U: 1, O: 256 },
      options: { stride: 2, act: 'gelu' },
      bench: true,
    },
  },
  flops: ({ R, U, O, E }) => 2 * R * U * O * E,
  tolerance: { abs: 5e-5, rel: 1e-4 },
} satisfies Reference<typeof conv1d>;
