import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './append.wgsl?raw';

/**
 * Writes the keys and values of a block of T tokens into the ring of {@link attention}, over the oldest ones:
 * `ring[r,(n+t) mod W] = k‖v of qkv[r,t]`, n = `clock[0]`·T tokens emitted before. Dispatch it after the attention of the same clock.
 */
export const append = kernel({
  name: 'append',
  wgsl,
  tensors: { qkv: 'read R T E', clock: 'index 4', ring: 'update R W E2' },
  launch: ({ R, T, E, E2, W }) => {
    if (W % T !== 0 || E2 > E)
      throw new EngineError('bug', `append: blocks of ${T}×${E} do not fill ${W} slots of ${E2}`);
    return { constants: { T, E, E2, W, COUNT: R * T * E2 }, grid: [Math.ceil((R * T * E2) / 64), 1, 1] };
  },
});
