import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './place.wgsl?raw';

/** Puts N computed rows beside others: `out[r, at + n, :] = x[r,n,:]`; the other rows of `out` stay. */
export const place = kernel({
  name: 'place',
  wgsl,
  tensors: { x: 'read R N C', out: 'update R P C' },
  launch: ({ R, N, C, P }, { at = 0 }: { at?: number }) => {
    if (at + N > P) throw new EngineError('bug', `place: ${N} rows at ${at} do not fit into ${P}`);
    return {
      constants: { N, C, P, AT: at, COUNT: R * N * C },
      grid: [Math.ceil((R * N * C) / 64), 1, 1],
    };
  },
});
