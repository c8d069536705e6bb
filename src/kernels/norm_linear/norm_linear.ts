import { EngineError } from '../../errors.ts';
import { kernel, type Tuning } from '../kernel.ts';
import { ACTIVATIONS, type Activation, tileOf } from '../linear/linear.ts';
import type { Tensor } from '../tensor.ts';
import f16 from './norm_linear.f16.wgsl?raw';
import subgroups from './norm_linear.subgroups.wgsl?raw';
import wgsl from './norm_linear.wgsl?raw';

/**
 * Layernorm and a linear layer in one dispatch: `out[r,t,o] = act(Σ_c n[r,t,c] · w[o,c] + b[o])` with
 * `n = (x − mean) · rstd · gain + bias` over the C channels of a row; C is a multiple of 8, at most 512.
 */
export const normLinear = kernel({
  name: 'norm_linear',
  wgsl,
  variants: { subgroups, f16 },
  tensors: {
    x: 'read R T C',
    gain: 'read C',
    bias: 'read C',
    w: 'half O C',
    b: 'read O',
    out: 'write R T O',
  },
  launch: ({ R, T, C, O }, { act = 'none', eps = 1e-5 }: { act?: Activation; eps?: number }, tuning) => {
    if (C % 8 !== 0 || C > 512)
      throw new EngineError('bug', `norm_linear: C is ${C}, expected a multiple of 8 up to 512`);
    const M = R * T;
    const { split, grid } = tileOf({ C, O, M }, tuning);
    const constants = { C, O, M, EPS: eps, ...split, ACT: ACTIVATIONS[act] };
    if (tuning.subgroups && !tuning.software)
      return { variant: tuning.f16 ? 'f16' : 'subgroups', constants, grid };
    const ROWS = Math.min(M, split.TILE);
    const SHARERS = (split.LANES * split.GROUPS) / 2 ** Math.ceil(Math.log2(ROWS));
    return { constants: { ...constants, ROWS, SHARERS }, grid };
  },
});

/** Whether it costs less than layernorm and linear apart: where a CPU plays GPU, normalising many rows anew does not. */
export const normLinearPays = ({ shape: [R, T] }: Tensor, { software }: Tuning) => !software || R * T <= 2;
