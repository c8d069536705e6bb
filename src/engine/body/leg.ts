import { arcInto, multiplyInto, type Numbers, quaternionInto, rotateInto } from './rotation.ts';

const axis = new Float64Array(3);
const reach = new Float64Array(3);
const want = new Float64Array(3);
const arc = new Float64Array(4);

/** Shares of a leg's length up to which it stretches freely and, ever more slowly, at most: a knee that locks snaps. */
const FREE_STRETCH = 0.985;
const LONGEST_STRETCH = 0.9995;

/** The length to which a leg of `legM` metres stretches towards something `distanceM` away. */
export function stretch(distanceM: number, legM: number): number {
  const free = FREE_STRETCH * legM;
  const soft = (LONGEST_STRETCH - FREE_STRETCH) * legM;
  return distanceM < free ? distanceM : free + soft * (1 - Math.exp((free - distanceM) / soft));
}

/**
 * Two-bone inverse kinematics of a leg that hangs along −Y: turns the thigh (world quaternion at `thigh[to…]`) and bends
 * the knee (quaternion against the thigh at `knee[ko…]`, axis kept) so that the ankle comes to `target`, or as near as
 * the leg reaches. `hip` is the world position of the hip joint, lengths in metres.
 */
export function bendInto(
  thigh: Numbers,
  to: number,
  knee: Numbers,
  ko: number,
  hip: Numbers,
  ho: number,
  target: Numbers,
  at: number,
  thighM: number,
  shankM: number,
): void {
  let square = 0;
  for (let i = 0; i < 3; i++) {
    want[i] = target[at + i] - hip[ho + i];
    square += want[i] ** 2;
  }
  const longest = (thighM + shankM) * LONGEST_STRETCH;
  const length = Math.min(longest, Math.max(Math.abs(thighM - shankM) + 0.01, Math.sqrt(square)));
  const cosine = (thighM ** 2 + shankM ** 2 - length ** 2) / (2 * thighM * shankM);
  const flexion = Math.PI - Math.acos(Math.min(1, Math.max(-1, cosine)));
  // Knees bend backwards about an axis across the bone, whatever a network says.
  const x = Math.max(0, knee[ko]) + 1e-4;
  const z = Math.min(0.3 * x, Math.max(-0.3 * x, knee[ko + 2]));
  const scale = flexion / Math.sqrt(x * x + z * z);
  axis[0] = x * scale;
  axis[1] = 0;
  axis[2] = z * scale;
  quaternionInto(knee, ko, axis, 0);
  reach[0] = 0;
  reach[1] = -shankM;
  reach[2] = 0;
  rotateInto(reach, 0, knee, ko, reach, 0);
  reach[1] -= thighM;
  rotateInto(reach, 0, thigh, to, reach, 0);
  arcInto(arc, 0, reach, 0, want, 0);
  multiplyInto(thigh, to, arc, 0, thigh, to);
}
