import { ARMS, reachInto } from './arm.ts';
import { clampInto } from './limits.ts';
import { multiplyInto, quaternionInto, rotateInto } from './rotation.ts';
import { pushFrom, SHAPES } from './shapes.ts';
import { EXP_AT, Figure } from './skeleton.ts';

/** How far the palm's middle and the finger tips are from the wrist; fingers at ease end before those of a flat hand. */
const PALM_M = 0.085;
const TIPS_M = 0.15;
/** Distances over the skin: what a hand keeps, before which it is slowed down, and what it keeps at any speed. */
const KEEP_M = 0.012;
const SOFT_M = 0.03;
const LEAST_M = 0.004;
/** The part of a correction that is still there a frame later. */
const STAY = 0.85;
/** Shares of what tips and palm want that a tilt of the hand gives them, and the largest tilt. */
const TIPS_SHARE = 0.3;
const PALM_SHARE = 0.5;
const LARGEST_TILT_RAD = 0.5;
/** How often all shapes are gone through, and at most an arm solved anew where its limits held it back. */
const ROUNDS = 2;
const AGAIN = 8;
/** Corrections smaller than this (m and rad, summed) are none. */
const NOTHING = 1e-5;

/** Numbers of state of an arm: shift of the wrist (m), then tilt of the hand (rad), both in the world. */
const ARM_STATE = 6;
const TILT = 3;
/** Numbers of state of one person. */
export const CLEAR_STATE = 2 * ARM_STATE;

const figure = new Figure();
const wrist = new Float64Array(3);
const own = new Float64Array(3);
const hand = new Float64Array(3);
const point = new Float64Array(3);
const push = new Float64Array(3);
const turn = new Float64Array(4);

/**
 * Keeps the hands of one person out of the own trunk and thighs: every push begins where that of the last frame ended, so
 * that a hand which is led through the body slides round it and does not jump from front to back.
 */
export class Clear {
  readonly #state: Float64Array;

  /** `state` holds {@link CLEAR_STATE} numbers. */
  constructor(state: Float64Array) {
    this.#state = state;
  }

  /** Forgets all corrections. */
  reset(): void {
    this.#state.fill(0);
  }

  /** Changes the arms of the body frame at `body[at…]` and nothing else. */
  apply(body: Float64Array, at: number): void {
    figure.pose(body, at);
    for (let arm = 0; arm < ARMS.length; arm++) this.#clear(body, at, arm);
  }

  #clear(body: Float64Array, at: number, arm: number) {
    const state = this.#state;
    const s = ARM_STATE * arm;
    const { rotations } = figure;
    const joint = ARMS[arm].hand;
    look(arm);
    for (let i = 0; i < ARM_STATE; i++) state[s + i] *= STAY;
    for (let i = 0; i < 3; i++) wrist[i] += state[s + i];
    this.#tilt(s);
    for (let round = 0; round < ROUNDS; round++) this.#shift(s, KEEP_M, SOFT_M);
    let size = 0;
    for (let i = 0; i < ARM_STATE; i++) size += Math.abs(state[s + i]);
    if (size < NOTHING) {
      state.fill(0, s, s + ARM_STATE);
      return;
    }
    multiplyInto(rotations, 4 * joint, turn, 0, rotations, 4 * joint);
    reachWithin(body, at, arm);
    for (let again = 0; again < AGAIN; again++) {
      figure.pose(body, at);
      look(arm);
      hand.set(own);
      if (!this.#shift(s, LEAST_M, 0)) return;
      reachWithin(body, at, arm);
    }
    figure.pose(body, at);
  }

  /** Tilts the hand by what tips and palm want: writes {@link turn}, and {@link hand} as turned by it. */
  #tilt(s: number) {
    const state = this.#state;
    const t = s + TILT;
    this.#turn(t);
    for (const shape of SHAPES) {
      this.#lift(t, TIPS_M, TIPS_SHARE, pushOf(shape, TIPS_M, KEEP_M, SOFT_M));
      this.#lift(t, PALM_M, PALM_SHARE, pushOf(shape, PALM_M, KEEP_M, SOFT_M));
    }
    const size = Math.sqrt(state[t] ** 2 + state[t + 1] ** 2 + state[t + 2] ** 2);
    if (size > LARGEST_TILT_RAD) for (let i = 0; i < 3; i++) state[t + i] *= LARGEST_TILT_RAD / size;
    this.#turn(t);
  }

  #turn(t: number) {
    quaternionInto(turn, 0, this.#state, t);
    rotateInto(hand, 0, turn, 0, own, 0);
  }

  /** Adds to a tilt the turn about the wrist that {@link push} gives to what is `reachM` along the hand. */
  #lift(t: number, reachM: number, share: number, length: number) {
    if (length <= 0) return;
    for (let i = 0; i < 3; i++) {
      const [j, k] = [(i + 1) % 3, (i + 2) % 3];
      this.#state[t + i] += (share / reachM) * (hand[j] * push[k] - hand[k] * push[j]);
    }
  }

  /** Moves {@link wrist} until it and the palm are out of all shapes; false where nothing had to move. */
  #shift(s: number, keepM: number, softM: number): boolean {
    let moved = false;
    for (const shape of SHAPES)
      for (let k = 0; k < 2; k++) {
        if (pushOf(shape, k * PALM_M, keepM, softM) <= 0) continue;
        moved = true;
        for (let i = 0; i < 3; i++) {
          wrist[i] += push[i];
          this.#state[s + i] += push[i];
        }
      }
    return moved;
  }
}

/** Reads {@link wrist} and the direction {@link own} of a hand off the figure. */
function look(arm: number) {
  const joint = ARMS[arm].hand;
  own.fill(0);
  own[0] = Math.sign(figure.offsets[3 * joint]);
  rotateInto(own, 0, figure.rotations, 4 * joint, own, 0);
  for (let i = 0; i < 3; i++) wrist[i] = figure.positions[3 * joint + i];
}

/** Writes {@link push} for what is `reachM` along the hand, and returns its length. */
function pushOf(shape: (typeof SHAPES)[number], reachM: number, keepM: number, softM: number): number {
  for (let i = 0; i < 3; i++) point[i] = wrist[i] + reachM * hand[i];
  return pushFrom(push, figure, shape, point, keepM, softM);
}

/** Brings the arm to {@link wrist}, within its limits. */
function reachWithin(body: Float64Array, at: number, arm: number) {
  const { upper, lower, hand: end } = ARMS[arm];
  reachInto(body, at, figure, arm, wrist);
  clampInto(body, at, EXP_AT[upper]);
  clampInto(body, at, EXP_AT[lower]);
  clampInto(body, at, EXP_AT[end]);
}
