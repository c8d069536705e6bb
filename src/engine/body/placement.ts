/** Where a person stands: hips over the floor (m) and facing (rad, 0 faces +Z, positive to +X). */
export type PlacedRoot = { x: number; z: number; yaw: number };

/** The ways in which two people stand or sit to talk (Kendon 1990). */
export type PlacementPreset = 'vis-a-vis' | 'l' | 'side-by-side' | 'seated';

/** Where two people begin: a preset, or one at another distance of the hips (m). */
export type Placement = PlacementPreset | { readonly preset: PlacementPreset; readonly distanceM: number };

/** The distances at which two people can begin; the networks learned talks from about 0.8 to 1.8 m. */
export const DISTANCE_M = [0.7, 4] as const;

/** The presets in the order in which a user is offered them. */
export const PLACEMENT_PRESETS = ['vis-a-vis', 'l', 'side-by-side', 'seated'] as const;

/** Numbers of one person's relative placement. */
export const PLACEMENT_NUMBERS = 6;

const DEGREE = Math.PI / 180;
/** Distance of the two in metres (Hall 1966: personal to social) and how far each faces off the line between them. */
const PRESETS: Readonly<Record<PlacementPreset, { distanceM: number; offRad: number }>> = {
  'vis-a-vis': { distanceM: 1.2, offRad: 0 },
  l: { distanceM: 1.1, offRad: 45 * DEGREE },
  'side-by-side': { distanceM: 0.95, offRad: 70 * DEGREE },
  seated: { distanceM: 1.5, offRad: 25 * DEGREE },
};

/** Where both persons begin: person 0 at −x, person 1 at +x, both turned towards +z by as much as the preset opens. */
export function placementOf(placement: Placement): [PlacedRoot, PlacedRoot] {
  const { preset, distanceM } =
    typeof placement === 'string' ? { preset: placement, ...PRESETS[placement] } : placement;
  const { offRad } = PRESETS[preset];
  const yaw = Math.PI / 2 - offRad;
  return [
    { x: -distanceM / 2, z: 0, yaw },
    { x: distanceM / 2, z: 0, yaw: -yaw },
  ];
}

/**
 * Writes the relative placement [2, 6] of both persons into `target`: the partner's root in the own facing frame (x, z in
 * metres), distance (m), sine and cosine of the partner's yaw against the own, 1 / max(distance, 0.3).
 */
export function placementInto(target: Float32Array, a: Readonly<PlacedRoot>, b: Readonly<PlacedRoot>): void {
  relateInto(target, 0, a, b);
  relateInto(target, PLACEMENT_NUMBERS, b, a);
}

function relateInto(
  target: Float32Array,
  at: number,
  own: Readonly<PlacedRoot>,
  other: Readonly<PlacedRoot>,
) {
  const x = other.x - own.x;
  const z = other.z - own.z;
  const cos = Math.cos(own.yaw);
  const sin = Math.sin(own.yaw);
  const distance = Math.sqrt(x * x + z * z);
  target[at] = x * cos - z * sin;
  target[at + 1] = x * sin + z * cos;
  target[at + 2] = distance;
  target[at + 3] = Math.sin(other.yaw - own.yaw);
  target[at + 4] = Math.cos(other.yaw - own.yaw);
  target[at + 5] = 1 / Math.max(distance, 0.3);
}
