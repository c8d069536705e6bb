import { FRAME_RATE_HZ, PERSONS } from '../motion.ts';
import type { PlacedRoot } from './placement.ts';
import { wrapAngle } from './rotation.ts';
import { type Figure, JOINT } from './skeleton.ts';

/** The torsos of two people in a talk never come closer than this, skin to skin (Hall 1966: intimate distance). */
export const LEAST_DISTANCE_M = 0.45;
/** Radius of the capsule from the hips to the neck that stands for a torso. */
export const TORSO_RADIUS_M = 0.14;
/** Radius of forearm and hand, and how close they may come to the partner's torso. */
const ARM_RADIUS_M = 0.05;
const LEAST_ARM_M = 0.03;
/** The hand reaches this far beyond the wrist, as a share of the forearm. */
const REACH = 1.6;
/** Distances over the least one within which approaching is slowed down. */
const SOFT_M = 0.25;
const ARM_SOFT_M = 0.12;
/** The fastest push for the sake of an arm, of each person. */
const ARM_PUSH_M = 0.4 / FRAME_RATE_HZ;

/** How far the distance, the middle of the two, and a facing may stray before they are drawn back. */
const SLACK = { distanceM: 0.25, middleM: 0.4, yawRad: 0.35 } as const;
/** How often a push is repeated in one frame. */
const AGAIN = 4;
/** Time constants and largest speeds of the way back. */
const BACK_S = { move: 5, turn: 5 } as const;
const BACK_M = 0.12 / FRAME_RATE_HZ;
const BACK_RAD = 0.12 / FRAME_RATE_HZ;
/** People who talk stand about this close when they chose to come near (Hall 1966: personal distance). */
const NEAR_M = 1.2;
/** Someone who walks goes where he goes: nothing draws back at this speed. */
const WALKING_MPS = 0.4;

/** Distance between the axes of two torsos less both radii, in metres. */
export function torsoDistance(a: Figure, b: Figure): number {
  const axis = segmentDistance(
    a.positions,
    3 * JOINT.hips,
    3 * JOINT.neck,
    b.positions,
    3 * JOINT.hips,
    3 * JOINT.neck,
  );
  return axis - 2 * TORSO_RADIUS_M;
}

/** Distance of the forearms and hands of `own` from the partner's torso, skin to skin, in metres. */
export function armDistance(own: Figure, other: Figure): number {
  return Math.min(
    oneArm(own, other, JOINT.leftLowerArm, JOINT.leftHand),
    oneArm(own, other, JOINT.rightLowerArm, JOINT.rightHand),
  );
}

/**
 * Keeps two people apart and together: slows those who come too close, pushes where arms reach into the other, and
 * draws back, slowly, who strayed from the place and facing of the start.
 */
export class Apart {
  readonly #home: [PlacedRoot, PlacedRoot] = [
    { x: 0, z: 0, yaw: 0 },
    { x: 0, z: 0, yaw: 0 },
  ];
  #homeDistance = 1;

  /** Starts from where the two begin. */
  reset(a: Readonly<PlacedRoot>, b: Readonly<PlacedRoot>): void {
    Object.assign(this.#home[0], a);
    Object.assign(this.#home[1], b);
    this.#homeDistance = Math.hypot(b.x - a.x, b.z - a.z);
  }

  /**
   * Moves both roots after their own step of this frame; `figures` show both persons after that step, `before` is the
   * torsos' distance in the last finished frame, `speeds` the own speed of each (m a frame).
   */
  apply(
    roots: readonly [PlacedRoot, PlacedRoot],
    figures: readonly [Figure, Figure],
    before: number,
    speeds: Float64Array,
  ): void {
    const [a, b] = roots;
    let push = this.#push(figures, before);
    // Torsos that lean past each other part less than their roots do: push again what is still wanting.
    for (let again = 0; again < AGAIN && push > 1e-4; again++) {
      part(roots, figures, push / 2);
      push = LEAST_DISTANCE_M - torsoDistance(figures[0], figures[1]);
    }
    this.#drawTogether(a, b, speeds);
    for (let p = 0; p < PERSONS; p++) this.#face(roots, p, speeds[p]);
  }

  /** How far the two must part in this frame, in metres. */
  #push([a, b]: readonly [Figure, Figure], before: number): number {
    const now = torsoDistance(a, b);
    let push = Math.max(0, LEAST_DISTANCE_M - now);
    const approach = before - now;
    if (approach > 0 && now < LEAST_DISTANCE_M + SOFT_M) {
      const room = Math.max(0, before - LEAST_DISTANCE_M) / SOFT_M;
      push = Math.max(push, approach * (1 - Math.min(1, room * room)));
    }
    const arm = Math.min(armDistance(a, b), armDistance(b, a)) - LEAST_ARM_M;
    if (arm < ARM_SOFT_M) push = Math.max(push, 2 * ARM_PUSH_M * Math.min(1, 1 - arm / ARM_SOFT_M));
    return push;
  }

  #drawTogether(a: PlacedRoot, b: PlacedRoot, speeds: Float64Array) {
    const still = Math.min(stillness(speeds[0]), stillness(speeds[1]));
    const distance = Math.hypot(b.x - a.x, b.z - a.z);
    // Who began far off and came near is not sent away again.
    const home = distance < this.#homeDistance ? Math.min(this.#homeDistance, NEAR_M) : this.#homeDistance;
    const pull = back(distance - home, SLACK.distanceM, BACK_S.move, BACK_M) * still;
    separate(a, b, -pull / 2);
    const [homeA, homeB] = this.#home;
    const x = (a.x + b.x - homeA.x - homeB.x) / 2;
    const z = (a.z + b.z - homeA.z - homeB.z) / 2;
    const off = Math.hypot(x, z);
    if (off < 1e-6) return;
    const share = (back(off, SLACK.middleM, BACK_S.move, BACK_M) * still) / off;
    for (const root of [a, b]) {
      root.x -= x * share;
      root.z -= z * share;
    }
  }

  /** Turns a person back to the angle at which that person faced the partner at the start. */
  #face(roots: readonly [PlacedRoot, PlacedRoot], person: number, speed: number) {
    const own = roots[person];
    const off = wrapAngle(
      own.yaw - this.#home[person].yaw - (bearing(roots, person) - bearing(this.#home, person)),
    );
    own.yaw -= back(off, SLACK.yawRad, BACK_S.turn, BACK_RAD) * stillness(speed);
  }
}

