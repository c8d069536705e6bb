import { Blinks } from './blinks.ts';
import { FACING, Gaze, type GazeView } from './gaze.ts';
import { drift, logNormal, makeRandom } from './noise.ts';
import { CHANNEL } from './synthesis.ts';

/** What a body does of itself, in radians and metres; pose.ts turns it into bones. Overwritten by each update. */
export type LifePose = {
  /** Head against the chest: yaw to the person's left, pitch up, roll to the person's left. */
  headYawRad: number;
  headPitchRad: number;
  headRollRad: number;
  /** Eyes against the head, and the inward turn of each. */
  eyeYawRad: number;
  eyePitchRad: number;
  eyeVergenceRad: number;
  /** Fullness of the lungs, 0 out … 1 in. */
  breath: number;
  /** Slow turns of the chest and shift of the hips. */
  chestYawRad: number;
  chestPitchRad: number;
  chestRollRad: number;
  hipShiftM: number;
  hipForwardM: number;
  /** Small drift of each arm, −1…1. */
  armLeft: number;
  armRight: number;
  /** How far each forearm has come up to accompany speech, 0…1. */
  liftLeft: number;
  liftRight: number;
};

/** What a person can sense this instant. */
export type Surroundings = GazeView & {
  /** The partner's speech activity of {@link Life.activity}, 0…1. */
  readonly partnerActivity: number;
  /** True while the network's motion is being shown. */
  readonly moving: boolean;
  /** Where the networks have the head against the chest, and how much of it is theirs: 0 none … 1 all. */
  readonly head?: Readonly<HeadTurn> & { readonly share: number };
  /** How much of all this is shown, 0 still … 1 all, by region; blinks always are. */
  readonly intensity?: { readonly head: number; readonly hands: number; readonly body: number };
};

/** A turn of the head against the chest: yaw to the person's left, pitch up, roll to the person's left. */
export type HeadTurn = { yawRad: number; pitchRad: number; rollRad: number };

const DEGREE = Math.PI / 180;
/** Figures of human conversation (reference figures with spread; see each source). */
const BREATHS_PER_MINUTE = [12.5, 17] as const;
const NOD_HZ = [1.8, 3] as const; // Hadar 1983, ordinary nods
const SPEAKING_ABOVE = 0.1;
/** A still head follows someone who has moved on so far. */
const LEFT_RAD = 0.3;
const WEIGHT_SHIFT_S = 24; // Duarte & Zatsiorsky 1999: every 15–60 s

const between = (range: readonly [number, number], share: number) => range[0] + (range[1] - range[0]) * share;
const follow = (from: number, to: number, deltaS: number, timeS: number) =>
  from + (to - from) * (1 - Math.exp(-deltaS / timeS));
const smootherstep = (x: number) => {
  const t = Math.min(1, Math.max(0, x));
  return t * t * t * (t * (6 * t - 15) + 10);
};

/**
 * The procedural life of one person: gaze, blinks, breath, sway, nods, and a head that moves with the own speech.
 * The same seed gives the same life; no two seeds are in step. Allocates nothing per frame.
 */
export class Life {
  readonly pose: LifePose = {
    headYawRad: 0,
    headPitchRad: 0,
    headRollRad: 0,
    eyeYawRad: 0,
    eyePitchRad: 0,
    eyeVergenceRad: 0,
    breath: 0.4,
    chestYawRad: 0,
    chestPitchRad: 0,
    chestRollRad: 0,
    hipShiftM: 0,
    hipForwardM: 0,
    armLeft: 0,
    armRight: 0,
    liftLeft: 0,
    liftRight: 0,
  };
  readonly #random: () => number;
  readonly #seed: number;
  readonly #gaze: Gaze;
  readonly #blinks: Blinks;
  #timeS: number;
  #activity = 0;
  #lastJaw = 0;
  #speakingS = 0;
  #silentS = 10;
  #emphasis = 0;
  #slowActivity = 0;
  #partnerSpokeS = 0;
  #partnerSilentS = 0;
  #nodAtS = Number.POSITIVE_INFINITY;
  #nodStartS = Number.NEGATIVE_INFINITY;
  #nodCycles = 1;
  #nodHz = 2;
  #nodRad = 0;
  #tiltRad = 0;
  #tiltGoalRad = 0;
  #tiltUntilS = 0;
  #breathPhase: number;
  #breathS: number;
  #breathDepth = 1;
  #lungs = 0.4;
  #shiftFromM = 0;
  #shiftToM = 0;
  #shiftStartS = 0;
  #shiftNextS: number;
  #lift = 0;
  readonly #rightHanded: boolean;
  /** Where a head that keeps still points, with its eyes. */
  readonly #still = { headYawRad: 0, headPitchRad: 0, yawRad: 0, pitchRad: 0, vergenceRad: 0 };

