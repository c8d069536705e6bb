import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './codebook.wgsl?raw';

/**
 * Vector quantisation: `ids[r,t]` is the code nearest to `x[r,t]` by squared distance (the lowest of equals, as a
 * whole number in f32) and `out[r,t]` that code itself.
 */
export const codebook = kernel({
  name: 'codebook',
  wgsl,
  tensors: { x: 'read R T C', codes: 'read K C', ids: 'write R T', out: 'write R T C' },
  launch: ({ R, T, C, K }, _: object, { software }) => {
    if (K > 2 ** 24) throw new EngineError('bug', `codebook: f32 cannot count ${K} codes`);
    return { constants: { K, C, WG: software ? 8 : 64 }, grid: [R * T, 1, 1] };
  },
});