/** Moves each root, and the figure that shows it, by `by` metres away from the other. */
function part(
  roots: readonly [PlacedRoot, PlacedRoot],
  figures: readonly [Figure, Figure],
  by: number,
): void {
  const [a, b] = roots;
  const ax = a.x;
  const az = a.z;
  separate(a, b, by);
  figures[0].shift(a.x - ax, a.z - az);
  figures[1].shift(ax - a.x, az - a.z);
}

const bearing = (roots: readonly [PlacedRoot, PlacedRoot], person: number) =>
  Math.atan2(roots[1 - person].x - roots[person].x, roots[1 - person].z - roots[person].z);

/** 1 for someone who stands, 0 for someone who walks. */
const stillness = (speedM: number) => Math.max(0, 1 - (speedM * FRAME_RATE_HZ) / WALKING_MPS);

/** What to take off, in one frame, from something that strayed by `off` beyond its slack. */
function back(off: number, slack: number, timeS: number, most: number): number {
  const beyond = Math.max(0, Math.abs(off) - slack);
  return Math.sign(off) * Math.min(most, beyond / (timeS * FRAME_RATE_HZ));
}

/** Moves each root by `by` metres away from the other. */
function separate(a: PlacedRoot, b: PlacedRoot, by: number) {
  let x = b.x - a.x;
  let z = b.z - a.z;
  const length = Math.hypot(x, z);
  // Two who stand in one spot part along the line of the start.
  x = length < 1e-6 ? 1 : x / length;
  z = length < 1e-6 ? 0 : z / length;
  a.x -= x * by;
  a.z -= z * by;
  b.x += x * by;
  b.z += z * by;
}

const forearm = new Float64Array(6);

function oneArm(own: Figure, other: Figure, elbow: number, wrist: number): number {
  const { positions } = own;
  for (let i = 0; i < 3; i++) {
    forearm[i] = positions[3 * elbow + i];
    forearm[3 + i] = forearm[i] + REACH * (positions[3 * wrist + i] - forearm[i]);
  }
  const axis = segmentDistance(forearm, 0, 3, other.positions, 3 * JOINT.hips, 3 * JOINT.neck);
  return axis - TORSO_RADIUS_M - ARM_RADIUS_M;
}

/** Distance of the segment p[p0…]–p[p1…] from the segment q[q0…]–q[q1…] (Ericson 2005, 5.1.9). */
function segmentDistance(
  p: Float64Array,
  p0: number,
  p1: number,
  q: Float64Array,
  q0: number,
  q1: number,
): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let e = 0;
  let f = 0;
  for (let i = 0; i < 3; i++) {
    const u = p[p1 + i] - p[p0 + i];
    const v = q[q1 + i] - q[q0 + i];
    const w = p[p0 + i] - q[q0 + i];
    a += u * u;
    b += u * v;
    c += u * w;
    e += v * v;
    f += v * w;
  }
  const parallel = a * e - b * b;
  let s = parallel > 1e-12 ? clamp01((b * f - c * e) / parallel) : 0;
  let t = e > 1e-12 ? (b * s + f) / e : 0;
  if (t < 0 || t > 1) {
    t = clamp01(t);
    s = a > 1e-12 ? clamp01((b * t - c) / a) : 0;
  }
  let sum = 0;
  for (let i = 0; i < 3; i++) {
    const u = p[p0 + i] + s * (p[p1 + i] - p[p0 + i]);
    const v = q[q0 + i] + t * (q[q1 + i] - q[q0 + i]);
    sum += (u - v) ** 2;
  }
  return Math.sqrt(sum);
}

const clamp01 = (x: number) => Math.min(1, Math.max(0, x));
