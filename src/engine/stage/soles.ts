import type { Vector3 } from 'three';
import { LEGS } from '../body/leg.ts';
import { rotateInto, yawInto, yawOf } from '../body/rotation.ts';
import { OFFSETS_M } from '../body/skeleton.ts';
import type { Flesh } from './bulk.ts';

/** The reference person's heel and ball against the ankle (m). */
const HEEL_M = Float64Array.of(0, OFFSETS_M[3 * LEGS[0].toes + 1], -0.05);
const BALL_M = OFFSETS_M.slice(3 * LEGS[0].toes, 3 * LEGS[0].toes + 3);
/** Without toes the ball is at this share of the way to the tip. */
const BALL = 0.65;
/** Soles that are further from the floor than this (m, of the reference person) are no soles. */
const ODD_M = 0.15;

const heel = new Float64Array(3);
const ball = new Float64Array(3);
const own = new Float64Array(3);
const flat = new Float64Array(4);
const moved = new Float64Array(3);

/** The soles of a character: puts its ankles where its own heels and balls touch the floor as the reference person's do. */
export class Soles {
  /** Height of the ankles over the soles. */
  readonly ankleM: number;
  readonly #scale: number;
  /** Heel, ball and, where no toes bend, tip of each foot against the ankle. */
  readonly #points: readonly (readonly Float64Array[])[];

  /** `ankle` is where the left one is in the T-pose, `offsets` [22, 3] are those of the character's figure. */
  constructor(flesh: Flesh, ankle: Vector3, offsets: Float64Array, scale: number) {
    this.#scale = scale;
    let bottom = Number.POSITIVE_INFINITY;
    const feet = (['left', 'right'] as const).map((side) => {
      const points = [...(flesh.get(`${side}Foot`) ?? []), ...(flesh.get(`${side}Toes`) ?? [])];
      let [back, front] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let i = 0; i < points.length; i += 3) {
        bottom = Math.min(bottom, points[i + 1]);
        back = Math.min(back, points[i + 2] - ankle.z);
        front = Math.max(front, points[i + 2] - ankle.z);
      }
      return points.length > 0
        ? { back, front }
        : { back: scale * HEEL_M[2], front: (scale * BALL_M[2]) / BALL };
    });
    this.ankleM = Math.abs(bottom) < ODD_M * scale ? ankle.y - bottom : ankle.y;
    this.#points = feet.map(({ back, front }, leg) => {
      const toes = 3 * LEGS[leg].toes;
      const bends = offsets[toes + 2] > 0;
      const at = (x: number, z: number) => Float64Array.of(x, -this.ankleM, z);
      const points = [at(0, back), bends ? at(offsets[toes], offsets[toes + 2]) : at(0, BALL * front)];
      return bends ? points : [...points, at(0, front)];
    });
  }

  /**
   * Brings the ankle of the reference person at `feet[at…]`, whose foot is turned as the quaternion at `turns[to…]` says, to
   * this character's: the ball of its foot goes the way of that one's, the lowest point is as high; scaled.
   */
  placeInto(feet: Float64Array, at: number, turns: Float64Array, to: number, leg: number): void {
    const scale = this.#scale;
    rotateInto(ball, 0, turns, to, BALL_M, 0);
    rotateInto(heel, 0, turns, to, HEEL_M, 0);
    const low = scale * Math.max(0, feet[at + 1] + Math.min(ball[1], heel[1]));
    yawInto(flat, 0, yawOf(turns, to));
    const points = this.#points[leg];
    for (let i = 0; i < 3; i++) own[i] = points[1][i] - scale * BALL_M[i];
    rotateInto(moved, 0, flat, 0, own, 0);
    let lowest = Number.POSITIVE_INFINITY;
    for (const point of points) {
      rotateInto(own, 0, turns, to, point, 0);
      lowest = Math.min(lowest, own[1]);
    }
    rotateInto(own, 0, turns, to, points[1], 0);
    for (let i = 0; i < 3; i += 2) feet[at + i] = scale * (feet[at + i] + ball[i]) + moved[i] - own[i];
    feet[at + 1] = low - lowest;
  }
}
