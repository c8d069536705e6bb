import { type Numbers, rotateInto } from './rotation.ts';
import { type Figure, JOINT } from './skeleton.ts';

/** A part of the body that hands stay out of: an elliptic cylinder between two joints, in the frame of the first. */
export type Shape = {
  readonly from: number;
  readonly to: number;
  readonly wideM: number;
  readonly deepM: number;
  /** What is inside is pushed straight away from this point of a section (shares of width and depth). */
  readonly awayX: number;
  readonly awayZ: number;
  /** How far beyond its ends the cylinder tapers off. */
  readonly endM: number;
};

const trunk = (from: number, to: number, wideM: number, deepM: number): Shape => ({
  from,
  to,
  wideM,
  deepM,
  // Rather forwards than backwards.
  awayX: 0,
  awayZ: -0.5,
  endM: 0.08,
});

/** Rather up and out than through the seat or between the legs. */
const thigh = (from: number, to: number, side: 1 | -1): Shape => ({
  from,
  to,
  wideM: 0.07,
  deepM: 0.07,
  awayX: -0.5 * side,
  awayZ: -0.6,
  endM: 0.15,
});

/** Trunk and thighs of the reference person. */
export const SHAPES: readonly Shape[] = [
  trunk(JOINT.hips, JOINT.chest, 0.125, 0.085),
  trunk(JOINT.chest, JOINT.neck, 0.135, 0.095),
  thigh(JOINT.leftUpperLeg, JOINT.leftLowerLeg, 1),
  thigh(JOINT.rightUpperLeg, JOINT.rightLowerLeg, -1),
];

const off = new Float64Array(3);
const along = new Float64Array(3);
const back = new Float64Array(4);

/**
 * Writes into `push` the way (world) that brings `point` out of a shape of `figure` and `keepM` away from it, and returns
 * its length; it begins softly, `softM` before it must.
 */
export function pushFrom(
  push: Numbers,
  figure: Figure,
  shape: Shape,
  point: Numbers,
  keepM: number,
  softM: number,
): number {
  const { positions, rotations } = figure;
  const { from, to, endM } = shape;
  let square = 0;
  let share = 0;
  for (let i = 0; i < 3; i++) {
    off[i] = point[i] - positions[3 * from + i];
    along[i] = positions[3 * to + i] - positions[3 * from + i];
    square += along[i] ** 2;
    share += off[i] * along[i];
  }
  share /= square;
  const over = Math.max(0, -share, share - 1) * Math.sqrt(square);
  if (over >= endM) return 0;
  const size = 1 - (over / endM) ** 2 * (3 - (2 * over) / endM);
  for (let i = 0; i < 3; i++) {
    off[i] -= share * along[i];
    back[i] = -rotations[4 * from + i];
  }
  back[3] = rotations[4 * from + 3];
  rotateInto(off, 0, back, 0, off, 0);
  const wide = shape.wideM + keepM;
  const deep = shape.deepM + keepM;
  const x = off[0] - size * wide * shape.awayX;
  const z = off[2] - size * deep * shape.awayZ;
  const distance = Math.sqrt(x * x + z * z);
  const ux = distance > 1e-6 ? x / distance : 0;
  const uz = distance > 1e-6 ? z / distance : 1;
  const a = (ux / wide) ** 2 + (uz / deep) ** 2;
  const b = (shape.awayX * ux) / wide + (shape.awayZ * uz) / deep;
  const c = shape.awayX ** 2 + shape.awayZ ** 2 - 1;
  const inside = (size * (Math.sqrt(b * b - a * c) - b)) / a - distance;
  const length = soft(inside, softM);
  if (length <= 0) return 0;
  push[0] = ux * length;
  push[1] = 0;
  push[2] = uz * length;
  rotateInto(push, 0, rotations, 4 * from, push, 0);
  return length;
}

/** `x` where it is well over zero, 0 where it is well under, a parabola between. */
function soft(x: number, width: number): number {
  if (x <= -width) return 0;
  return x >= width ? x : (x + width) ** 2 / (4 * width);
}
