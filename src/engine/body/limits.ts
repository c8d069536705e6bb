import { LOWER_JOINTS, UPPER_JOINTS } from '../motion.ts';
import type { Numbers } from './rotation.ts';
import { BODY_AT } from './skeleton.ts';

type Range = readonly [low: number, high: number];
type JointLimit = { readonly x: Range; readonly y: Range; readonly z: Range };

/**
 * How far joints turn: ranges of the three numbers of the exp-map (rad) against the T-pose, of the left side; the right
 * side mirrors y and z. After the ranges of motion of healthy adults (Kapandji 1982; AAOS 1965), with room for the
 * numbers that a turn about two axes at once adds to the third.
 */
export const JOINT_LIMITS: Readonly<Record<string, JointLimit>> = {
  hips: { x: [-0.7, 0.9], y: [-0.6, 0.6], z: [-0.5, 0.5] },
  leftUpperLeg: { x: [-2.2, 0.6], y: [-0.8, 0.9], z: [-0.6, 1] },
  leftLowerLeg: { x: [-0.05, 2.6], y: [-0.4, 0.4], z: [-0.4, 0.4] },
  leftFoot: { x: [-0.7, 0.9], y: [-0.6, 0.6], z: [-0.5, 0.5] },
  spine: { x: [-0.35, 0.7], y: [-0.4, 0.4], z: [-0.4, 0.4] },
  chest: { x: [-0.35, 0.6], y: [-0.4, 0.4], z: [-0.4, 0.4] },
  upperChest: { x: [-0.35, 0.6], y: [-0.4, 0.4], z: [-0.4, 0.4] },
  leftShoulder: { x: [-0.4, 0.4], y: [-0.6, 0.5], z: [-0.35, 0.7] },
  leftUpperArm: { x: [-1.9, 1.9], y: [-2.2, 1.3], z: [-2, 1.7] },
  leftLowerArm: { x: [-1.8, 1.9], y: [-2.7, 0.5], z: [-1.2, 1.2] },
  leftHand: { x: [-0.7, 0.7], y: [-0.6, 0.6], z: [-1.4, 1.3] },
};
/** A head against the chest. */
const HEAD: JointLimit = { x: [-0.9, 0.9], y: [-1.2, 1.2], z: [-0.7, 0.7] };
/** Curls of five fingers, spread, opposition of the thumb. */
const HAND: readonly Range[] = [
  [0, 1],
  [0, 1],
  [0, 1],
  [0, 1],
  [0, 1],
  [-1, 1],
  [0, 1],
];

/** Ranges [72, 2] of all numbers of a body frame after its root, low and high. */
const RANGES = Float64Array.from(
  [...[...LOWER_JOINTS, ...UPPER_JOINTS].flatMap(limitsOf), ...HAND, ...HAND, HEAD.x, HEAD.y, HEAD.z].flat(),
);
/** The part of a range, next to each end, in which a joint is slowed down. */
const SOFT = 0.1;
const OUTSIDE_BY = 1e-4;

/** Brings every joint, finger and the head of the body frame at `body[at…]` softly into its range. */
export function limitInto(body: Numbers, at: number): void {
  const from = at + BODY_AT.lower;
  for (let i = 0; i < RANGES.length / 2; i++)
    body[from + i] = softClamp(body[from + i], RANGES[2 * i], RANGES[2 * i + 1]);
}

/** Brings the joint whose exp-map stands at `body[at + exp…]` back into its range where it is outside. */
export function clampInto(body: Numbers, at: number, exp: number): void {
  for (let i = exp; i < exp + 3; i++) {
    const r = 2 * (i - BODY_AT.lower);
    body[at + i] = Math.min(RANGES[r + 1], Math.max(RANGES[r], body[at + i]));
  }
}

/** Whether any joint, finger or the head of the body frame at `body[at…]` is outside its range. */
export function isOutside(body: Numbers, at: number): boolean {
  const from = at + BODY_AT.lower;
  for (let i = 0; i < RANGES.length / 2; i++) {
    const value = body[from + i];
    if (!(value >= RANGES[2 * i] - OUTSIDE_BY && value <= RANGES[2 * i + 1] + OUTSIDE_BY)) return true;
  }
  return false;
}

/** Leaves the inside of a range alone and lets what is beyond run up to its end and no further. */
export function softClamp(value: number, low: number, high: number): number {
  const soft = SOFT * Math.min(high - low, 1);
  if (value > high - soft) return high - soft * Math.exp((high - soft - value) / soft);
  if (value < low + soft) return low + soft * Math.exp((value - low - soft) / soft);
  return value;
}

function limitsOf(name: string): Range[] {
  const own = JOINT_LIMITS[name];
  if (own) return [own.x, own.y, own.z];
  const { x, y, z } = JOINT_LIMITS[name.replace(/^right/, 'left')];
  return [x, [-y[1], -y[0]], [-z[1], -z[0]]];
}
