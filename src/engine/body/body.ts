import { invariant } from '../../errors.ts';
import {
  BODY_BLOCK,
  BODY_NUMBERS,
  FRAME_RATE_HZ,
  LOWER_FEATURES,
  PERSONS,
  UPPER_FEATURES,
} from '../motion.ts';
import { Apart, torsoDistance } from './apart.ts';
import { Blocks, isBroken } from './blocks.ts';
import { CLEAR_STATE, Clear } from './clear.ts';
import { FOOT_LOCK_STATE, FootLock } from './footlock.ts';
import { limitInto } from './limits.ts';
import { type PlacedRoot, type Placement, placementInto, placementOf } from './placement.ts';
import { REST_LOWER, REST_UPPER } from './rest.ts';
import { stepRoot } from './root.ts';
import { BODY_AT, Figure } from './skeleton.ts';
import { CALM_STATE, Calm, STEADY_STATE, Steady } from './smooth.ts';
import { Source, sourceState } from './source.ts';

export type { PlacedRoot, Placement, PlacementPreset } from './placement.ts';

/** What was left out or broken so far. */
export type BodyStats = {
  /** Frames for which a block was not there, so that a body was held or eased to rest. */
  readonly heldFrames: number;
  /** Numbers that came in as NaN, infinite or beyond all reason; their frames were held. */
  readonly nonFinite: number;
};

/** All that the bodies remember: plain data. */
export type BodyState = {
  readonly next: number;
  readonly stats: BodyStats;
  readonly home: readonly Readonly<PlacedRoot>[];
  readonly roots: readonly Readonly<PlacedRoot>[];
  readonly numbers: readonly number[];
  readonly lower: ReturnType<Blocks['save']>;
  readonly upper: ReturnType<Blocks['save']>;
};

/** Without its block a root comes to a stop with this time constant. */
const STOP_S = 0.15;
/** Hips below the first height (m) sit and stay where they are; above the second they go where they will. */
const SEATED_M = [0.55, 0.72] as const;
/** A gap of more frames than this is jumped over. */
const LONGEST_GAP = 64;
const HEIGHT_M = [0.2, 1.3] as const;
const HEAD = 3;
const STATE_OF_PERSON =
  sourceState(LOWER_FEATURES) +
  sourceState(UPPER_FEATURES) +
  UPPER_FEATURES * CALM_STATE +
  HEAD * STEADY_STATE +
  FOOT_LOCK_STATE +
  CLEAR_STATE;

/** What change in one frame is a jump and no motion: of hips height (m), joints (rad), hands; moves and contacts may. */
const LOWER_JUMPS = Float64Array.from({ length: LOWER_FEATURES }, (_, f) => {
  if (f === 3) return 0.045;
  return f < 3 || f >= LOWER_FEATURES - 2 ? Number.POSITIVE_INFINITY : 0.36;
});
const UPPER_JUMPS = new Float64Array(UPPER_FEATURES).fill(0.36);

/** How much of its moves a root whose hips are at that height makes: none who sits glides along the floor. */
function freedom(heightM: number): number {
  const [seated, up] = SEATED_M;
  const t = Math.min(1, Math.max(0, (heightM - seated) / (up - seated)));
  return t * t * (3 - 2 * t);
}

type Person = {
  readonly lower: Source;
  readonly upper: Source;
  readonly calm: Calm;
  readonly steady: Steady;
  readonly feet: FootLock;
  readonly hands: Clear;
};

/**
 * Finishes both bodies, frame by frame: takes the blocks of the two body networks, smooths their edges, integrates the
 * roots, keeps joints in their limits, the two apart, feet where they stand and hands out of the own body. A late or broken block is held, eased
 * to rest, and taken up without a jump. Allocates nothing per frame.
 */
export class BodyMotion {
  readonly #lower = new Blocks(LOWER_FEATURES);
  readonly #upper = new Blocks(UPPER_FEATURES);
  /** Everything that changes from frame to frame, for {@link save}. */
  readonly #numbers = new Float64Array(PERSONS * (STATE_OF_PERSON + BODY_NUMBERS) + 1);
  readonly #persons: readonly Person[];
  readonly #frame = this.#numbers.subarray(PERSONS * STATE_OF_PERSON, -1);
  readonly #distance = this.#numbers.subarray(-1);
  readonly #figures = [new Figure(), new Figure()] as const;
  readonly #roots = placementOf('vis-a-vis');
  readonly #ahead = placementOf('vis-a-vis');
  readonly #home = placementOf('vis-a-vis');
  readonly #speeds = new Float64Array(PERSONS);
  readonly #moving = new Float64Array(UPPER_FEATURES + HEAD);
  readonly #apart = new Apart();
  #next = 0;
  #heldFrames = 0;
  #nonFinite = 0;

