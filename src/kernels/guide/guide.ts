import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './guide.wgsl?raw';

/**
 * Classifier-free guidance (Ho & Salimans 2022) in place: the conditional rows y[0] and the null rows y[1] both become
 * `y[1] + scale·(y[0] − y[1])`.
 */
export const guide = kernel({
  name: 'guide',
  wgsl,
  tensors: { y: 'update B N' },
  launch: ({ B, N }, { scale }: { scale: number }) => {
    if (B !== 2) throw new EngineError('bug', `guide: ${B} branches, expected 2`);
    return { constants: { N, SCALE: scale }, grid: [Math.ceil(N / 64), 1, 1] };
  },
});
