import type { Reference } from '../kernel.ts';
import { type Activation, linear } from './linear.ts';

const ACT: Record<Activation, (v: number) => number> = {
  none: (v) => v,
  gelu: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  silu: (v) => v / (1 + Math.exp(-v)),
};

/** `act(Σ_c x[m,c] · w[o,c] + b[o])` in f64. */
export function dot(
  { x, w, b }: Record<'x' | 'w' | 'b', Float64Array>,
  [m, o, C]: readonly [number, number, number],
  act: Activation = 'none',
) {
  let sum = b[o];
  for (let c = 0; c < C; c++) sum += x[m * C + c] * w[o * C + c];
  return ACT[act](sum);
}

export default {
  kernel: linear,
  run({ x, w, b, out }, { R, T, C, O }, { act }) {
    for (let m = 0; m < R * T; m++)
      for (let o = 0; o < O; o++) out[m * O + o] = dot({ x, w, b }, [m, o, C], act);
  },
  cases: {
    'one by one': { dims: { R: 1, T: 1, C: 1, O: 1 } },
    'odd channels': { dims: { R: 2, T: 1, C: 51, O: 37 } },
    'one output, as in a voicing head': { dims: { R: 2, T: 1, C: 256, O: 1 } },
    'gelu, ragged': { dims: { R: 1, T: 3, C: 100, O: 30 }, options: { act: 'gelu' } },
    'silu, many rows': { dims: { R: 4, T: 5, C: 70, O: 9 }, options: { act: 'silu' } },
    'phone head': { dims: { R: 2, T: 1, C: 256, O: 40 } },
    qkv: { dims: { R: 2, T: 1, C: 256, O: 768 }, bench: true },
    'ff up': { dims: { R: 2, T: 1, C: 256, O: 1024 }, options: { act: 'gelu' }, bench: true },
    'ff up of 4 rows': { dims: { R: 4, T: 1, C: 256, O: 1024 }, options: { act: 'gelu' }, bench: true },
  },
  flops: ({ R, T, C, O }) => 2 * R * T * C * O,
  tolerance: { abs: 5e-5, rel: 1e-4 }, // up to a thousand terms of order one
} satisfies Reference<typeof linear>;
