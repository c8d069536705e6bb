import { kernel } from '../kernel.ts';
import wgsl from './add.wgsl?raw';

/** `out[r,t,c] += x[r,t,c]`. */
export const add = kernel({
  name: 'add',
  wgsl,
  tensors: { x: 'read R T C', out: 'update R T C' },
  launch: ({ R, T, C }) => ({
    constants: { COUNT: R * T * C },
    grid: [Math.ceil((R * T * C) / 64), 1, 1],
  }),
});
