import { kernel } from '../kernel.ts';
import wgsl from './layernorm.wgsl?raw';

/** `out[r,t,c] = (x[r,t,c] − mean) · rstd · gain[c] + bias[c]`, mean and rstd over the C channels of a row. */
export const layernorm = kernel({
  name: 'layernorm',
  wgsl,
  tensors: { x: 'read R T C', gain: 'read C', bias: 'read C', out: 'write R T C' },
  launch: ({ R, T, C }, { eps = 1e-5 }: { eps?: number }, { software }) => ({
    constants: { C, EPS: eps, WG: software ? 4 : C > 128 ? 256 : 64 },
    grid: [R * T, 1, 1],
  }),
});
