import type { PlacedRoot } from './placement.ts';

/** The largest move and turn of a root in one frame: faster is no person but a fault. */
export const LARGEST_MOVE_M = 0.12;
export const LARGEST_TURN_RAD = 0.25;

/**
 * Moves a root on by one frame of the lower body's features: yaw first, then (dx, dz) metres in the frame of the new yaw.
 * The yaw goes on past π, so that it can be interpolated.
 */
export function stepRoot(root: PlacedRoot, dx: number, dz: number, dyaw: number): void {
  root.yaw += clamp(dyaw, LARGEST_TURN_RAD);
  const x = clamp(dx, LARGEST_MOVE_M);
  const z = clamp(dz, LARGEST_MOVE_M);
  const cos = Math.cos(root.yaw);
  const sin = Math.sin(root.yaw);
  root.x += x * cos + z * sin;
  root.z += z * cos - x * sin;
}

const clamp = (x: number, limit: number) => Math.min(limit, Math.max(-limit, x));
