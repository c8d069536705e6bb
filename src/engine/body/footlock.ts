import { FRAME_RATE_HZ } from '../motion.ts';
import { LEGS, sinkFor, solveLegInto } from './leg.ts';
import {
  blendInto,
  multiplyInto,
  quaternionInto,
  rotateInto,
  wrapAngle,
  yawInto,
  yawOf,
} from './rotation.ts';
import { ANKLE_M, type Figure, OFFSETS_M } from './skeleton.ts';

/** Contact (0…1) at which a foot takes hold and lets go. */
const HOLD_ABOVE = 0.6;
const FREE_BELOW = 0.35;
/** Heights of the ankle over its standing height, and speeds, at which a foot can take hold and must let go. */
const HOLD_BELOW_M = 0.05;
const FREE_ABOVE_M = 0.09;
const HOLD_MPS = 0.7;
const FREE_MPS = 1.4;
/** A held foot that should be this far away, or turned by this much, makes a step there. */
const STEP_M = 0.12;
const STEP_RAD = 0.5;
const STEP_FRAMES = 0.4 * FRAME_RATE_HZ;
const FREE_FRAMES = 0.27 * FRAME_RATE_HZ;
const STEP_LIFT_M = 0.05;
/** A frame's share: of settling flat, of the hips' way up again. */
const SETTLE = 0.3;
const SINK = Math.exp(-1 / (0.3 * FRAME_RATE_HZ));
/** A foot tilted less than this is meant to stand flat. */
const HEEL_SLACK_RAD = 0.2;
/** How far, and how fast, the hips sink for the sake of feet. */
const SINK_M = 0.008;
const LARGEST_DROP_M = 0.25;

/** Where the numbers of a foot stand in its state: flags, metres and quaternions. */
const HELD = 0;
const CONTACT = 1;
const PIN = 2;
const OFFSET = 5;
const AWAY = 8; // frames since it was let go, 0 when it is where the network has it
const LIFT = 9;
const OUT = 10;
const BEFORE = 13;
const TURN = 16;
const KEPT = 20;
const FOOT_STATE = 24;
/** Numbers of state of one person: hips' drop (m), whether there was a frame, then two feet. */
export const FOOT_LOCK_STATE = 2 + 2 * FOOT_STATE;

const flat = new Float64Array(4);
const local = new Float64Array(4);
const toes = new Float64Array(3);
const heel = new Float64Array(3);
const FORWARD = Float64Array.of(0, 0, 1);

/**
 * Holds the feet of one person where they stand: a foot in contact is pinned to the floor by hip and knee of its leg and
 * let go softly; when the body has moved on too far, or turned too much, the foot makes a small step after it.
 */
export class FootLock {
  readonly #state: Float64Array;

  /** `state` holds {@link FOOT_LOCK_STATE} numbers. */
  constructor(state: Float64Array) {
    this.#state = state;
  }

  /** Forgets where the feet stand. */
  reset(): void {
    this.#state.fill(0);
  }

  /**
   * Changes hips height and legs of the body frame at `body[at…]`, as `figure` shows it; `left` and `right` are the
   * contacts 0…1.
   */
  apply(body: Float64Array, at: number, figure: Figure, left: number, right: number): void {
    const state = this.#state;
    if (state[1] === 0) for (let foot = 0; foot < 2; foot++) this.#start(figure, foot);
    state[1] = 1;
    this.#place(figure, 0, left);
    this.#place(figure, 1, right);
    const drop = this.#drop(figure);
    body[at + 1] -= drop;
    for (let foot = 0; foot < 2; foot++) {
      const s = 2 + FOOT_STATE * foot;
      solveLegInto(body, at, figure, foot, drop, state, s + OUT, state, s + TURN);
    }
  }