  /** `seed` makes the person: two people get two seeds. */
  constructor(seed: number) {
    this.#seed = seed;
    this.#random = makeRandom(seed);
    this.#gaze = new Gaze(this.#random);
    this.#blinks = new Blinks(this.#random);
    this.#timeS = 100 * this.#random();
    this.#breathPhase = this.#random();
    this.#breathS = this.#drawBreath();
    this.#shiftNextS = this.#timeS + WEIGHT_SHIFT_S * this.#random();
    this.#tiltUntilS = this.#timeS + 4 * this.#random();
    this.#rightHanded = this.#random() < 0.88;
  }

  /** How much the person is speaking, 0…1, as seen on the own mouth: smooth, and in time with the lips. */
  get activity(): number {
    return this.#activity;
  }

  /** True from the person's first word to a short while after the last. */
  get speaking(): boolean {
    return this.#silentS < 0.6 && this.#speakingS > 0.1;
  }

  /**
   * Moves on by `deltaS` seconds. Reads the mouth and adds blinks to the 51 ARKit weights at `face[offset…]`; writes
   * {@link pose}.
   */
  update(deltaS: number, face: Float32Array, offset: number, around: Surroundings): void {
    this.#timeS += deltaS;
    this.#listenToSelf(deltaS, face, offset);
    this.#listenToPartner(deltaS, around);
    const shift = this.#gaze.update(deltaS, around, this.speaking, around.partnerActivity > SPEAKING_ABOVE);
    this.#blinks.update(deltaS, face, offset, around.moving, shift);
    this.#moveHead(deltaS, around);
    this.#breathe(deltaS);
    this.#sway();
    this.#accompany(deltaS);
    if (around.intensity) this.#calm(around, around.intensity);
  }

