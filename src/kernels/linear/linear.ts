import { kernel, type Launch } from '../kernel.ts';
import wgsl from './linear.wgsl?raw';

/** What is applied to a sum before it is stored: nothing, GELU in its tanh approximation, or SiLU. */
export type Activation = 'none' | 'gelu' | 'silu';

/** The number that stands for an activation in WGSL. */
export const ACTIVATIONS: Readonly<Record<Activation, number>> = { none: 0, gelu: 1, silu: 2 };

/** How many lanes share a dot product of C terms: about eight words of weights each, within a workgroup of 64. */
export const lanesFor = (C: number) => Math.min(64, Math.max(8, 2 ** Math.ceil(Math.log2(C / 16))));

const launch =
  (ADD: number) =>
  (
    { R, T, C, O }: Readonly<Record<'R' | 'T' | 'C' | 'O', number>>,
    { act = 'none' }: { act?: Activation },
  ): Launch => {
    const LANES = lanesFor(C);
    const GROUPS = 64 / LANES;
    return {
      constants: { C, O, M: R * T, LANES, GROUPS, ACT: ACTIVATIONS[act], ADD },
      grid: [Math.ceil(O / (4 * GROUPS)), Math.ceil((R * T) / 4), 1],
    };
  };

/** `out[r,t,o] = act(Σ_c x[r,t,c] · w[o,c] + b[o])`, made for few rows R·T. */
export const linear = kernel({
  name: 'linear',
  wgsl,
  tensors: { x: 'read R T C', w: 'half O C', b: 'read O', out: 'write R T O' },
  launch: launch(0),
});

/** `out[r,t,o] += act(Σ_c x[r,t,c] · w[o,c] + b[o])`: a linear layer that ends a residual branch. */
export const linearAdd = kernel({
  name: 'linear_add',
  wgsl,
  tensors: { x: 'read R T C', w: 'half O C', b: 'read O', out: 'update R T O' },
  launch: launch(1),
});
