import { kernel } from '../kernel.ts';
import wgsl from './noise.wgsl?raw';

/**
 * Fills `out[r,t,f]` with the standard normal numbers of `philox.ts`, bit for bit:
 * `normal(f, (r·T + t) mod rows, n, step, seed)` where `clock` is [n, seed low, seed high, unused], n the block.
 * `rows` is R·T unless guidance branches share their noise. Step 0 is the first noise of a block, step i + 1 the
 * fresh noise of DDIM step i; networks keep apart by an offset of `step`.
 */
export const noise = kernel({
  name: 'noise',
  wgsl,
  tensors: { clock: 'index 4', out: 'write R T F' },
  launch: ({ R, T, F }, { step = 0, rows = R * T }: { step?: number; rows?: number }) => ({
    constants: { F, ROWS: rows, STEP: step, COUNT: R * T * F },
    grid: [Math.ceil((R * T * F) / 64), 1, 1],
  }),
});