  #listenToSelf(deltaS: number, face: Float32Array, offset: number) {
    const jaw = face[offset + CHANNEL.jawOpen]!;
    const lips =
      (face[offset + CHANNEL.mouthLowerDownLeft]! +
        face[offset + CHANNEL.mouthFunnel]! +
        face[offset + CHANNEL.mouthPucker]!) /
      3;
    // A mouth held open is a gape or a smile; speech is a mouth that moves.
    const pace = deltaS > 0 ? Math.abs(jaw - this.#lastJaw) / deltaS : 0;
    this.#lastJaw = jaw;
    const seen = Math.min(1, 1.1 * jaw + 0.4 * lips + 0.12 * pace);
    this.#activity = follow(this.#activity, seen, deltaS, seen > this.#activity ? 0.08 : 0.25);
    this.#slowActivity = follow(this.#slowActivity, this.#activity, deltaS, 1.2);
    if (this.#activity > SPEAKING_ABOVE) {
      if (this.#silentS > 0.6) this.#beginTurn();
      this.#silentS = 0;
      this.#speakingS += deltaS;
    } else {
      this.#silentS += deltaS;
      if (this.#silentS > 0.6) this.#speakingS = 0;
    }
  }

  #beginTurn() {
    this.#gaze.beginTurn();
    this.#nodAtS = Number.POSITIVE_INFINITY;
    // People breathe in before they speak: go on from the top of the breath.
    if (this.#breathPhase > 0.45) {
      this.#breathPhase = 0.28;
      this.#breathDepth = 1.3;
    }
  }

  #listenToPartner(deltaS: number, { partnerActivity }: Surroundings) {
    if (partnerActivity > SPEAKING_ABOVE) {
      this.#partnerSpokeS += deltaS;
      this.#partnerSilentS = 0;
      return;
    }
    const before = this.#partnerSilentS;
    this.#partnerSilentS += deltaS;
    // A clause has ended when speech of some length stops for a moment (after Ward & Tsukahara 2000).
    if (before < 0.18 && this.#partnerSilentS >= 0.18 && this.#partnerSpokeS > 0.9 && !this.speaking)
      if (this.#random() < 0.45 && this.#timeS - this.#nodStartS > 2.5)
        this.#nodAtS = this.#timeS + 0.15 + 0.5 * this.#random();
    if (this.#partnerSilentS > 0.5) this.#partnerSpokeS = 0;
  }

  #startNod() {
    this.#nodStartS = this.#timeS;
    this.#nodAtS = Number.POSITIVE_INFINITY;
    this.#nodCycles = this.#random() < 0.5 ? 1 : this.#random() < 0.7 ? 2 : 3;
    this.#nodHz = between(NOD_HZ, this.#random());
    this.#nodRad = (2.5 + 3.5 * this.#random()) * DEGREE;
  }

  /** Pitch of the nod under way: down first, each cycle smaller than the one before. */
  #nod(): number {
    const cycle = (this.#timeS - this.#nodStartS) * this.#nodHz;
    if (cycle < 0 || cycle >= this.#nodCycles) return 0;
    const fade = 0.62 ** Math.floor(cycle);
    return -this.#nodRad * fade * 0.5 * (1 - Math.cos(2 * Math.PI * cycle));
  }

  #moveHead(deltaS: number, around: Surroundings) {
    const { pose } = this;
    const time = this.#timeS;
    if (time >= this.#nodAtS) this.#startNod();
    if (time > this.#tiltUntilS) {
      const listens = around.partnerActivity > SPEAKING_ABOVE && !this.speaking;
      this.#tiltGoalRad = (this.#random() - 0.5) * (listens ? 9 : 4) * DEGREE;
      this.#tiltUntilS = time + logNormal(this.#random, 5, 0.5);
    }
    this.#tiltRad = follow(this.#tiltRad, this.#tiltGoalRad, deltaS, 0.9);
    // Head and energy of the own speech go together within a phrase (Yehia 2002; Munhall 2004).
    this.#emphasis = follow(this.#emphasis, this.#activity - this.#slowActivity, deltaS, 0.11);
    const liveliness = 0.8 + 1.4 * this.#slowActivity;
    const wander = (channel: number, hz: number) =>
      drift(this.#seed + channel, time, hz) * liveliness * DEGREE;
    pose.headYawRad = this.#gaze.headYawRad + 1.7 * wander(11, 0.16);
    pose.headPitchRad =
      this.#gaze.headPitchRad + 1.2 * wander(12, 0.2) - 7.5 * DEGREE * this.#emphasis + this.#nod();
    pose.headRollRad =
      this.#tiltRad + 1.1 * wander(13, 0.13) + 0.06 * this.#emphasis * drift(this.#seed + 14, time, 0.3);
    const { head } = around;
    if (head) {
      // The networks' heads nod, tilt and stress by themselves.
      pose.headYawRad += head.share * (head.yawRad - pose.headYawRad);
      pose.headPitchRad += head.share * (head.pitchRad - pose.headPitchRad);
      pose.headRollRad += head.share * (head.rollRad - pose.headRollRad);
    }
    // The eyes make good what the head adds, as the vestibulo-ocular reflex does.
    pose.eyeYawRad = this.#gaze.eyeYawRad(pose.headYawRad);
    pose.eyePitchRad = this.#gaze.eyePitchRad(pose.headPitchRad);
    pose.eyeVergenceRad = this.#gaze.vergenceRad;
  }

  /** Shows less of it: a still head and its eyes rest where the person looked when they became still. */
  #calm({ partner }: Surroundings, { head, hands, body }: NonNullable<Surroundings['intensity']>) {
    const { pose } = this;
    const still = this.#still;
    const leftIt = Math.abs(partner.yawRad - still.yawRad) + Math.abs(partner.pitchRad - still.pitchRad);
    if (head > 0 || leftIt > LEFT_RAD) {
      still.yawRad = partner.yawRad;
      still.pitchRad = partner.pitchRad;
      still.vergenceRad = pose.eyeVergenceRad;
      still.headYawRad = FACING.yaw * partner.yawRad;
      still.headPitchRad = FACING.pitch * partner.pitchRad;
    }
    if (head < 1) {
      const gazeYaw = pose.headYawRad + pose.eyeYawRad;
      const gazePitch = pose.headPitchRad + pose.eyePitchRad;
      pose.headYawRad = still.headYawRad + head * (pose.headYawRad - still.headYawRad);
      pose.headPitchRad = still.headPitchRad + head * (pose.headPitchRad - still.headPitchRad);
      pose.headRollRad *= head;
      pose.eyeVergenceRad = still.vergenceRad + head * (pose.eyeVergenceRad - still.vergenceRad);
      pose.eyeYawRad = still.yawRad + head * (gazeYaw - still.yawRad) - pose.headYawRad;
      pose.eyePitchRad = still.pitchRad + head * (gazePitch - still.pitchRad) - pose.headPitchRad;
    }
    pose.breath *= body;
    pose.chestYawRad *= body;
    pose.chestPitchRad *= body;
    pose.chestRollRad *= body;
    pose.hipShiftM *= body;
    pose.hipForwardM *= body;
    pose.armLeft *= hands;
    pose.armRight *= hands;
    pose.liftLeft *= hands;
    pose.liftRight *= hands;
  }

  #drawBreath(): number {
    const perMinute = between(BREATHS_PER_MINUTE, this.#random());
    this.#breathDepth = 0.75 + 0.5 * this.#random();
    return (60 / perMinute) * (0.92 + 0.16 * this.#random());
  }

  #breathe(deltaS: number) {
    this.#breathPhase += deltaS / this.#breathS;
    if (this.#breathPhase >= 1) {
      this.#breathPhase -= 1;
      this.#breathS = this.#drawBreath();
    }
    // In for two fifths of the time, out for the rest, with a pause at the end.
    const phase = this.#breathPhase;
    const lungs = phase < 0.4 ? smootherstep(phase / 0.4) : 1 - smootherstep((phase - 0.4) / 0.5);
    this.#lungs = follow(this.#lungs, lungs * this.#breathDepth, deltaS, 0.12);
    this.pose.breath = this.#lungs;
  }

  /** The hands of a speaker do not hang: the better one comes up a little with the talk and beats with its stress. */
  #accompany(deltaS: number) {
    const { pose } = this;
    const wanted =
      Math.min(1, 2.4 * this.#slowActivity) * (0.65 + 0.35 * drift(this.#seed + 31, this.#timeS, 0.12));
    this.#lift = follow(this.#lift, wanted, deltaS, wanted > this.#lift ? 0.45 : 0.9);
    const better = Math.max(0, this.#lift + 0.5 * this.#emphasis);
    const other = 0.3 * this.#lift;
    pose.liftLeft = this.#rightHanded ? other : better;
    pose.liftRight = this.#rightHanded ? better : other;
  }

  #sway() {
    const { pose } = this;
    const time = this.#timeS;
    if (time > this.#shiftNextS) {
      this.#shiftFromM = this.#shiftToM;
      this.#shiftToM = (0.006 + 0.012 * this.#random()) * (this.#shiftToM > 0 ? -1 : 1);
      this.#shiftStartS = time;
      this.#shiftNextS = time + 15 + logNormal(this.#random, WEIGHT_SHIFT_S - 15, 0.6);
    }
    const shifted = smootherstep((time - this.#shiftStartS) / 1.6);
    const shift = this.#shiftFromM + (this.#shiftToM - this.#shiftFromM) * shifted;
    pose.hipShiftM = shift + 0.004 * drift(this.#seed + 21, time, 0.22);
    pose.hipForwardM = 0.004 * drift(this.#seed + 22, time, 0.25);
    pose.chestYawRad = 1.4 * DEGREE * drift(this.#seed + 23, time, 0.08) + 0.12 * this.#gaze.headYawOffRad;
    pose.chestPitchRad = 0.7 * DEGREE * drift(this.#seed + 24, time, 0.12) - 1.5 * DEGREE * this.#emphasis;
    pose.chestRollRad = 0.6 * DEGREE * drift(this.#seed + 25, time, 0.1) - 0.9 * shift;
    pose.armLeft = drift(this.#seed + 26, time, 0.1);
    pose.armRight = drift(this.#seed + 27, time, 0.11);
  }
}
