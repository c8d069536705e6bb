import { ARMS } from '../body/arm.ts';
import { expInto, multiplyInto, type Numbers, quaternionInto, relativeInto } from '../body/rotation.ts';
import { EXP_AT, type Figure } from '../body/skeleton.ts';
import type { Keep } from './keep.ts';

/** Where a forearm is looked at, as shares of the way from elbow to wrist; it is so thick (m, of the reference person). */
const SHARES = [0.25, 0.6] as const;
const THICK_M = 0.03;
/** An elbow swings out by at most so much, and not at all where the arm is straight: elbow and line nearer than this (m). */
const MOST_RAD = 0.9;
const STRAIGHT_M = 0.06;

const axis = new Float64Array(3);
const off = new Float64Array(3);
const way = new Float64Array(3);
const point = new Float64Array(3);
const push = new Float64Array(3);
const swing = new Float64Array(3);
const turn = new Float64Array(4);
const upper = new Float64Array(4);
const lower = new Float64Array(4);
const local = new Float64Array(4);

/**
 * Swings the elbow of an arm in the body frame at `body[at…]`, which `figure` shows posed, about the line from shoulder to
 * wrist until the forearm is out of the body; the hand stays where it is and as it is turned.
 */
export function swingInto(body: Numbers, at: number, figure: Figure, arm: number, keep: Keep): void {
  const joints = ARMS[arm];
  const { positions, rotations } = figure;
  const [shoulderAt, elbowAt, wristAt] = [3 * joints.upper, 3 * joints.lower, 3 * joints.hand];
  let length = 0;
  for (let i = 0; i < 3; i++) {
    axis[i] = positions[wristAt + i] - positions[shoulderAt + i];
    off[i] = positions[elbowAt + i] - positions[shoulderAt + i];
    length += axis[i] ** 2;
  }
  length = Math.sqrt(length);
  if (length < 1e-3) return;
  let along = 0;
  for (let i = 0; i < 3; i++) {
    axis[i] /= length;
    along += axis[i] * off[i];
  }
  let radius = 0;
  for (let i = 0; i < 3; i++) {
    off[i] -= along * axis[i];
    radius += off[i] ** 2;
  }
  radius = Math.sqrt(radius);
  if (radius < 1e-3) return;
  for (let i = 0; i < 3; i++) {
    const [j, k] = [(i + 1) % 3, (i + 2) % 3];
    way[i] = (axis[j] * off[k] - axis[k] * off[j]) / radius;
  }
  let angle = 0;
  for (const share of SHARES) {
    for (let i = 0; i < 3; i++)
      point[i] = positions[elbowAt + i] + share * (positions[wristAt + i] - positions[elbowAt + i]);
    if (keep.pushInto(push, point, THICK_M) <= 0) continue;
    const out = push[0] * way[0] + push[1] * way[1] + push[2] * way[2];
    angle += out / ((1 - share) * radius) / SHARES.length;
  }
  angle *= Math.min(1, radius / STRAIGHT_M);
  if (Math.abs(angle) < 1e-4) return;
  // Softly limited, so that an elbow does not stop dead.
  angle = MOST_RAD * Math.tanh(angle / MOST_RAD);
  for (let i = 0; i < 3; i++) swing[i] = angle * axis[i];
  quaternionInto(turn, 0, swing, 0);
  multiplyInto(upper, 0, turn, 0, rotations, 4 * joints.upper);
  multiplyInto(lower, 0, turn, 0, rotations, 4 * joints.lower);
  relativeInto(local, 0, rotations, 4 * joints.shoulder, upper, 0);
  expInto(body, at + EXP_AT[joints.upper], local, 0);
  relativeInto(local, 0, lower, 0, rotations, 4 * joints.hand);
  expInto(body, at + EXP_AT[joints.hand], local, 0);
}
