import type { Object3D } from 'three';
import { ARMS } from '../body/arm.ts';
import { FINGER_JOINTS } from '../body/hands.ts';
import { multiplyInto, quaternionInto, rotateInto } from '../body/rotation.ts';
import { type Figure, JOINT, JOINTS } from '../body/skeleton.ts';
import { type Flesh, Mould } from './bulk.ts';

/** Half the width and depth of a torso nobody sees, in units of half the distance of the shoulders. */
const TORSO_WIDE = 1.12;
const TORSO_DEEP = 1.0;
/** No part of a body is thicker than this share of an arm's length: what is, is no human and stops no hand. */
const THICKEST = 0.8;
/** Distance that hands keep, and before which they are slowed down, in units of the reference person's arms. */
const KEEP_M = 0.006;
const SOFT_M = 0.02;
/** Bones of the trunk hand over to the next within this height. */
const BLEND_M = 0.08;
/** How a push is shared between a tilt of the hand and a shift of the whole, and how far a hand tilts at most. */
const TILT_SHARE = 0.4;
const MOST_TILT_RAD = 0.5;
const ROUNDS = 5;
/** Skin between points of it bulges by so much, in units of the reference person's arms. */
const BETWEEN_M = 0.012;
/** Tips are so much of the last bone's length beyond its joint. */
const TIP = 0.8;

const TRUNK = ['hips', 'spine', 'chest', 'upperChest'] as const;
/** Spheres of a hand: its wrist, two of the palm, then two for each finger; at most so many where it has no fingers. */
const WITH_FINGERS = 3 + 2 * 5;
const SPHERES = 3 + 18;

/** Flesh, the joint that carries it, and how far from the joint it reaches (m). */
type Part = { readonly mould: Mould; readonly joint: number; readonly reachM: number };

const push = new Float64Array(3);
const way = new Float64Array(2);
const point = new Float64Array(3);
const local = new Float64Array(3);
const sum = new Float64Array(3);
const across = new Float64Array(3);
const lever = new Float64Array(3);
const tilt = new Float64Array(3);
const turn = new Float64Array(4);
const back = new Float64Array(4);

