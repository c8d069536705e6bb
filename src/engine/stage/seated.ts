import { REST_LOWER, REST_UPPER } from '../body/rest.ts';
import { BODY_AT } from '../body/skeleton.ts';
import { BODY_NUMBERS, LOWER_JOINTS, UPPER_JOINTS } from '../motion.ts';

type Turn = readonly [x: number, y: number, z: number];

/** Height of the hips of the reference person on a chair. */
export const SEATED_HIPS_M = 0.48;

/** Exp-maps (rad) of a person who sits at ease, hands in the lap; the right side mirrors the left one. */
const LOWER: Readonly<Record<string, Turn>> = {
  leftUpperLeg: [-1.62, 0.1, 0.1],
  leftLowerLeg: [1.56, 0, 0],
  leftFoot: [0.06, 0.05, -0.06],
};
const UPPER: Readonly<Record<string, Turn>> = {
  spine: [0.05, 0, 0],
  chest: [0.03, 0, 0],
  leftShoulder: [0, 0, -0.05],
  leftUpperArm: [0.1, -0.36, -1.22],
  leftLowerArm: [0.3, -0.78, -0.06],
  leftHand: [0.1, 0, -0.1],
};

const turnOf = (table: Readonly<Record<string, Turn>>, name: string): Turn | undefined => {
  const left = table[name.replace(/^right/, 'left')];
  if (!left || name.startsWith('left') || !name.startsWith('right')) return left;
  return [left[0], -left[1], -left[2]];
};

/** The body numbers of a person who sits at ease; the root stands at the origin. */
export const SEATED_BODY: Float64Array = body(true);
/** The body numbers of a person who stands at ease; the root stands at the origin. */
export const STANDING_BODY: Float64Array = body(false);

function body(seated: boolean) {
  const numbers = new Float64Array(BODY_NUMBERS);
  for (let i = 0; i < 3 * LOWER_JOINTS.length; i++) numbers[BODY_AT.lower + i] = REST_LOWER[4 + i]!;
  numbers.set(REST_UPPER, BODY_AT.upper);
  numbers[1] = seated ? SEATED_HIPS_M : REST_LOWER[3]!;
  if (!seated) return numbers;
  LOWER_JOINTS.forEach((name, j) => {
    const turn = turnOf(LOWER, name);
    if (turn) numbers.set(turn, BODY_AT.lower + 3 * j);
  });
  UPPER_JOINTS.forEach((name, j) => {
    const turn = turnOf(UPPER, name);
    if (turn) numbers.set(turn, BODY_AT.upper + 3 * j);
  });
  return numbers;
}

/** Hips this low have sat down, and this high have got up (m, reference person). */
const DOWN_M = 0.56;
const UP_M = 0.74;
const EASE_S = 0.5;
/** A seat that was left is forgotten with this time constant while its person walks. */
const FORGET_S = 1.2;

const smooth = (x: number) => x * x * (3 - 2 * x);
const towards = (from: number, to: number, most: number) => from + Math.min(most, Math.max(-most, to - from));

/**
 * Sees to it that who is asked to sit sits while there is no motion, begins a talk seated though the networks begin it
 * standing, and stays still where the body's intensity is 0. Changes the body numbers of one person in place.
 */
export class Seated {
  /** Whether the person is asked to sit. */
  asked = false;
  readonly #home: { x: number; z: number; yaw: number };
  /** How much of the seat is shown in place of the motion, before smoothing. */
  #hold = Number.NaN;
  /** Whether the person has sat since before the motion began. */
  #fromSeat = false;
  /** Where the person is held: seat or place of standing still. */
  readonly #seat = { x: 0, z: 0, yaw: 0 };
  readonly #still = { x: 0, z: 0, yaw: 0 };
  /** The motion's root is shown moved by this, so that nobody glides from one seat to another. */
  #shiftX = 0;
  #shiftZ = 0;
  #sits = 0;