  #start(figure: Figure, foot: number) {
    const state = this.#state;
    const s = 2 + FOOT_STATE * foot;
    const j = LEGS[foot].foot;
    for (let i = 0; i < 3; i++) {
      state[s + BEFORE + i] = figure.positions[3 * j + i];
      state[s + OUT + i] = figure.positions[3 * j + i];
    }
    for (let i = 0; i < 4; i++) state[s + TURN + i] = figure.rotations[4 * j + i];
  }

  /** Decides whether a foot is held and where it goes. */
  #place(figure: Figure, foot: number, contact: number) {
    const state = this.#state;
    const s = 2 + FOOT_STATE * foot;
    const { positions } = figure;
    const j = 3 * LEGS[foot].foot;
    const speed =
      Math.hypot(positions[j] - state[s + BEFORE], positions[j + 2] - state[s + BEFORE + 2]) * FRAME_RATE_HZ;
    for (let i = 0; i < 3; i++) state[s + BEFORE + i] = positions[j + i];
    const height = positions[j + 1] - ANKLE_M;
    state[s + CONTACT] = contact > HOLD_ABOVE || (contact > FREE_BELOW && state[s + CONTACT] > 0) ? 1 : 0;
    const stepping = this.#steps(foot);
    if (state[s + HELD] > 0) {
      if (state[s + CONTACT] === 0 || height > FREE_ABOVE_M || speed > FREE_MPS)
        this.#free(figure, foot, false);
      else if (this.#strayed(figure, foot) && !this.#steps(1 - foot)) this.#free(figure, foot, true);
    } else if (!stepping && state[s + CONTACT] > 0 && height < HOLD_BELOW_M && speed < HOLD_MPS) {
      state[s + HELD] = 1;
      rotateInto(toes, 0, state, s + TURN, OFFSETS_M, 3 * LEGS[foot].toes);
      for (let i = 0; i < 3; i++) state[s + PIN + i] = state[s + OUT + i] + toes[i];
    }
    if (state[s + HELD] > 0) this.#hold(figure, foot);
    else this.#follow(figure, foot);
  }

  #steps(foot: number) {
    const s = 2 + FOOT_STATE * foot;
    return this.#state[s + AWAY] > 0 && this.#state[s + LIFT] > 0;
  }

  #strayed(figure: Figure, foot: number): boolean {
    const state = this.#state;
    const s = 2 + FOOT_STATE * foot;
    const j = LEGS[foot].foot;
    const away = Math.hypot(
      state[s + OUT] - figure.positions[3 * j],
      state[s + OUT + 2] - figure.positions[3 * j + 2],
    );
    const turned = wrapAngle(yawOf(figure.rotations, 4 * j) - yawOf(state, s + TURN));
    return away > STEP_M || Math.abs(turned) > STEP_RAD;
  }

  #free(figure: Figure, foot: number, step: boolean) {
    const state = this.#state;
    const s = 2 + FOOT_STATE * foot;
    const j = 3 * LEGS[foot].foot;
    state[s + HELD] = 0;
    state[s + AWAY] = 1;
    for (let i = 0; i < 3; i++) state[s + OFFSET + i] = state[s + OUT + i] - figure.positions[j + i];
    const far = Math.hypot(state[s + OFFSET], state[s + OFFSET + 2]);
    state[s + LIFT] = step ? STEP_LIFT_M * Math.min(1, 0.4 + far / STEP_M / 2) : 0;
    for (let i = 0; i < 4; i++) state[s + KEPT + i] = state[s + TURN + i];
  }

  /** Keeps the toes in place; the heel may rise as the network has it, as that of a leg left behind does. */
  #hold(figure: Figure, foot: number) {
    const state = this.#state;
    const s = 2 + FOOT_STATE * foot;
    const joints = LEGS[foot];
    rotateInto(toes, 0, figure.rotations, 4 * joints.foot, FORWARD, 0);
    const pitch = Math.asin(Math.min(1, Math.max(-1, -toes[1])));
    heel[0] = Math.max(0, pitch - HEEL_SLACK_RAD);
    yawInto(flat, 0, yawOf(state, s + TURN));
    quaternionInto(local, 0, heel, 0);
    multiplyInto(flat, 0, flat, 0, local, 0);
    blendInto(state, s + TURN, state, s + TURN, flat, 0, SETTLE);
    state[s + PIN + 1] *= 1 - SETTLE;
    rotateInto(toes, 0, state, s + TURN, OFFSETS_M, 3 * joints.toes);
    for (let i = 0; i < 3; i++) state[s + OUT + i] = state[s + PIN + i] - toes[i];
  }

  /** A foot that is not held goes where the network puts it, from where it was. */
  #follow(figure: Figure, foot: number) {
    const state = this.#state;
    const s = 2 + FOOT_STATE * foot;
    const { positions, rotations } = figure;
    const j = LEGS[foot].foot;
    const t = state[s + AWAY] / (state[s + LIFT] > 0 ? STEP_FRAMES : FREE_FRAMES);
    const left = state[s + AWAY] > 0 && t < 1 ? 1 - t * t * (3 - 2 * t) : 0;
    for (let i = 0; i < 3; i++) state[s + OUT + i] = positions[3 * j + i] + state[s + OFFSET + i] * left;
    if (left > 0) state[s + OUT + 1] += state[s + LIFT] * Math.sin(Math.PI * t);
    state[s + AWAY] = left > 0 ? state[s + AWAY] + 1 : 0;
    blendInto(state, s + TURN, rotations, 4 * j, state, s + KEPT, left);
    // Neither sole nor toes go through the floor.
    rotateInto(toes, 0, state, s + TURN, OFFSETS_M, 3 * LEGS[foot].toes);
    state[s + OUT + 1] = Math.max(state[s + OUT + 1], ANKLE_M, -toes[1]);
  }

  /** How far the hips must sink so that both legs reach their feet; they come up again slowly. */
  #drop(figure: Figure): number {
    const state = this.#state;
    let drop = state[0] * SINK;
    for (let foot = 0; foot < 2; foot++) {
      const s = 2 + FOOT_STATE * foot;
      drop = Math.max(drop, sinkFor(figure, foot, state, s + OUT));
    }
    state[0] = Math.min(LARGEST_DROP_M, drop, state[0] + SINK_M);
    return state[0];
  }
}