  /** Both stand at rest where `preset` places them. */
  constructor(preset: Placement = 'vis-a-vis') {
    this.#persons = [0, 1].map((p) => {
      let at = p * STATE_OF_PERSON;
      const take = (count: number) => {
        at += count;
        return this.#numbers.subarray(at - count, at);
      };
      return {
        lower: new Source(this.#lower, p, REST_LOWER, LOWER_JUMPS, take(sourceState(LOWER_FEATURES))),
        upper: new Source(this.#upper, p, REST_UPPER, UPPER_JUMPS, take(sourceState(UPPER_FEATURES))),
        calm: new Calm(UPPER_FEATURES, take(UPPER_FEATURES * CALM_STATE)),
        steady: new Steady(HEAD, take(HEAD * STEADY_STATE)),
        feet: new FootLock(take(FOOT_LOCK_STATE)),
        hands: new Clear(take(CLEAR_STATE)),
      };
    });
    this.reset(preset);
  }

  /** What was left out or broken so far. */
  get stats(): BodyStats {
    return { heldFrames: this.#heldFrames, nonFinite: this.#nonFinite };
  }

  /** Takes a block [2, 8, 27] of the lower body network; `firstFrame` is a multiple of 8. */
  pushLower(block: Float32Array, firstFrame: number): void {
    this.#nonFinite += this.#lower.push(block, firstFrame);
  }

  /** Takes a block [2, 8, 47] of the upper body network; `firstFrame` is a multiple of 8. */
  pushUpper(block: Float32Array, firstFrame: number): void {
    this.#nonFinite += this.#upper.push(block, firstFrame);
  }

  /**
   * Writes the placement [2, 6] that the block under way starts from: the roots now, moved on to the end of the last block
   * that both networks have finished.
   */
  placementInto(target: Float32Array): void {
    const end = Math.min(this.#lower.end, this.#upper.end);
    for (let p = 0; p < PERSONS; p++) {
      const root = this.#ahead[p];
      Object.assign(root, this.#roots[p]);
      const { values } = this.#lower;
      for (let k = this.#next; k < end; k++) {
        const at = this.#lower.find(p, k);
        if (at < 0) continue;
        const free = freedom(values[at + 3]);
        stepRoot(root, values[at] * free, values[at + 1] * free, values[at + 2] * free);
      }
    }
    placementInto(target, this.#ahead[0], this.#ahead[1]);
  }

  /** Writes the finished frame [2, 75] into `out`; `head` [2, 3] is the exp-map of each head (rad). Frames only go on. */
  frameInto(out: Float32Array, frameIndex: number, head: Float32Array): void {
    invariant(
      out.length === PERSONS * BODY_NUMBERS,
      `body: the frame has ${out.length} numbers, expected ${PERSONS * BODY_NUMBERS}`,
    );
    this.#next = Math.max(this.#next, frameIndex - LONGEST_GAP);
    for (; this.#next <= frameIndex; this.#next++) this.#advance(this.#next, head);
    out.set(this.#frame);
  }

  /** Starts anew at frame 0: both at rest where `preset` places them. */
  reset(preset: Placement = 'vis-a-vis'): void {
    this.#next = 0;
    this.#heldFrames = 0;
    this.#nonFinite = 0;
    this.#lower.clear();
    this.#upper.clear();
    this.#numbers.fill(0);
    placementOf(preset).forEach((root, p) => {
      Object.assign(this.#roots[p], root);
      Object.assign(this.#home[p], root);
      const { lower, upper, calm, steady, feet, hands } = this.#persons[p];
      lower.reset();
      upper.reset();
      this.#moving.fill(0);
      this.#moving.set(REST_UPPER);
      calm.reset(this.#moving);
      steady.reset();
      feet.reset();
      hands.reset();
      this.#assemble(p);
      this.#figures[p].pose(this.#frame, p * BODY_NUMBERS);
    });
    this.#apart.reset(this.#home[0], this.#home[1]);
    this.#distance[0] = torsoDistance(this.#figures[0], this.#figures[1]);
  }

  /** A plain copy of everything remembered. */
  save(): BodyState {
    return {
      next: this.#next,
      stats: this.stats,
      home: this.#home.map((root) => ({ ...root })),
      roots: this.#roots.map((root) => ({ ...root })),
      numbers: Array.from(this.#numbers),
      lower: this.#lower.save(),
      upper: this.#upper.save(),
    };
  }

  /** Goes on from what {@link save} gave. */
  restore(state: BodyState): void {
    this.#next = state.next;
    this.#heldFrames = state.stats.heldFrames;
    this.#nonFinite = state.stats.nonFinite;
    for (let p = 0; p < PERSONS; p++) {
      Object.assign(this.#home[p], state.home[p]);
      Object.assign(this.#roots[p], state.roots[p]);
    }
    this.#apart.reset(this.#home[0], this.#home[1]);
    this.#numbers.set(state.numbers);
    this.#lower.restore(state.lower);
    this.#upper.restore(state.upper);
  }

  #advance(frame: number, head: Float32Array) {
    let held = false;
    for (let p = 0; p < PERSONS; p++) {
      const whole = this.#features(p, frame, head);
      held ||= !whole;
      this.#assemble(p);
      limitInto(this.#frame, p * BODY_NUMBERS);
      this.#figures[p].pose(this.#frame, p * BODY_NUMBERS);
    }
    // Networks begin with block 1: before it both stand at rest.
    if (held && frame >= BODY_BLOCK) this.#heldFrames++;
    const [a, b] = this.#figures;
    this.#apart.apply(this.#roots, this.#figures, this.#distance[0], this.#speeds);
    for (let p = 0; p < PERSONS; p++) {
      const at = p * BODY_NUMBERS;
      this.#putRoot(p);
      this.#figures[p].pose(this.#frame, at);
      const { values } = this.#persons[p].lower;
      const contacts = LOWER_FEATURES - 2;
      this.#persons[p].feet.apply(this.#frame, at, this.#figures[p], values[contacts], values[contacts + 1]);
      limitInto(this.#frame, at);
      this.#persons[p].hands.apply(this.#frame, at);
    }
    this.#distance[0] = torsoDistance(a, b);
  }

  /** Takes the features of a frame and moves the root by them; returns false where they are not all there. */
  #features(p: number, frame: number, head: Float32Array): boolean {
    const { lower, upper, calm, steady } = this.#persons[p];
    const whole = lower.advance(frame);
    const both = upper.advance(frame) && whole;
    const moving = this.#moving;
    moving.set(upper.values);
    for (let i = 0; i < HEAD; i++) {
      const value = head[HEAD * p + i];
      if (isBroken(value)) this.#nonFinite++;
      moving[UPPER_FEATURES + i] = isBroken(value) ? this.#frame[p * BODY_NUMBERS + BODY_AT.head + i] : value;
    }
    calm.apply(moving, 0);
    steady.apply(moving, UPPER_FEATURES);
    const { values } = lower;
    const stop = Math.exp(-lower.age / (STOP_S * FRAME_RATE_HZ)) * freedom(values[3]);
    stepRoot(this.#roots[p], values[0] * stop, values[1] * stop, values[2] * stop);
    this.#speeds[p] = Math.hypot(values[0], values[1]) * stop;
    return both;
  }

  #assemble(p: number) {
    const frame = this.#frame;
    const at = p * BODY_NUMBERS;
    const { lower } = this.#persons[p];
    this.#putRoot(p);
    for (let i = BODY_AT.lower; i < BODY_AT.upper; i++) frame[at + i] = lower.values[i];
    for (let i = 0; i < UPPER_FEATURES + HEAD; i++) frame[at + BODY_AT.upper + i] = this.#moving[i];
  }

  #putRoot(p: number) {
    const at = p * BODY_NUMBERS;
    const { x, z, yaw } = this.#roots[p];
    const [lowest, highest] = HEIGHT_M;
    this.#frame[at] = x;
    this.#frame[at + 1] = Math.min(highest, Math.max(lowest, this.#persons[p].lower.values[3]));
    this.#frame[at + 2] = z;
    this.#frame[at + 3] = yaw;
  }
}
