import { BodyMotion, type PlacementPreset } from '../src/engine/body/body.ts';
import { placementOf } from '../src/engine/body/placement.ts';
import { REST_LOWER, REST_UPPER } from '../src/engine/body/rest.ts';
import {
  BODY_BLOCK,
  BODY_NUMBERS,
  LOWER_FEATURES,
  LOWER_JOINTS,
  PERSONS,
  UPPER_FEATURES,
  UPPER_JOINTS,
} from '../src/engine/motion.ts';

/** Features of one person in one frame; both arrays begin at rest and may be written. */
export type Features = { readonly lower: Float32Array; readonly upper: Float32Array };

/** A synthetic motion: changes the features of person `p` in frame `k`. */
export type Mover = (features: Features, p: number, k: number) => void;

const lowerAt = (name: (typeof LOWER_JOINTS)[number]) => 4 + 3 * LOWER_JOINTS.indexOf(name);
const upperAt = (name: (typeof UPPER_JOINTS)[number]) => 3 * UPPER_JOINTS.indexOf(name);

/** Adds to the exp-map of a joint of the lower body. */
export const addLower = (f: Features, name: (typeof LOWER_JOINTS)[number], x: number, y = 0, z = 0) => {
  f.lower[lowerAt(name)] += x;
  f.lower[lowerAt(name) + 1] += y;
  f.lower[lowerAt(name) + 2] += z;
};

/** Adds to the exp-map of a joint of the upper body. */
export const addUpper = (f: Features, name: (typeof UPPER_JOINTS)[number], x: number, y = 0, z = 0) => {
  f.upper[upperAt(name)] += x;
  f.upper[upperAt(name) + 1] += y;
  f.upper[upperAt(name) + 2] += z;
};

/** Walks straight on at `speedMps` with legs that swing roughly, as a network's would. */
export const walk =
  (speedMps = 0.8): Mover =>
  (f, p, k) => {
    f.lower[1] = speedMps / 30;
    const phase = (2 * Math.PI * k * 0.9) / 30 + p;
    for (const [side, turn] of [
      ['left', 0],
      ['right', Math.PI],
    ] as const) {
      const swing = Math.sin(phase + turn);
      const lift = Math.max(0, Math.cos(phase + turn));
      addLower(f, `${side}UpperLeg`, -0.33 * swing - 0.35 * lift);
      addLower(f, `${side}LowerLeg`, 0.75 * lift);
      addLower(f, `${side}Foot`, 0.33 * swing - 0.4 * lift);
      f.lower[LOWER_FEATURES - (side === 'left' ? 2 : 1)] = lift > 0.1 ? 0.05 : 0.95;
    }
    f.lower[3] -= 0.015;
  };

/** Stands and sways: the root moves to and fro, and the legs do not know of it. */
export const sway: Mover = (f, p, k) => {
  f.lower[0] = 0.0016 * Math.cos((2 * Math.PI * 0.3 * k) / 30 + p);
  f.lower[2] = 0.003 * Math.cos((2 * Math.PI * 0.11 * k) / 30 + 2 * p);
  addLower(f, 'hips', 0.03 * Math.sin(k / 9), 0, 0.03 * Math.sin(k / 13 + p));
  addUpper(f, 'rightLowerArm', 0.1, 0.5 + 0.5 * Math.sin(k / 6), 0);
};

/** Features [2, 8, F] of a block of a motion, of both networks. */
export function blockOf(mover: Mover, first: number): { lower: Float32Array; upper: Float32Array } {
  const lower = new Float32Array(PERSONS * BODY_BLOCK * LOWER_FEATURES);
  const upper = new Float32Array(PERSONS * BODY_BLOCK * UPPER_FEATURES);
  for (let r = 0; r < PERSONS * BODY_BLOCK; r++) {
    const features = {
      lower: lower.subarray(r * LOWER_FEATURES, (r + 1) * LOWER_FEATURES),
      upper: upper.subarray(r * UPPER_FEATURES, (r + 1) * UPPER_FEATURES),
    };
    features.lower.set(REST_LOWER);
    features.upper.set(REST_UPPER);
    mover(features, Math.floor(r / BODY_BLOCK), first + (r % BODY_BLOCK));
  }
  return { lower, upper };
}

/** What {@link bodiesOf} may be told. */
export type RunOptions = {
  readonly preset?: PlacementPreset;
  /** Blocks that never come. */
  readonly lost?: (block: number) => boolean;
  readonly head?: (p: number, k: number) => readonly [number, number, number];
  readonly body?: BodyMotion;
  readonly from?: number;
};

/** Runs a motion through {@link BodyMotion} as the generator would and gives the finished bodies [n, 2, 75]. */
export function bodiesOf(mover: Mover, frames: number, options: RunOptions = {}): Float32Array {
  const { preset = 'vis-a-vis', lost = () => false, head, body = new BodyMotion(preset), from = 0 } = options;
  const row = PERSONS * BODY_NUMBERS;
  const bodies = new Float32Array(frames * row);
  const heads = new Float32Array(PERSONS * 3);
  for (let k = from; k < from + frames; k++) {
    if (k % BODY_BLOCK === 0 && k > 0 && !lost(k / BODY_BLOCK)) {
      const { lower, upper } = blockOf(mover, k);
      body.pushLower(lower, k);
      body.pushUpper(upper, k);
    }
    if (head) for (let p = 0; p < PERSONS; p++) heads.set(head(p, k), 3 * p);
    body.frameInto(bodies.subarray((k - from) * row, (k - from + 1) * row), k, heads);
  }
  return bodies;
}

/** The same motion with nothing done to it but the integration of the roots: what came out of the networks. */
export function rawBodiesOf(
  mover: Mover,
  frames: number,
  preset: PlacementPreset = 'vis-a-vis',
): Float32Array {
  const row = PERSONS * BODY_NUMBERS;
  const bodies = new Float32Array(frames * row);
  const roots = placementOf(preset);
  for (let k = 0; k < frames; k++) {
    const { lower, upper } = blockOf(mover, k - (k % BODY_BLOCK));
    for (let p = 0; p < PERSONS; p++) {
      const r = p * BODY_BLOCK + (k % BODY_BLOCK);
      const l = lower.subarray(r * LOWER_FEATURES, (r + 1) * LOWER_FEATURES);
      const root = roots[p];
      root.yaw += l[2];
      root.x += l[0] * Math.cos(root.yaw) + l[1] * Math.sin(root.yaw);
      root.z += l[1] * Math.cos(root.yaw) - l[0] * Math.sin(root.yaw);
      bodies.set([root.x, l[3], root.z, root.yaw, ...l.subarray(4, 25)], k * row + p * BODY_NUMBERS);
      bodies.set(
        upper.subarray(r * UPPER_FEATURES, (r + 1) * UPPER_FEATURES),
        k * row + p * BODY_NUMBERS + 25,
      );
    }
  }
  return bodies;
}

/** The largest change of one number of person `p` from frame to frame. */
export function largestStep(bodies: Float32Array, p: number, at: number, from = 0, to = Infinity): number {
  const row = PERSONS * BODY_NUMBERS;
  let largest = 0;
  for (let k = Math.max(1, from); k < Math.min(to, bodies.length / row); k++) {
    const i = k * row + p * BODY_NUMBERS + at;
    largest = Math.max(largest, Math.abs(bodies[i] - bodies[i - row]));
  }
  return largest;
}
