import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './beside.wgsl?raw';

/** `out[r,t] = a[r',t] ‖ b[r',t]`, where r' is r, or its neighbour r xor 1 with `swap`; rows then come in twos. */
export const beside = kernel({
  name: 'beside',
  wgsl,
  tensors: { a: 'read R T C', b: 'read R T D', out: 'write R T E' },
  launch: ({ R, T, C, D, E }, { swap = false }: { swap?: boolean }) => {
    if (E !== C + D || (swap && R % 2 !== 0))
      throw new EngineError('bug', `beside: ${R} rows of ${C} and ${D} into ${E}`);
    return {
      constants: { T, C, D, SWAP: Number(swap), COUNT: R * T * E },
      grid: [Math.ceil((R * T * E) / 64), 1, 1],
    };
  },
});
