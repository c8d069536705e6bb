import { BODY_NUMBERS, LOWER_JOINTS, REFERENCE_HIPS_M, UPPER_JOINTS } from '../motion.ts';
import {
  multiplyInto,
  type Numbers,
  quaternionInto,
  rotateInto,
  wrapAngle,
  yawInto,
  yawOf,
} from './rotation.ts';

/** Where the parts of a body frame begin: root (x, height, z, yaw), lower and upper joints, hands, head. */
export const BODY_AT = {
  root: 0,
  lower: 4,
  upper: 4 + 3 * LOWER_JOINTS.length,
  leftHand: 4 + 3 * (LOWER_JOINTS.length + UPPER_JOINTS.length),
  rightHand: 4 + 3 * (LOWER_JOINTS.length + UPPER_JOINTS.length) + 7,
  head: BODY_NUMBERS - 3,
} as const;

type Row = readonly [name: string, parent: string, x: number, y: number, z: number];

const side = (name: 'left' | 'right', s: 1 | -1) => ({
  leg: [
    [`${name}UpperLeg`, 'hips', 0.09 * s, -0.05, 0],
    [`${name}LowerLeg`, `${name}UpperLeg`, 0, -0.42, 0],
    [`${name}Foot`, `${name}LowerLeg`, 0, -0.4, 0],
    [`${name}Toes`, `${name}Foot`, 0, -0.06, 0.13],
  ] as Row[],
  arm: [
    [`${name}Shoulder`, 'upperChest', 0.04 * s, 0.12, 0],
    [`${name}UpperArm`, `${name}Shoulder`, 0.13 * s, 0, 0],
    [`${name}LowerArm`, `${name}UpperArm`, 0.27 * s, 0, 0],
    [`${name}Hand`, `${name}LowerArm`, 0.25 * s, 0, 0],
  ] as Row[],
});

/** The reference person in T-pose, facing +Z: each joint against its parent, in metres; parents come first. */
const ROWS: readonly Row[] = [
  ['hips', '', 0, REFERENCE_HIPS_M, 0],
  ...side('left', 1).leg,
  ...side('right', -1).leg,
  ['spine', 'hips', 0, 0.1, 0],
  ['chest', 'spine', 0, 0.12, 0],
  ['upperChest', 'chest', 0, 0.12, 0],
  ['neck', 'upperChest', 0, 0.16, 0],
  ['head', 'neck', 0, 0.09, 0.01],
  ...side('left', 1).arm,
  ...side('right', -1).arm,
];

/** A joint of the reference skeleton, a VRM humanoid bone. */
export type Joint =
  | (typeof LOWER_JOINTS)[number]
  | (typeof UPPER_JOINTS)[number]
  | 'leftToes'
  | 'rightToes'
  | 'neck'
  | 'head';

/** The joints of the reference skeleton, parents first. */
export const JOINTS = ROWS.map(([name]) => name as Joint);

/** The place of each joint in {@link JOINTS}. */
export const JOINT = Object.fromEntries(JOINTS.map((name, j) => [name, j])) as Record<Joint, number>;

/** The parent of each joint as a place in {@link JOINTS}; −1 for the hips. */
export const PARENTS = ROWS.map(([, parent]) => JOINTS.indexOf(parent as Joint));

/** [22, 3] each joint against its parent in T-pose, in metres. */
export const OFFSETS_M = Float64Array.from(ROWS.flatMap(([, , x, y, z]) => [x, y, z]));

/** Where the exp-map of each joint stands in a body frame; −1 for joints that have none (toes, neck, head). */
export const EXP_AT = JOINTS.map((name) => {
  const lower = (LOWER_JOINTS as readonly string[]).indexOf(name);
  if (lower >= 0) return BODY_AT.lower + 3 * lower;
  const upper = (UPPER_JOINTS as readonly string[]).indexOf(name);
  return upper >= 0 ? BODY_AT.upper + 3 * upper : -1;
});

/** Height of the ankles over the floor when the reference person stands, in metres. */
export const ANKLE_M = 0.06;

