import { EngineError } from '../../errors.ts';
import type { BackendState } from './backend.ts';

/** The arrays in which parts of a backend keep what they remember, by the names of a saved state. */
export type LiveState = Readonly<Record<string, Float32Array>>;

/** A copy of everything in `live`. */
export const copyState = (live: LiveState): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(live).map(([name, values]) => [name, values.slice()]));

/** Copies a saved state over `live`; throws `asset` before it writes anything when an array is missing or of another size. */
export function fillState(live: LiveState, { tensors }: BackendState) {
  for (const [name, { length }] of Object.entries(live)) {
    const saved = tensors[name]?.length;
    if (saved !== length)
      throw new EngineError(
        'asset',
        `The saved state has ${saved === undefined ? 'no' : `${saved} numbers of`} ${name}, expected ${length}`,
        { hint: 'Restore states with the networks and the sampler options that they were saved with.' },
      );
  }
  for (const [name, values] of Object.entries(live)) values.set(tensors[name]);
}
