import {
  arcInto,
  expInto,
  multiplyInto,
  type Numbers,
  quaternionInto,
  relativeInto,
  rotateInto,
} from './rotation.ts';
import { EXP_AT, type Figure, JOINT } from './skeleton.ts';

/** The joints of the left and the right leg. */
export const LEGS = [
  { thigh: JOINT.leftUpperLeg, shank: JOINT.leftLowerLeg, foot: JOINT.leftFoot, toes: JOINT.leftToes },
  { thigh: JOINT.rightUpperLeg, shank: JOINT.rightLowerLeg, foot: JOINT.rightFoot, toes: JOINT.rightToes },
] as const;

/** Shares of a leg's length up to which it stretches freely and, ever more slowly, at most: a knee that locks snaps. */
const FREE_STRETCH = 0.985;
const LONGEST_STRETCH = 0.9995;

const reach = new Float64Array(3);
const want = new Float64Array(3);
const arc = new Float64Array(4);
const thigh = new Float64Array(4);
const knee = new Float64Array(4);
const local = new Float64Array(4);

/** Length of a figure's leg from hip joint to ankle, in metres. */
export const legLength = ({ offsets }: Figure, leg: number) =>
  lengthOf(offsets, 3 * LEGS[leg].shank) + lengthOf(offsets, 3 * LEGS[leg].foot);

/** How far the hips of a figure must sink so that a leg reaches the ankle at `target[at…]`; negative where it may rise. */
export function sinkFor(figure: Figure, leg: number, target: Numbers, at: number): number {
  const { positions } = figure;
  const hip = 3 * LEGS[leg].thigh;
  const across = (target[at] - positions[hip]) ** 2 + (target[at + 2] - positions[hip + 2]) ** 2;
  const down = positions[hip + 1] - target[at + 1];
  const length = legLength(figure, leg);
  const free = FREE_STRETCH * length;
  const soft = (LONGEST_STRETCH - FREE_STRETCH) * length;
  const distance = Math.sqrt(across + down * down);
  const most = distance < free ? distance : free + soft * (1 - Math.exp((free - distance) / soft));
  return down - Math.sqrt(Math.max(0, most * most - across));
}

/**
 * Writes the exp-maps of a leg into the body frame at `body[at…]` that bring its ankle to `target[to…]` (world), or as
 * near as it reaches, and turn its foot as the quaternion at `turn[ro…]` says (world). `figure` shows the body before its
 * hips sank by `sunkM`.
 */
export function solveLegInto(
  body: Numbers,
  at: number,
  figure: Figure,
  leg: number,
  sunkM: number,
  target: Numbers,
  to: number,
  turn: Numbers,
  ro: number,
): void {
  const joints = LEGS[leg];
  const { positions, rotations, offsets } = figure;
  let square = 0;
  for (let i = 0; i < 3; i++) {
    want[i] = target[to + i] - positions[3 * joints.thigh + i] + (i === 1 ? sunkM : 0);
    square += want[i] ** 2;
  }
  for (let i = 0; i < 4; i++) thigh[i] = rotations[4 * joints.thigh + i];
  bendKnee(body, at + EXP_AT[joints.shank], offsets, 3 * joints.shank, 3 * joints.foot, Math.sqrt(square));
  quaternionInto(knee, 0, body, at + EXP_AT[joints.shank]);
  rotateInto(reach, 0, knee, 0, offsets, 3 * joints.foot);
  for (let i = 0; i < 3; i++) reach[i] += offsets[3 * joints.shank + i];
  rotateInto(reach, 0, thigh, 0, reach, 0);
  arcInto(arc, 0, reach, 0, want, 0);
  multiplyInto(thigh, 0, arc, 0, thigh, 0);
  relativeInto(local, 0, rotations, 4 * JOINT.hips, thigh, 0);
  expInto(body, at + EXP_AT[joints.thigh], local, 0);
  relativeInto(local, 0, thigh, 0, turn, ro);
  relativeInto(local, 0, knee, 0, local, 0);
  expInto(body, at + EXP_AT[joints.foot], local, 0);
}

/** Bends a knee so that hip and ankle are `distanceM` apart. */
function bendKnee(
  body: Numbers,
  at: number,
  offsets: Float64Array,
  thighAt: number,
  shankAt: number,
  distanceM: number,
) {
  const a = lengthOf(offsets, thighAt);
  const b = lengthOf(offsets, shankAt);
  const length = Math.min((a + b) * LONGEST_STRETCH, Math.max(Math.abs(a - b) + 0.01, distanceM));
  const cosine = (a * a + b * b - length * length) / (2 * a * b);
  const straight =
    Math.atan2(offsets[thighAt + 2], -offsets[thighAt + 1]) -
    Math.atan2(offsets[shankAt + 2], -offsets[shankAt + 1]);
  const flexion = Math.PI - Math.acos(Math.min(1, Math.max(-1, cosine))) - straight;
  // Knees bend backwards about an axis across the bone, whatever a network says.
  const x = Math.max(0, body[at]) + 1e-4;
  const z = Math.min(0.3 * x, Math.max(-0.3 * x, body[at + 2]));
  const scale = flexion / Math.sqrt(x * x + z * z);
  body[at] = x * scale;
  body[at + 1] = 0;
  body[at + 2] = z * scale;
}

const lengthOf = (v: Float64Array, at: number) => Math.sqrt(v[at] ** 2 + v[at + 1] ** 2 + v[at + 2] ** 2);
