import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './lookup.wgsl?raw';

/**
 * Code vectors side by side: `out[q,0] = ‖_g book[g·K/G + codes[(q·R/Q) xor flip, g]]`. Codes are whole numbers in f32;
 * of R rows of codes every R/Q-th is read, `flip` says which one.
 */
export const lookup = kernel({
  name: 'lookup',
  wgsl,
  tensors: { codes: 'read R G', book: 'read K D', out: 'write Q T E' },
  launch: ({ R, G, K, D, Q, T, E }, { flip = 0 }: { flip?: number }) => {
    if (E !== G * D || K % G !== 0 || R % Q !== 0 || T !== 1 || ((R - R / Q) ^ flip) >= R || flip >= R)
      throw new EngineError(
        'bug',
        `lookup: [${R}, ${G}] codes of a book [${K}, ${D}] into [${Q}, ${T}, ${E}]`,
      );
    return {
      constants: { G, CODES: K / G, D, STRIDE: R / Q, FLIP: flip, COUNT: Q * E },
      grid: [Math.ceil((Q * E) / 64), 1, 1],
    };
  },
});
