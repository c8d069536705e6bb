import { logNormal, normal } from './noise.ts';

/** A direction seen from a person's head in the frame of the chest, in radians: yaw to the person's left, pitch up. */
export type Direction = { yawRad: number; pitchRad: number };

/** Where a person may look. */
export type GazeView = {
  readonly partner: Readonly<Direction>;
  readonly camera: Readonly<Direction>;
  /** Distance to the partner's eyes in metres. */
  readonly partnerDistanceM: number;
  /** Whether the eyes stay on the partner, instead of looking away now and then; default no. */
  readonly steady?: boolean;
};

const DEGREE = Math.PI / 180;
/** Argyle & Ingham 1972: share of time with the eyes on the partner; Argyle & Dean 1965: a look lasts about 3 s. */
const LOOK_S = { listening: 3, speaking: 2, idle: 2.6 } as const;
const AWAY_S = { listening: 0.9, speaking: 2.5, idle: 1.3 } as const;
/** Kendon 1967: a speaker looks away at about 70 % of turn starts. */
const AWAY_AT_TURN = 0.7;
/** Eyes turn no further against the head, sideways. */
export const EYE_LIMIT_RAD = 30 * DEGREE;
const EYE_DISTANCE_M = 0.063;
/** Part of an aversion the head takes over; eyes alone do the small ones. */
const HEAD_SHARE = 0.4;
/** Part of the way to the partner the head goes; the eyes go the rest. */
export const FACING = { yaw: 0.82, pitch: 0.85 } as const;

type Target = 'partner' | 'away' | 'camera';

/**
 * The gaze of one person: looks at the partner and away again, scans the partner's face while it looks, jumps by the
 * main sequence of saccades; the head follows after the eyes. Angles in the frame of the chest.
 */
