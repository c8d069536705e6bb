import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './pair.wgsl?raw';

/** `out[r,t] = x[r,t] ‖ x[r xor 1, t]`: each row beside its neighbour; rows come in twos. */
export const pair = kernel({
  name: 'pair',
  wgsl,
  tensors: { x: 'read R T C', out: 'write R T E' },
  launch: ({ R, T, C, E }) => {
    if (R % 2 !== 0 || E !== 2 * C) throw new EngineError('bug', `pair: ${R} rows of ${C} into ${E}`);
    return { constants: { T, C, COUNT: R * T * E }, grid: [Math.ceil((R * T * E) / 64), 1, 1] };
  },
});
