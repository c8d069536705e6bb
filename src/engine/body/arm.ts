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

/** The joints of the left and the right arm. */
export const ARMS = [
  {
    shoulder: JOINT.leftShoulder,
    upper: JOINT.leftUpperArm,
    lower: JOINT.leftLowerArm,
    hand: JOINT.leftHand,
  },
  {
    shoulder: JOINT.rightShoulder,
    upper: JOINT.rightUpperArm,
    lower: JOINT.rightLowerArm,
    hand: JOINT.rightHand,
  },
] as const;

/** Arms stretch up to this share of their length, and an elbow is corrected by at most so much. */
const LONGEST_STRETCH = 0.998;
const LARGEST_BEND_RAD = 0.8;

const forearm = new Float64Array(3);
const want = new Float64Array(3);
const reach = new Float64Array(3);
const axis = new Float64Array(3);
const bend = new Float64Array(4);
const elbow = new Float64Array(4);
const upper = new Float64Array(4);
const local = new Float64Array(4);

/**
 * Corrects the exp-maps of an arm in the body frame at `body[at…]`, which `figure` shows posed, so that the wrist comes to
 * `target` (world) or as near as it reaches: the elbow bends about its own axis, the upper arm swings the shortest way,
 * the hand keeps its turn in the world.
 */
export function reachInto(body: Numbers, at: number, figure: Figure, arm: number, target: Numbers): void {
  const joints = ARMS[arm];
  const { positions, rotations, offsets } = figure;
  let square = 0;
  for (let i = 0; i < 3; i++) {
    want[i] = target[i] - positions[3 * joints.upper + i];
    square += want[i] ** 2;
  }
  quaternionInto(elbow, 0, body, at + EXP_AT[joints.lower]);
  rotateInto(forearm, 0, elbow, 0, offsets, 3 * joints.hand);
  bendElbow(offsets, 3 * joints.lower, Math.sqrt(square));
  rotateInto(reach, 0, elbow, 0, offsets, 3 * joints.hand);
  for (let i = 0; i < 3; i++) reach[i] += offsets[3 * joints.lower + i];
  rotateInto(reach, 0, rotations, 4 * joints.upper, reach, 0);
  arcInto(upper, 0, reach, 0, want, 0);
  multiplyInto(upper, 0, upper, 0, rotations, 4 * joints.upper);
  relativeInto(local, 0, rotations, 4 * joints.shoulder, upper, 0);
  expInto(body, at + EXP_AT[joints.upper], local, 0);
  expInto(body, at + EXP_AT[joints.lower], elbow, 0);
  multiplyInto(upper, 0, upper, 0, elbow, 0);
  relativeInto(local, 0, upper, 0, rotations, 4 * joints.hand);
  expInto(body, at + EXP_AT[joints.hand], local, 0);
}

/** Turns {@link elbow} so that shoulder and wrist are `distanceM` apart. */
function bendElbow(offsets: Float64Array, upperAt: number, distanceM: number) {
  let a = 0;
  let b = 0;
  let dot = 0;
  for (let i = 0; i < 3; i++) {
    a += offsets[upperAt + i] ** 2;
    b += forearm[i] ** 2;
    dot += offsets[upperAt + i] * forearm[i];
    const [j, k] = [(i + 1) % 3, (i + 2) % 3];
    axis[i] = offsets[upperAt + j] * forearm[k] - offsets[upperAt + k] * forearm[j];
  }
  const lengths = Math.sqrt(a * b);
  const sine = Math.sqrt(axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2) / lengths;
  // A straight arm says nothing of the way its elbow bends: left as it is.
  if (sine < 0.02) return;
  const longest = (Math.sqrt(a) + Math.sqrt(b)) * LONGEST_STRETCH;
  const distance = Math.min(longest, distanceM);
  const cosine = (distance ** 2 - a - b) / (2 * lengths);
  const by = Math.acos(Math.min(1, Math.max(-1, cosine))) - Math.atan2(sine, dot / lengths);
  const scale = Math.min(LARGEST_BEND_RAD, Math.max(-LARGEST_BEND_RAD, by)) / (sine * lengths);
  for (let i = 0; i < 3; i++) axis[i] *= scale;
  quaternionInto(bend, 0, axis, 0);
  multiplyInto(elbow, 0, bend, 0, elbow, 0);
}
