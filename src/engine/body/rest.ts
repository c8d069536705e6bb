import { LOWER_FEATURES, LOWER_JOINTS, REFERENCE_HIPS_M, UPPER_FEATURES, UPPER_JOINTS } from '../motion.ts';

type Turn = readonly [x: number, y: number, z: number];

/** Exp-maps (rad) of a person who stands at ease; the right side mirrors the left one. */
const STANDING: Readonly<Record<string, Turn>> = {
  leftUpperLeg: [-0.03, 0.08, 0.04],
  leftLowerLeg: [0.06, 0, 0],
  leftFoot: [-0.03, 0.04, -0.04],
  spine: [0.02, 0, 0],
  chest: [0.02, 0, 0],
  upperChest: [0.01, 0, 0],
  leftShoulder: [0, 0, -0.05],
  leftUpperArm: [0.14, -0.04, -1.27],
  leftLowerArm: [0.2, -0.5, 0],
  leftHand: [0, 0, -0.08],
};
/** Curls of thumb, index, middle, ring and little finger, spread, opposition of a hand at ease. */
const HAND = [0.2, 0.25, 0.3, 0.34, 0.38, 0.05, 0.3] as const;

const turnOf = (name: string): Turn => {
  const own = STANDING[name];
  if (own) return own;
  const left = STANDING[name.replace(/^right/, 'left')];
  return left ? [left[0], -left[1], -left[2]] : [0, 0, 0];
};

/** Lower features of a person who stands at ease: no move, both feet in contact. */
export const REST_LOWER: Float64Array = restLower();
/** Upper features of a person who stands at ease, arms hanging. */
export const REST_UPPER: Float64Array = restUpper();

function restLower() {
  const rest = new Float64Array(LOWER_FEATURES);
  rest[3] = REFERENCE_HIPS_M - 0.002;
  LOWER_JOINTS.forEach((name, j) => {
    rest.set(turnOf(name), 4 + 3 * j);
  });
  rest.fill(1, LOWER_FEATURES - 2);
  return rest;
}

function restUpper() {
  const rest = new Float64Array(UPPER_FEATURES);
  UPPER_JOINTS.forEach((name, j) => {
    rest.set(turnOf(name), 3 * j);
  });
  rest.set([...HAND, ...HAND], 3 * UPPER_JOINTS.length);
  return rest;
}