  constructor(home: Readonly<{ x: number; z: number; yaw: number }>) {
    this.#home = { ...home };
    Object.assign(this.#seat, home);
    Object.assign(this.#still, home);
  }

  /** How much of the seat is shown in place of the motion. */
  get hold(): number {
    return this.#hold > 0 ? smooth(this.#hold) : 0;
  }

  /**
   * Goes on by `deltaS` and returns how much of the body at `pose[at…]` is to be shown (0 none … 1 all), of which the motion
   * was `share`; `intensity` is that of the body.
   */
  apply(pose: Float32Array, at: number, deltaS: number, share: number, intensity: number): number {
    const moving = share > 0.02;
    if (!moving) this.#fromSeat = this.asked;
    if (!this.asked) this.#fromSeat = false;
    const down = share > 0.5 && pose[at + 1]! < DOWN_M;
    if (this.#fromSeat && down) {
      this.#fromSeat = false;
      this.#shiftX = this.#seat.x - pose[at]!;
      this.#shiftZ = this.#seat.z - pose[at + 2]!;
    }
    const goal = this.asked && (this.#fromSeat || share < 0.5) ? 1 : 0;
    if (Number.isNaN(this.#hold)) this.#hold = goal;
    else if (this.#hold === 0 && goal === 1) this.#takeSeat(pose, at, share);
    this.#hold = towards(this.#hold, goal, deltaS / EASE_S / 2);
    this.#shift(pose, at, deltaS, share);
    if (down || this.#hold > 0.5) this.#sits = towards(this.#sits, 1, deltaS / EASE_S);
    else if (pose[at + 1]! > UP_M || share < 0.02) this.#sits = towards(this.#sits, 0, deltaS / EASE_S);
    const hold = smooth(this.#hold);
    const shown = 1 - (1 - share) * (1 - hold);
    if (hold > 0) mixInto(pose, at, SEATED_BODY, this.#seat, hold / shown);
    return this.#calm(pose, at, shown, intensity);
  }

  /** The seat is where the person is, or at home before there was any motion. */
  #takeSeat(pose: Float32Array, at: number, share: number) {
    const { x, z, yaw } = this.#home;
    if (share > 0.02) {
      this.#seat.x = pose[at]! + this.#shiftX;
      this.#seat.z = pose[at + 2]! + this.#shiftZ;
      this.#seat.yaw = pose[at + 3]!;
    } else Object.assign(this.#seat, { x, z, yaw });
  }

  #shift(pose: Float32Array, at: number, deltaS: number, share: number) {
    if (share < 0.02) {
      this.#shiftX = 0;
      this.#shiftZ = 0;
    }
    if (pose[at + 1]! > UP_M) {
      const keep = Math.exp(-deltaS / FORGET_S);
      this.#shiftX *= keep;
      this.#shiftZ *= keep;
    }
    pose[at]! += this.#shiftX;
    pose[at + 2]! += this.#shiftZ;
  }

  /** Below half the intensity legs and steps go over to rest, where the person is. */
  #calm(pose: Float32Array, at: number, shown: number, intensity: number): number {
    const much = Math.min(1, 2 * intensity);
    if (much >= 1) {
      const present = shown > 0.5;
      this.#still.x = present ? pose[at]! : this.#home.x;
      this.#still.z = present ? pose[at + 2]! : this.#home.z;
      this.#still.yaw = present ? pose[at + 3]! : this.#home.yaw;
      return shown;
    }
    const rest = 1 - smooth(much);
    const upper = BODY_AT.upper;
    // Arms and spine have intensities of their own.
    mixInto(pose, at, STANDING_BODY, this.#still, rest * (1 - this.#sits), upper);
    mixInto(pose, at, SEATED_BODY, this.#still, rest * this.#sits, upper);
    return shown;
  }
}

/** Mixes `share` of a body at a place into the numbers at `pose[at…]`, up to number `end`. */
function mixInto(
  pose: Float32Array,
  at: number,
  body: Float64Array,
  place: Readonly<{ x: number; z: number; yaw: number }>,
  share: number,
  end: number = BODY_NUMBERS,
) {
  if (share <= 0) return;
  for (let i = 0; i < end; i++) {
    const from = pose[at + i]!;
    let to = i === 0 ? place.x : i === 2 ? place.z : i === 3 ? place.yaw : body[i]!;
    // Yaw goes on past π.
    if (i === 3) to += 2 * Math.PI * Math.round((from - to) / (2 * Math.PI));
    pose[at + i] = from + (to - from) * share;
  }
}
