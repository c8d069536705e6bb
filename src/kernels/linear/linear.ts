import { kernel, type Launch, type Tuning } from '../kernel.ts';
import f16 from './linear.f16.wgsl?raw';
import vec4 from './linear.vec4.wgsl?raw';
import wgsl from './linear.wgsl?raw';

/** What is applied to a sum before it is stored: nothing, GELU in its tanh approximation, or SiLU. */
export type Activation = 'none' | 'gelu' | 'silu';

/** The number that stands for an activation in WGSL. */
export const ACTIVATIONS: Readonly<Record<Activation, number>> = { none: 0, gelu: 1, silu: 2 };

/**
 * The work split of a thin product with dot products of C terms. A GPU gets workgroups of 64 lanes, 16 or 32 to a dot
 * product, so that neighbouring lanes read neighbouring weights and no lane waits for long; a CPU that plays GPU pays
 * for every lane behind a barrier, so there a lane takes whole dot products.
 */
export function splitOf(C: number, { software }: Tuning) {
  if (software) return { LANES: 1, GROUPS: 16 };
  const LANES = C > 512 ? 32 : C > 128 ? 16 : 8;
  return { LANES, GROUPS: 64 / LANES };
}

/**
 * The same for products whose C is a multiple of 8, read 8 weights at a time. A CPU gains from tiles of 8 rows, because
 * unpacking a half is dear there; on a GPU more workgroups are worth more.
 */
export function tileOf({ C, O, M }: Readonly<Record<'C' | 'O' | 'M', number>>, { software }: Tuning) {
  const TILE = software && M > 4 ? 8 : 4;
  const LANES = software ? 1 : C > 512 ? 32 : C > 128 ? 16 : 8;
  const GROUPS = software ? 8 : 64 / LANES;
  const grid = [Math.ceil(O / (4 * GROUPS)), Math.ceil(M / TILE), 1] as const;
  return { split: { TILE, LANES, GROUPS }, grid };
}

type Sizes = Readonly<Record<'R' | 'T' | 'C' | 'O', number>>;

const launch =
  (ADD: number) =>
  ({ R, T, C, O }: Sizes, { act = 'none' }: { act?: Activation }, tuning: Tuning): Launch => {
    const constants = { C, O, M: R * T, ACT: ACTIVATIONS[act], ADD };
    if (C % 8 === 0) {
      const { split, grid } = tileOf(constants, tuning);
      return { variant: tuning.f16 ? 'f16' : 'vec4', constants: { ...constants, ...split }, grid };
    }
    const split = splitOf(C, tuning);
    return {
      constants: { ...constants, ...split },
      grid: [Math.ceil(O / (4 * split.GROUPS)), Math.ceil((R * T) / 4), 1],
    };
  };

/** `out[r,t,o] = act(Σ_c x[r,t,c] · w[o,c] + b[o])`, made for few rows R·T. */
export const linear = kernel({
  name: 'linear',
  wgsl,
  variants: { vec4, f16 },
  tensors: { x: 'read R T C', w: 'half O C', b: 'read O', out: 'write R T O' },
  launch: launch(0),
});

/** `out[r,t,o] += act(Σ_c x[r,t,c] · w[o,c] + b[o])`: a linear layer that ends a residual branch. */
export const linearAdd = kernel({
  name: 'linear_add',
  wgsl,
  variants: { vec4, f16 },
  tensors: { x: 'read R T C', w: 'half O C', b: 'read O', out: 'update R T O' },
  launch: launch(1),
});
