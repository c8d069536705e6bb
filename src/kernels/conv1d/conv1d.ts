import { EngineError } from '../../errors.ts';
import { kernel, type Launch, type Tuning } from '../kernel.ts';
import { ACTIVATIONS, type Activation, splitOf, tileOf } from '../linear/linear.ts';
import vec4 from './conv1d.vec4.wgsl?raw';
import wgsl from './conv1d.wgsl?raw';

type Sizes = Readonly<Record<'R' | 'T' | 'C' | 'S' | 'O' | 'E' | 'U', number>>;
type Conv1dOptions = { stride?: number; act?: Activation };

const launch =
  (ADD: number) =>
  ({ R, T, C, S, O, E, U }: Sizes, { stride = 1, act = 'none' }: Conv1dOptions, tuning: Tuning): Launch => {
    const K = E / C;
    if (S !== K - stride || T !== U * stride)
      throw new EngineError(
        'bug',
        `conv1d: kernel ${K}, stride ${stride}: ${S} + ${T} rows do not give ${U}`,
      );
    const M = R * U;
    const constants = { C, S, T, U, E, O, M, STRIDE: stride, ACT: ACTIVATIONS[act], ADD };
    if (C % 8 === 0) {
      const { LANES, GROUPS } = tileOf({ C: E, O, M }, tuning).split;
      const grid = [Math.ceil(O / (4 * GROUPS)), Math.ceil(M / 4), 1] as const;
      return { variant: 'vec4', constants: { ...constants, LANES, GROUPS }, grid };
    }
    const split = splitOf(E, tuning);
    return {
      constants: { ...constants, ...split },
      grid: [Math.ceil(O / (4 * split.GROUPS)), Math.ceil((R * U) / 4), 1],
    };
  };

/**
 * Causal convolution over time: `out[r,u,o] = act(Σ_k,c [state; x][r, u·stride + k, c] · w[o, k·C + c] + b[o])`.
 * `state` is the S = K − stride rows before the chunk (the kernel size K = E / C, k = 0 oldest), U = T / stride;
 * move it on with {@link carry} afterwards.
 */
export const conv1d = kernel({
  name: 'conv1d',
  wgsl,
  variants: { vec4 },
  tensors: { x: 'read R T C', state: 'read R S C', w: 'half O E', b: 'read O', out: 'write R U O' },
  launch: launch(0),
});

/** {@link conv1d} added to `out`: a convolution that ends a residual branch. */
export const conv1dAdd = kernel({
  name: 'conv1d_add',
  wgsl,
  variants: { vec4 },
  tensors: { x: 'read R T C', state: 'read R S C', w: 'half O E', b: 'read O', out: 'update R U O' },
  launch: launch(1),
});
