import { EngineError } from '../errors.ts';
import type { BackendChoice } from './backend/open.ts';
import { DISTANCE_M, PLACEMENT_PRESETS, type Placement, type PlacementPreset } from './body/placement.ts';

const BACKENDS: readonly BackendChoice[] = ['auto', 'webgpu', 'wasm', 'visemes'];

/** What was got, as an error message can show it. */
export const told = (value: unknown): string => (typeof value === 'string' ? `"${value}"` : String(value));

/** Throws `unsupported` for a value that is none of those that there are. */
export function checkOneOf<T extends string>(
  value: unknown,
  known: readonly T[],
  name: string,
  hint: string,
): asserts value is T {
  if ((known as readonly unknown[]).includes(value)) return;
  throw new EngineError('unsupported', `${name} is ${told(value)}, expected one of ${known.join(', ')}`, {
    hint,
  });
}

/** Gives a whole number from `least` to `most` back; throws `unsupported` for anything else. */
export function wholeNumber(value: unknown, least: number, most: number, name: string, hint: string): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
    return value as number;
  throw new EngineError(
    'unsupported',
    `${name} is ${told(value)}, expected a whole number from ${least} to ${most}`,
    { hint },
  );
}

/** Throws `unsupported` for a backend that there is not. */
export function checkBackend(choice: unknown): asserts choice is BackendChoice {
  checkOneOf(choice, BACKENDS, 'backend', 'Take `auto` to let the machine choose.');
}

/** Throws `unsupported` for a seed that is no whole number from 0 to 2^53 − 1. */
export function checkSeed(seed: unknown): asserts seed is number {
  wholeNumber(
    seed,
    0,
    Number.MAX_SAFE_INTEGER,
    'seed',
    'Take any whole number: the same one gives the same motion.',
  );
}

/** Where the two begin; throws `unsupported` for a placement or a distance that there is not. */
export function placementFor(preset: PlacementPreset = 'vis-a-vis', distanceM?: number): Placement {
  checkOneOf(preset, PLACEMENT_PRESETS, 'placement', 'Distances are set with `distanceM`.');
  if (distanceM === undefined) return preset;
  const [near, far] = DISTANCE_M;
  if (!(distanceM >= near && distanceM <= far))
    throw new EngineError(
      'unsupported',
      `distanceM is ${told(distanceM)}, expected ${near} to ${far} metres`,
      {
        hint: 'Nearer than an arm people stand in each other; further than a room they do not talk.',
      },
    );
  return { preset, distanceM };
}
