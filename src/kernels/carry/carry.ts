import { kernel } from '../kernel.ts';
import wgsl from './carry.wgsl?raw';

/** Keeps the last S rows of `[state; x]` in `state`, in place: the state of {@link conv1d}, dispatched after it. */
export const carry = kernel({
  name: 'carry',
  wgsl,
  tensors: { x: 'read R T C', state: 'update R S C' },
  launch: ({ R, T, C, S }) => ({
    constants: { S, T, C, COUNT: R * C },
    grid: [Math.ceil((R * C) / 64), 1, 1],
  }),
});