export class Gaze {
  /** Where the head points. */
  headYawRad = 0;
  headPitchRad = 0;
  /** How far the head is turned off the partner. */
  headYawOffRad = 0;
  /** Inward turn of each eye. */
  vergenceRad = 0;
  readonly #random: () => number;
  #target: Target = 'partner';
  #targetLeftS = 1;
  #fixationLeftS = 0;
  readonly #away: Direction = { yawRad: 0, pitchRad: 0 };
  readonly #scan: Direction = { yawRad: 0, pitchRad: 0 };
  readonly #gaze: Direction = { yawRad: 0, pitchRad: 0 };
  readonly #from: Direction = { yawRad: 0, pitchRad: 0 };
  readonly #to: Direction = { yawRad: 0, pitchRad: 0 };
  #saccadeS = 1;
  #saccadeLengthS = 0.03;
  #yawPace = 0;
  #pitchPace = 0;
  #started = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Eye against head, so that the gaze stays where it is while the head moves; limited to what eyes can do. */
  eyeYawRad(headYawRad: number): number {
    return clamp(this.#gaze.yawRad - headYawRad, EYE_LIMIT_RAD);
  }

  /** As {@link eyeYawRad}, upwards. */
  eyePitchRad(headPitchRad: number): number {
    return clamp(this.#gaze.pitchRad - headPitchRad, 0.7 * EYE_LIMIT_RAD);
  }

  /** The person takes the turn: most look away to think. */
  beginTurn(): void {
    if (this.#random() < AWAY_AT_TURN) this.#targetLeftS = Math.min(this.#targetLeftS, 0.15 * this.#random());
  }

  /** Moves on by `deltaS` and returns the size (rad) of a saccade that begins now, else 0. */
  update(deltaS: number, view: GazeView, speaking: boolean, partnerSpeaks: boolean): number {
    this.#targetLeftS -= deltaS;
    this.#fixationLeftS -= deltaS;
    if (view.steady && this.#target !== 'partner') {
      this.#target = 'partner';
      this.#scanOn();
    }
    if (this.#targetLeftS <= 0 && !view.steady)
      this.#chooseTarget(speaking ? 'speaking' : partnerSpeaks ? 'listening' : 'idle');
    else if (this.#fixationLeftS <= 0) this.#scanOn();
    const shift = this.#jump(view);
    this.#moveEyes(deltaS, view);
    this.#moveHead(deltaS, view);
    const distance = this.#target === 'partner' ? view.partnerDistanceM : 2;
    this.vergenceRad +=
      (Math.atan(EYE_DISTANCE_M / 2 / distance) - this.vergenceRad) * Math.min(1, deltaS * 8);
    return shift;
  }

  #chooseTarget(state: 'speaking' | 'listening' | 'idle') {
    const random = this.#random;
    if (this.#target !== 'partner') {
      this.#target = 'partner';
      this.#targetLeftS = clampBetween(logNormal(random, LOOK_S[state], 0.45), 0.6, 9);
    } else {
      this.#target = random() < (state === 'speaking' ? 0.12 : 0.2) ? 'camera' : 'away';
      this.#targetLeftS = clampBetween(logNormal(random, AWAY_S[state], 0.4), 0.35, 4);
      // People look down or up and to a side, not along the horizon.
      const side = random() < 0.5 ? -1 : 1;
      this.#away.yawRad = side * (7 + 9 * random()) * DEGREE;
      this.#away.pitchRad = (random() < 0.62 ? -1 : 0.7) * (4 + 8 * random()) * DEGREE;
    }
    this.#scanOn();
  }

  /** The next fixation: an eye or the mouth of the partner, or a small step in the distance. */
  #scanOn() {
    const random = this.#random;
    this.#fixationLeftS = clampBetween(logNormal(random, 0.55, 0.5), 0.2, 2.2);
    if (this.#target !== 'partner') {
      this.#scan.yawRad = normal(random) * 1.2 * DEGREE;
      this.#scan.pitchRad = normal(random) * 0.8 * DEGREE;
      return;
    }
    const mouth = random() < 0.25;
    this.#scan.yawRad = mouth ? 0 : (random() < 0.5 ? -1.5 : 1.5) * DEGREE;
    this.#scan.pitchRad = (mouth ? -3.2 : 0) * DEGREE + normal(random) * 0.3 * DEGREE;
  }

  #aim(view: GazeView, axis: keyof Direction): number {
    if (this.#target === 'camera') return view.camera[axis] + this.#scan[axis];
    return view.partner[axis] + this.#scan[axis] + (this.#target === 'away' ? this.#away[axis] : 0);
  }

  /** Starts a saccade when the aim has left the fixation by more than drift would explain. */
  #jump(view: GazeView): number {
    const yaw = this.#aim(view, 'yawRad');
    const pitch = this.#aim(view, 'pitchRad');
    if (!this.#started) {
      this.#started = true;
      set(this.#gaze, yaw, pitch);
      set(this.#to, yaw, pitch);
      this.headYawRad = FACING.yaw * yaw;
      this.headPitchRad = FACING.pitch * pitch;
      return 0;
    }
    if (this.#saccadeS < this.#saccadeLengthS + 0.12) return 0;
    const size = Math.hypot(yaw - this.#to.yawRad, pitch - this.#to.pitchRad);
    if (size < 0.6 * DEGREE) return 0;
    set(this.#from, this.#gaze.yawRad, this.#gaze.pitchRad);
    set(this.#to, yaw, pitch);
    this.#saccadeS = 0;
    this.#saccadeLengthS = 0.021 + 0.0022 * (size / DEGREE); // main sequence, Bahill 1975
    return size;
  }

  #moveEyes(deltaS: number, view: GazeView) {
    this.#saccadeS += deltaS;
    const t = Math.min(1, this.#saccadeS / this.#saccadeLengthS);
    if (t < 1) {
      const share = t * t * t * (t * (6 * t - 15) + 10);
      this.#gaze.yawRad = this.#from.yawRad + (this.#to.yawRad - this.#from.yawRad) * share;
      this.#gaze.pitchRad = this.#from.pitchRad + (this.#to.pitchRad - this.#from.pitchRad) * share;
      return;
    }
    // Between saccades the eyes pursue a partner who moves, slowly.
    const pursuit = Math.min(1, deltaS * 6);
    this.#gaze.yawRad += (this.#aim(view, 'yawRad') - this.#gaze.yawRad) * pursuit;
    this.#gaze.pitchRad += (this.#aim(view, 'pitchRad') - this.#gaze.pitchRad) * pursuit;
    set(this.#to, this.#gaze.yawRad, this.#gaze.pitchRad);
  }

  /** A critically damped spring pulls the head most of the way to a partner and part of the way elsewhere. */
  #moveHead(deltaS: number, view: GazeView) {
    const { partner } = view;
    const off = this.#target === 'partner' ? 0 : HEAD_SHARE;
    const goalYaw = FACING.yaw * partner.yawRad + off * (this.#aim(view, 'yawRad') - partner.yawRad);
    const goalPitch =
      FACING.pitch * partner.pitchRad + off * (this.#aim(view, 'pitchRad') - partner.pitchRad);
    const stiffness = 5.2; // 1/s: the head arrives about half a second after the eyes
    // Two half steps keep the spring stable when pictures are far apart.
    for (let i = 0, h = Math.min(deltaS, 0.25) / 2; i < 2; i++) {
      this.#yawPace += h * stiffness * (stiffness * (goalYaw - this.headYawRad) - 2 * this.#yawPace);
      this.headYawRad += h * this.#yawPace;
      this.#pitchPace += h * stiffness * (stiffness * (goalPitch - this.headPitchRad) - 2 * this.#pitchPace);
      this.headPitchRad += h * this.#pitchPace;
    }
    this.headYawOffRad = this.headYawRad - FACING.yaw * partner.yawRad;
  }
}

const clamp = (x: number, limit: number) => Math.min(limit, Math.max(-limit, x));
const clampBetween = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x));
const set = (target: Direction, yawRad: number, pitchRad: number) => {
  target.yawRad = yawRad;
  target.pitchRad = pitchRad;
};
