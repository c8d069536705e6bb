import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './slots.wgsl?raw';

/** Lays N rows out over the slots of a block: `out[r,t] = x[r, t mod N] + table[⌊t/N⌋]`, T = K·N tokens. */
export const slots = kernel({
  name: 'slots',
  wgsl,
  tensors: { x: 'read R N C', table: 'half K C', out: 'write R T C' },
  launch: ({ R, N, C, K, T }) => {
    if (T !== K * N) throw new EngineError('bug', `slots: ${K} slots of ${N} are not ${T} tokens`);
    return { constants: { N, C, T, COUNT: R * T * C }, grid: [Math.ceil((R * T * C) / 64), 1, 1] };
  },
});