/** Part of the head's turn against the chest that the neck makes; the head makes the rest. */
export const NECK_SHARE = 0.4;

/** A head follows the bearing of the partner up to here; the eyes go the rest. */
const BEARING_LIMIT_RAD = 1;

/** A posed person: world positions and rotations of {@link JOINTS}; allocates nothing after it is made. */
export class Figure {
  /** [22, 3] each joint against its parent, in metres. */
  readonly offsets: Float64Array;
  /** [22, 3] metres. */
  readonly positions = new Float64Array(3 * JOINTS.length);
  /** [22, 4] quaternions xyzw. */
  readonly rotations = new Float64Array(4 * JOINTS.length);
  readonly #local = new Float64Array(4);
  readonly #exp = new Float64Array(3);

  /** The reference person, or one with other `offsets` [22, 3] against the parents. */
  constructor(offsets: Float64Array = OFFSETS_M) {
    this.offsets = offsets;
  }

  /**
   * Poses the figure as the body frame at `body[at…]` says. `partnerAt` is where the partner's frame begins in `body`:
   * the head then turns from the chest to the partner, and on from there by the frame's own head.
   */
  pose(body: Numbers, at: number, partnerAt = -1): void {
    const { positions, rotations } = this;
    const local = this.#local;
    positions[0] = body[at];
    positions[1] = body[at + 1];
    positions[2] = body[at + 2];
    yawInto(rotations, 0, body[at + 3]);
    quaternionInto(local, 0, body, at + BODY_AT.lower);
    multiplyInto(rotations, 0, rotations, 0, local, 0);
    for (let j = 1; j < JOINTS.length; j++) {
      if (j === JOINT.neck) this.#headExp(body, at, partnerAt);
      const exp = EXP_AT[j];
      if (exp >= 0) quaternionInto(local, 0, body, at + exp);
      else if (j === JOINT.neck) this.#share(NECK_SHARE);
      else if (j === JOINT.head) this.#share(1 - NECK_SHARE);
      else local.fill(0).fill(1, 3);
      this.#attach(j);
    }
  }

  /** Moves the whole figure over the floor, in metres. */
  shift(x: number, z: number): void {
    for (let i = 0; i < this.positions.length; i += 3) {
      this.positions[i] += x;
      this.positions[i + 2] += z;
    }
  }

  #attach(j: number) {
    const { positions, rotations } = this;
    const parent = PARENTS[j];
    rotateInto(positions, 3 * j, rotations, 4 * parent, this.offsets, 3 * j);
    for (let i = 0; i < 3; i++) positions[3 * j + i] += positions[3 * parent + i];
    multiplyInto(rotations, 4 * j, rotations, 4 * parent, this.#local, 0);
  }

  #share(share: number) {
    for (let i = 0; i < 3; i++) this.#exp[i] *= share;
    quaternionInto(this.#local, 0, this.#exp, 0);
    for (let i = 0; i < 3; i++) this.#exp[i] /= share;
  }

  #headExp(body: Numbers, at: number, partnerAt: number) {
    const bearing =
      partnerAt < 0
        ? 0
        : bearingRad(
            yawOf(this.rotations, 4 * JOINT.upperChest),
            body[partnerAt] - body[at],
            body[partnerAt + 2] - body[at + 2],
          );
    for (let i = 0; i < 3; i++) this.#exp[i] = body[at + BODY_AT.head + i];
    this.#exp[1] += bearing;
  }
}

/**
 * How far a head turns from a chest that faces `chestYawRad` to a partner who stands (`x`, `z`) metres away: rad to the
 * person's left, never further than heads turn with ease.
 */
export function bearingRad(chestYawRad: number, x: number, z: number): number {
  if (x * x + z * z < 1e-6) return 0;
  const bearing = wrapAngle(Math.atan2(x, z) - chestYawRad);
  return Math.min(BEARING_LIMIT_RAD, Math.max(-BEARING_LIMIT_RAD, bearing));
}