/** Keeps the hands of a character out of its own trunk, head and thighs, as its mesh has them. Allocates nothing per frame. */
export class Keep {
  readonly #figure: Figure;
  readonly #scale: number;
  readonly #trunk: Mould;
  readonly #parts: Part[] = [];
  readonly #rest = new Float64Array(3 * JOINTS.length);
  /** Bones of the trunk that are there, the joint of the figure that turns as each, and where each ends (m). */
  readonly #joints: {
    readonly joint: number;
    readonly turns: number;
    readonly from: number;
    readonly to: number;
  }[] = [];
  /** Of both hands: spheres against the wrist (x, y, z) and their radii. */
  readonly #spheres = new Float64Array(2 * SPHERES * 3);
  readonly #radii = new Float64Array(2 * SPHERES);
  readonly #count = [0, 0];
  readonly #bases: Float64Array;
  readonly #head = new Float64Array(4);
  readonly #headAt = new Float64Array(3);

  /** Measures a character: the figure stands in its T-pose, `armScale` is the length of its arms in the reference person's. */
  constructor(
    figure: Figure,
    flesh: Flesh,
    fingers: readonly (readonly [x: number, y: number, z: number] | undefined)[],
    armScale: number,
    armM: number,
    has: (joint: number) => boolean,
  ) {
    this.#figure = figure;
    this.#scale = armScale;
    this.#rest.set(figure.positions);
    const mostM = THICKEST * armM;
    const of = (...names: readonly string[]) =>
      names.flatMap((name) => flesh.get(name as (typeof TRUNK)[number]) ?? []);
    const trunk = of(...TRUNK);
    this.#trunk = new Mould(trunk.length > 0 ? trunk : this.#guess(), mostM);
    for (const [k, name] of TRUNK.entries()) {
      const joint = JOINT[name];
      if (!has(joint)) continue;
      const next = TRUNK.findIndex((other, i) => i > k && has(JOINT[other]));
      const last = next < 0 ? TRUNK.length : next;
      this.#joints.push({
        joint,
        turns: JOINT[TRUNK[last - 1]],
        from: this.#joints.length === 0 ? Number.NEGATIVE_INFINITY : this.#rest[3 * joint + 1],
        to: next < 0 ? Number.POSITIVE_INFINITY : this.#rest[3 * JOINT[TRUNK[next]] + 1],
      });
    }
    const add = (joint: number, forwards: number, ...names: readonly string[]) => {
      const points = of(...names);
      if (points.length === 0) return;
      let square = 0;
      for (let i = 0; i < points.length; i += 3) {
        let own = 0;
        for (let k = 0; k < 3; k++) own += (points[i + k] - this.#rest[3 * joint + k]) ** 2;
        square = Math.max(square, own);
      }
      const reachM = Math.sqrt(square) + SOFT_M * armScale;
      this.#parts.push({ mould: new Mould(points, mostM, forwards), joint, reachM });
    };
    add(JOINT.head, 0, 'head', 'jaw');
    add(JOINT.leftUpperLeg, 0.5, 'leftUpperLeg');
    add(JOINT.rightUpperLeg, 0.5, 'rightUpperLeg');
    this.#bases = Float64Array.from(fingers.flatMap((at) => at ?? [Number.NaN, 0, 0]));
    for (let arm = 0; arm < 2; arm++) this.#measureHand(arm, flesh);
  }

  /** The trunk of one without a mesh: an upright ellipse as wide as the shoulders. */
  #guess(): number[] {
    const wide = Math.abs(this.#rest[3 * JOINT.leftUpperArm]);
    const [low, high] = [JOINT.hips, JOINT.leftUpperArm].map((joint) => this.#rest[3 * joint + 1]);
    const points: number[] = [];
    for (let row = 0; row <= 8; row++)
      for (let i = 0; i < 24; i++) {
        const rad = (2 * Math.PI * i) / 24;
        const x = TORSO_WIDE * wide * Math.sin(rad);
        points.push(x, low + ((high - low) * row) / 8, TORSO_DEEP * wide * Math.cos(rad));
      }
    return points;
  }

  /** Where the spheres of wrist and palm are, and how thick the hand is. */
  #measureHand(arm: number, flesh: Flesh) {
    const side = arm === 0 ? 'left' : 'right';
    const wrist = 3 * ARMS[arm].hand;
    const hand = flesh.get(`${side}Hand`) ?? [];
    let [lowY, highY] = [0, 0];
    for (let i = 1; i < hand.length; i += 3) {
      lowY = Math.min(lowY, hand[i] - this.#rest[wrist + 1]);
      highY = Math.max(highY, hand[i] - this.#rest[wrist + 1]);
    }
    const thick = (highY - lowY) / 2;
    const distal = flesh.get(`${side}MiddleDistal`) ?? [];
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = 1; i < distal.length; i += 3) {
      low = Math.min(low, distal[i]);
      high = Math.max(high, distal[i]);
    }
    const finger = distal.length > 0 ? (high - low) / 2 : thick / 2;
    const at = SPHERES * arm;
    this.#radii.fill(finger, at, at + SPHERES);
    this.#radii.fill(thick, at, at + 3);
    // Index and little finger begin where the palm ends.
    for (const [k, f] of [1, 4].entries()) {
      const knuckle = 3 * (15 * arm + 3 * f);
      const known = Number.isFinite(this.#bases[knuckle]);
      const palm = 3 * (at + 1 + k);
      for (let i = 0; i < 3; i++) this.#spheres[palm + i] = known ? 0.6 * this.#bases[knuckle + i] : 0;
    }
    // A hand without fingers is a thing of any shape: points of its skin that are as far apart as can be.
    this.#count[arm] = WITH_FINGERS;
    if (!Number.isFinite(this.#bases[45 * arm + 9]) && hand.length > 0) {
      this.#count[arm] = SPHERES;
      for (const [k, vertex] of spread(hand, SPHERES - 3).entries()) {
        for (let i = 0; i < 3; i++)
          this.#spheres[3 * (at + 3 + k) + i] = hand[vertex + i] - this.#rest[wrist + i];
        this.#radii[at + 3 + k] = BETWEEN_M * this.#scale;
      }
    }
  }

  /** Takes the figure as it is posed now, and the neck and the head as the bones have them; `flip` is −1 for VRM 0.x. */
  look(neck: Object3D | null | undefined, head: Object3D | null | undefined, flip: number): void {
    const { positions, rotations, offsets } = this.#figure;
    const set = (bone: Object3D | null | undefined) => {
      const q = bone?.quaternion;
      turn[0] = q ? q.x * flip : 0;
      turn[1] = q ? q.y : 0;
      turn[2] = q ? q.z * flip : 0;
      turn[3] = q ? q.w : 1;
    };
    set(neck);
    multiplyInto(this.#head, 0, rotations, 4 * JOINT.upperChest, turn, 0);
    rotateInto(this.#headAt, 0, this.#head, 0, offsets, 3 * JOINT.head);
    for (let i = 0; i < 3; i++) this.#headAt[i] += positions[3 * JOINT.neck + i];
    set(head);
    multiplyInto(this.#head, 0, this.#head, 0, turn, 0);
  }

  /**
   * Moves `wrist` (world) and turns the hand of the figure until wrist, palm and fingers are outside of the body; `curls`
   * [15, 3] are the exp-maps of the fingers. False where nothing had to move.
   */
  apply(arm: number, wrist: Float64Array, curls: Float64Array): boolean {
    this.#bend(arm, curls);
    const hand = 4 * ARMS[arm].hand;
    const { rotations } = this.#figure;
    let moved = false;
    let left = MOST_TILT_RAD;
    for (let round = 0; round < ROUNDS; round++) {
      let pushed = false;
      for (let k = 0; k < this.#count[arm]; k++) {
        const sphere = SPHERES * arm + k;
        for (let part = -1; part < this.#parts.length; part++) {
          rotateInto(lever, 0, rotations, hand, this.#spheres, 3 * sphere);
          for (let i = 0; i < 3; i++) point[i] = wrist[i] + lever[i];
          const length = this.#pushOf(part, this.#radii[sphere]);
          if (length <= 1e-5) continue;
          pushed = true;
          const square = lever[0] ** 2 + lever[1] ** 2 + lever[2] ** 2;
          const share =
            k > 0 && square > 1e-6 && round < ROUNDS - 1 ? (TILT_SHARE * left) / MOST_TILT_RAD : 0;
          if (share > 0) left -= this.#tilt(hand, share / square);
          for (let i = 0; i < 3; i++) wrist[i] += (1 - share) * push[i];
        }
      }
      if (!pushed) break;
      moved = true;
    }
    return moved;
  }

  /** Writes what brings a point (world) with `thickM` around it out of the trunk into `out`, and returns its length. */
  pushInto(out: Float64Array, at: Float64Array, thickM: number): number {
    point.set(at);
    const length = this.#pushOf(-1, thickM * this.#scale);
    if (length > 0) out.set(push);
    return length;
  }

  /** Turns a hand about its wrist towards {@link push}, and returns by how much (rad). */
  #tilt(hand: number, share: number): number {
    let angle = 0;
    for (let i = 0; i < 3; i++) {
      const [j, k] = [(i + 1) % 3, (i + 2) % 3];
      tilt[i] = share * (lever[j] * push[k] - lever[k] * push[j]);
      angle += tilt[i] ** 2;
    }
    quaternionInto(turn, 0, tilt, 0);
    multiplyInto(this.#figure.rotations, hand, turn, 0, this.#figure.rotations, hand);
    return Math.sqrt(angle);
  }

  /** Brings the spheres of the fingers to where the curls have them. */
  #bend(arm: number, curls: Float64Array) {
    for (let f = 0; f < FINGER_JOINTS.length / 3; f++) {
      const base = 3 * (15 * arm + 3 * f);
      // Without all three bones a finger stays as modelled, at the spheres of a hand without fingers.
      if (Number.isNaN(this.#bases[base] + this.#bases[base + 3] + this.#bases[base + 6])) continue;
      for (let i = 0; i < 3; i++) sum[i] = this.#bases[base + i];
      back.fill(0).fill(1, 3);
      for (let j = 0; j < 3; j++) {
        quaternionInto(turn, 0, curls, 9 * f + 3 * j);
        multiplyInto(back, 0, back, 0, turn, 0);
        // The last bone has no next: its tip goes on as the one before came.
        const next = base + 3 * Math.min(2, j + 1);
        rotateInto(local, 0, back, 0, this.#bases, next);
        const length = j === 2 ? TIP : 1;
        for (let i = 0; i < 3; i++) sum[i] += length * local[i];
        if (j === 0) continue;
        const sphere = 3 * (SPHERES * arm + 3 + 2 * f + (j - 1));
        for (let i = 0; i < 3; i++) this.#spheres[sphere + i] = sum[i];
      }
    }
  }

  /** Writes into {@link push} what brings {@link point} and `radius` around it out of a part, and returns its length. */
  #pushOf(part: number, radius: number): number {
    const keep = radius + KEEP_M * this.#scale;
    if (part < 0) return this.#pushOfTrunk(keep);
    const { mould, joint, reachM } = this.#parts[part];
    const head = joint === JOINT.head;
    const { positions, rotations } = this.#figure;
    const turns = head ? this.#head : rotations;
    const at = head ? 0 : 4 * joint;
    for (let i = 0; i < 3; i++) local[i] = point[i] - (head ? this.#headAt[i] : positions[3 * joint + i]);
    if (local[0] ** 2 + local[1] ** 2 + local[2] ** 2 > (reachM + keep) ** 2) return 0;
    unturn(local, turns, at);
    for (let i = 0; i < 3; i++) local[i] += this.#rest[3 * joint + i];
    const length = soft(mould.depth(way, local) + keep, SOFT_M * this.#scale);
    if (length <= 0) return 0;
    push[0] = length * way[0];
    push[1] = 0;
    push[2] = length * way[1];
    rotateInto(push, 0, turns, at, push, 0);
    return length;
  }

  /** The trunk bends: each of its bones sees the point in its own T-pose, and those whose part of the trunk that is say. */
  #pushOfTrunk(keep: number): number {
    const mould = this.#trunk;
    const { positions, rotations } = this.#figure;
    const blend = (BLEND_M * this.#scale) / 2;
    let weights = 0;
    across.fill(0);
    for (const { joint, turns, from, to } of this.#joints) {
      for (let i = 0; i < 3; i++) local[i] = point[i] - positions[3 * joint + i];
      unturn(local, rotations, 4 * turns);
      for (let i = 0; i < 3; i++) local[i] += this.#rest[3 * joint + i];
      const weight =
        ease((local[1] - from + blend) / (2 * blend)) * ease((to - local[1] + blend) / (2 * blend));
      if (weight <= 0) continue;
      const length = soft(mould.depth(way, local) + keep, SOFT_M * this.#scale);
      weights += weight;
      if (length <= 0) continue;
      push[0] = weight * length * way[0];
      push[1] = 0;
      push[2] = weight * length * way[1];
      rotateInto(push, 0, rotations, 4 * turns, push, 0);
      for (let i = 0; i < 3; i++) across[i] += push[i];
    }
    if (weights <= 0) return 0;
    let square = 0;
    for (let i = 0; i < 3; i++) {
      push[i] = across[i] / weights;
      square += push[i] ** 2;
    }
    return Math.sqrt(square);
  }
}

/** Where in `points` (x, y, z) some are that lie far from each other: each the farthest from those before it. */
function spread(points: readonly number[], count: number): number[] {
  const nearest = new Float64Array(points.length / 3).fill(Number.POSITIVE_INFINITY);
  const chosen: number[] = [];
  let next = 0;
  for (let i = 3; i < points.length; i += 3) if (Math.abs(points[i]) > Math.abs(points[next])) next = i;
  while (chosen.length < count) {
    chosen.push(next);
    let most = 0;
    const from = next;
    for (let v = 0; v < nearest.length; v++) {
      const square =
        (points[3 * v] - points[from]) ** 2 +
        (points[3 * v + 1] - points[from + 1]) ** 2 +
        (points[3 * v + 2] - points[from + 2]) ** 2;
      nearest[v] = Math.min(nearest[v], square);
      if (nearest[v] <= most) continue;
      most = nearest[v];
      next = 3 * v;
    }
  }
  return chosen;
}

function unturn(v: Float64Array, q: Float64Array, at: number) {
  back[0] = -q[at];
  back[1] = -q[at + 1];
  back[2] = -q[at + 2];
  back[3] = q[at + 3];
  rotateInto(v, 0, back, 0, v, 0);
}

const ease = (x: number) => {
  const t = Math.min(1, Math.max(0, x));
  return t * t * (3 - 2 * t);
};

/** `x` where it is well over zero, 0 where it is well under, a parabola between. */
function soft(x: number, width: number): number {
  if (!(x > -width)) return 0;
  return x >= width ? x : (x + width) ** 2 / (4 * width);
}
