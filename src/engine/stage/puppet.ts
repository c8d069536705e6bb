import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import { type Object3D, Quaternion, Vector3 } from 'three';
import { ARMS, reachInto } from '../body/arm.ts';
import { FINGER_JOINTS, fingersInto } from '../body/hands.ts';
import { LEGS, legLength, sinkFor, solveLegInto } from '../body/leg.ts';
import type { PlacedRoot } from '../body/placement.ts';
import { REST_UPPER } from '../body/rest.ts';
import { multiplyInto, quaternionInto, rotateInto, yawInto } from '../body/rotation.ts';
import { ANKLE_M, BODY_AT, EXP_AT, Figure, JOINT, JOINTS, OFFSETS_M, PARENTS } from '../body/skeleton.ts';
import { BODY_NUMBERS } from '../motion.ts';
import { fleshOf } from './bulk.ts';
import type { Character } from './character.ts';
import { swingInto } from './elbow.ts';
import { Keep } from './keep.ts';
import { Soles } from './soles.ts';

/** How much of the motion a person shows, by part: 0 still … 1 all. Lips and blinks are always all there. */
export type Intensity = {
  readonly face: number;
  readonly head: number;
  readonly hands: number;
  readonly body: number;
};

/** Everything as the networks have it. */
export const FULL: Intensity = { face: 1, head: 1, hands: 1, body: 1 };
/** For those whom much motion distracts. */
export const CALM: Intensity = { face: 0.9, head: 0.6, hands: 0.55, body: 0.6 };
/** Nothing but what speech needs: lips, blinks and the eyes. */
export const STILL: Intensity = { face: 0, head: 0, hands: 0, body: 0 };

/** The reference person's hip joints stand so far under its hips, its shoulders so far to the side and over the chest. */
const HIP_JOINT_M = -OFFSETS_M[3 * JOINT.leftUpperLeg + 1];
const SHOULDER_M = OFFSETS_M[3 * JOINT.leftShoulder] + OFFSETS_M[3 * JOINT.leftUpperArm];
const SHOULDER_UP_M = OFFSETS_M[3 * JOINT.leftShoulder + 1];
const ARM_M = OFFSETS_M[3 * JOINT.leftLowerArm] + OFFSETS_M[3 * JOINT.leftHand];
const LEG_M = -OFFSETS_M[3 * JOINT.leftLowerLeg + 1] - OFFSETS_M[3 * JOINT.leftFoot + 1];

/** What a breath adds (rad at full lungs): exp-map numbers by joint, against the arms' rising with the shoulders. */
const BREATH: readonly (readonly [number, number, number])[] = [
  [JOINT.chest, 0, -0.014],
  [JOINT.upperChest, 0, -0.01],
  [JOINT.leftShoulder, 2, 0.028],
  [JOINT.rightShoulder, 2, -0.028],
  [JOINT.leftUpperArm, 2, -0.028],
  [JOINT.rightUpperArm, 2, 0.028],
];

/** Toes bend up so far at most, and not at all where the ball of the foot has left the floor by this. */
const TOES_RAD = 0.7;
const TOES_FREE_M = 0.05;
const FORWARD = Float64Array.of(0, 0, 1);
/** How often an arm is solved anew where a hand is still in the body. */
const AGAIN = 2;

const turn = new Float64Array(4);
const back = new Float64Array(4);
const feet = new Float64Array(2 * 3);
const feetTurns = new Float64Array(2 * 4);
const wrist = new Float64Array(3);
const sole = new Float64Array(3);
const quaternion = new Quaternion();
const position = new Vector3();

/**
 * Moves the bones of a character as the networks' body frames say: its own proportions, its feet where the reference
 * person's are, its hands where they mean to be. Sets hips, legs, spine, arms and fingers; head and neck are left to
 * others. Allocates nothing per frame.
 */
export class Puppet {
  readonly #bones: readonly (Object3D | null)[];
  readonly #fingers: readonly (Object3D | null)[];
  readonly #flip: number;
  readonly #reference = new Figure();
  readonly #figure: Figure;
  readonly #meant = new Float64Array(BODY_NUMBERS);
  readonly #own = new Float64Array(BODY_NUMBERS);
  readonly #curls = [0, 1].map(() => new Float64Array(3 * FINGER_JOINTS.length));
  readonly #neck: Object3D | null;
  readonly #head: Object3D | null;
  readonly #keep: Keep;
  readonly #soles: Soles;
  readonly #rotations = new Float64Array(4 * JOINTS.length);
  readonly #hips = new Vector3();
  readonly #ankleM: number;
  readonly #legScale: number;
  readonly #armScale: number;

  /** Measures a character whose hips stand where the file has them. */
  constructor(character: Character) {
    const bone = (name: string) => character.bone(name as VRMHumanBoneName);
    this.#flip = character.facesMinusZ ? -1 : 1;
    this.#bones = JOINTS.map(bone);
    this.#fingers = ['left', 'right'].flatMap((side) => FINGER_JOINTS.map((name) => bone(`${side}${name}`)));
    const own = this.#own;
    const places = JOINTS.map((name) => this.#placeOf(bone(name)));
    const offsets = new Float64Array(3 * JOINTS.length);
    for (let j = 0; j < JOINTS.length; j++) {
      // A joint the character lacks stands on its parent.
      places[j] ??= places[PARENTS[j]] ?? new Vector3();
      const from = places[PARENTS[j]];
      places[j]!.toArray(offsets, 3 * j);
      if (from) for (let i = 0; i < 3; i++) offsets[3 * j + i] -= from.getComponent(i);
    }
    this.#figure = new Figure(offsets);
    this.#hips.copy(places[0]!);
    this.#neck = bone('neck');
    this.#head = bone('head');
    const flesh = fleshOf(character);
    this.#legScale = legLength(this.#figure, 0) / LEG_M;
    const armM = places[JOINT.leftHand]!.x - places[JOINT.leftUpperArm]!.x;
    this.#armScale = (armM + places[JOINT.leftUpperArm]!.x) / (ARM_M + SHOULDER_M);
    this.#soles = new Soles(flesh, places[JOINT.leftFoot]!, offsets, this.#legScale);
    this.#ankleM = this.#soles.ankleM;
    own.fill(0);
    this.#hips.toArray(own);
    this.#figure.pose(own, 0);
    const fingers = this.#fingers.map((finger, f) => {
      const before =
        f % 3 === 0 ? bone(f < FINGER_JOINTS.length ? 'leftHand' : 'rightHand') : this.#fingers[f - 1];
      if (!finger || !before || finger.parent !== before) return undefined;
      const { x, y, z } = finger.position;
      return [x * this.#flip, y, z * this.#flip] as const;
    });
    this.#keep = new Keep(this.#figure, flesh, fingers, this.#armScale, armM, (j) => this.#bones[j] !== null);
  }

  /** Heights and steps of this character, in units of the reference person's. */
  get scale(): number {
    return this.#legScale;
  }

  /**
   * Brings the bones to the body at `bodies[at…]`, or a `share` (0…1) of the way from where they are. `home` is where
   * the person began, `breath` the fullness of the lungs.
   */
  apply(
    bodies: Float32Array,
    at: number,
    home: Readonly<PlacedRoot>,
    share: number,
    breath: number,
    intensity: Intensity,
  ): void {
    this.#intend(bodies, at, home, breath, intensity);
    this.#reference.pose(this.#meant, 0);
    this.#stand();
    this.#figure.pose(this.#own, 0);
    this.#keep.look(this.#neck, this.#head, this.#flip);
    this.#reach(0);
    this.#reach(1);
    this.#write(share);
    this.#roll(share);
  }

  /** The frame as it is meant for this person: seen from where it began, scaled down by intensity, breathing. */
  #intend(
    bodies: Float32Array,
    at: number,
    home: Readonly<PlacedRoot>,
    breath: number,
    { hands, body }: Intensity,
  ) {
    const meant = this.#meant;
    for (let i = 0; i < BODY_NUMBERS; i++) meant[i] = bodies[at + i];
    const x = meant[0] - home.x;
    const z = meant[2] - home.z;
    meant[0] = x * Math.cos(home.yaw) - z * Math.sin(home.yaw);
    meant[2] = x * Math.sin(home.yaw) + z * Math.cos(home.yaw);
    meant[3] -= home.yaw;
    const spine = BODY_AT.upper + 9;
    for (let i = BODY_AT.upper; i < BODY_AT.head; i++) {
      const rest = REST_UPPER[i - BODY_AT.upper];
      meant[i] = rest + (meant[i] - rest) * (i < spine ? body : hands);
    }
    for (const [joint, axis, rad] of BREATH) meant[EXP_AT[joint] + axis] += rad * breath;
  }

  /** Hips, legs and feet: the soles stand where the reference person's do, scaled, and the hips as high as legs reach. */
  #stand() {
    const own = this.#own;
    const { positions, rotations } = this.#reference;
    own.set(this.#meant);
    for (let leg = 0; leg < 2; leg++) {
      const { foot } = LEGS[leg];
      for (let i = 0; i < 3; i++) feet[3 * leg + i] = positions[3 * foot + i];
      for (let i = 0; i < 4; i++) feetTurns[4 * leg + i] = rotations[4 * foot + i];
    }
    own[0] = this.#hips.x + this.#legScale * own[0];
    own[2] = this.#hips.z + this.#legScale * own[2];
    const hipJoint = this.#figure.offsets[3 * JOINT.leftUpperLeg + 1];
    own[1] = this.#ankleM - hipJoint + this.#legScale * (own[1] - HIP_JOINT_M - ANKLE_M);
    this.#figure.pose(own, 0);
    let sink = Number.NEGATIVE_INFINITY;
    for (let leg = 0; leg < 2; leg++) {
      this.#soles.placeInto(feet, 3 * leg, feetTurns, 4 * leg, leg);
      feet[3 * leg] += this.#hips.x;
      feet[3 * leg + 2] += this.#hips.z;
      sink = Math.max(sink, sinkFor(this.#figure, leg, feet, 3 * leg));
    }
    sink = Math.max(0, sink);
    for (let leg = 0; leg < 2; leg++)
      solveLegInto(own, 0, this.#figure, leg, sink, feet, 3 * leg, feetTurns, 4 * leg);
    own[1] -= sink;
  }

  /** A wrist goes where the reference person's is, against the chest; no part of the hand goes into the body. */
  #reach(arm: number) {
    const chest = JOINT.upperChest;
    const { positions, rotations } = this.#reference;
    const { upper, hand } = ARMS[arm];
    for (let i = 0; i < 3; i++) wrist[i] = positions[3 * hand + i] - positions[3 * chest + i];
    for (let i = 0; i < 3; i++) back[i] = -rotations[4 * chest + i];
    back[3] = rotations[4 * chest + 3];
    rotateInto(wrist, 0, back, 0, wrist, 0);
    const { offsets } = this.#figure;
    const shoulder = 3 * ARMS[arm].shoulder;
    const shoulderUp = offsets[shoulder + 1] + offsets[3 * upper + 1];
    wrist[0] *= this.#armScale;
    wrist[1] = shoulderUp + this.#armScale * (wrist[1] - SHOULDER_UP_M);
    wrist[2] *= this.#armScale;
    rotateInto(wrist, 0, this.#figure.rotations, 4 * chest, wrist, 0);
    for (let i = 0; i < 3; i++) wrist[i] += this.#figure.positions[3 * chest + i];
    const side = arm === 0 ? BODY_AT.leftHand : BODY_AT.rightHand;
    fingersInto(this.#curls[arm], this.#own, side, arm === 0 ? 1 : -1);
    this.#keep.apply(arm, wrist, this.#curls[arm]);
    reachInto(this.#own, 0, this.#figure, arm, wrist);
    for (let again = 0; again < AGAIN; again++) {
      // An arm may not come to where it is sent, at once or at all.
      this.#figure.pose(this.#own, 0);
      for (let i = 0; i < 3; i++) wrist[i] = this.#figure.positions[3 * hand + i];
      if (!this.#keep.apply(arm, wrist, this.#curls[arm])) break;
      reachInto(this.#own, 0, this.#figure, arm, wrist);
    }
    for (let again = 0; again < AGAIN; again++) {
      this.#figure.pose(this.#own, 0);
      swingInto(this.#own, 0, this.#figure, arm, this.#keep);
    }
  }

  #write(share: number) {
    const own = this.#own;
    const rotations = this.#rotations;
    for (let j = 0; j < JOINTS.length; j++)
      if (EXP_AT[j] >= 0) quaternionInto(rotations, 4 * j, own, EXP_AT[j]);
    yawInto(turn, 0, own[3]);
    multiplyInto(rotations, 0, turn, 0, rotations, 0);
    this.#fold();
    const hips = this.#bones[0];
    if (hips) {
      position.set(own[0] * this.#flip, own[1], own[2] * this.#flip);
      hips.position.lerp(position, share);
    }
    for (let j = 0; j < JOINTS.length; j++)
      if (EXP_AT[j] >= 0) this.#turn(this.#bones[j], rotations, 4 * j, share);
    for (let side = 0; side < 2; side++) {
      for (let f = 0; f < FINGER_JOINTS.length; f++) {
        quaternionInto(turn, 0, this.#curls[side], 3 * f);
        this.#turn(this.#fingers[side * FINGER_JOINTS.length + f], turn, 0, share);
      }
    }
  }

  /** Toes stay flat on the floor while the heel is off it. */
  #roll(share: number) {
    const { offsets } = this.#figure;
    for (let leg = 0; leg < 2; leg++) {
      const { toes } = LEGS[leg];
      const bone = this.#bones[toes];
      if (!bone) continue;
      rotateInto(sole, 0, feetTurns, 4 * leg, offsets, 3 * toes);
      const liftM = feet[3 * leg + 1] - this.#ankleM + sole[1] - offsets[3 * toes + 1];
      rotateInto(sole, 0, feetTurns, 4 * leg, FORWARD, 0);
      const down = Math.asin(Math.min(1, Math.max(0, -sole[1])));
      // Nobody else sets the toes, so a share of the bend is a share of the whole.
      const bend = share * Math.min(TOES_RAD, down) * (1 - ramp(liftM / TOES_FREE_M));
      bone.quaternion.set(-Math.sin(bend / 2) * this.#flip, 0, 0, Math.cos(bend / 2));
    }
  }

  /** What a missing bone would do, its neighbour does: a chest its parent, a shoulder its arm. */
  #fold() {
    const rotations = this.#rotations;
    const into = (from: number, to: number, after: boolean) => {
      if (this.#bones[from]) return;
      const [a, b] = after ? [to, from] : [from, to];
      multiplyInto(rotations, 4 * to, rotations, 4 * a, rotations, 4 * b);
    };
    into(JOINT.upperChest, this.#bones[JOINT.chest] ? JOINT.chest : JOINT.spine, true);
    into(JOINT.chest, JOINT.spine, true);
    into(JOINT.leftShoulder, JOINT.leftUpperArm, false);
    into(JOINT.rightShoulder, JOINT.rightUpperArm, false);
  }

  #turn(bone: Object3D | null | undefined, from: Float64Array, at: number, share: number) {
    if (!bone) return;
    quaternion.set(from[at] * this.#flip, from[at + 1], from[at + 2] * this.#flip, from[at + 3]);
    if (share >= 1) bone.quaternion.copy(quaternion);
    else bone.quaternion.slerp(quaternion, share);
  }

  /** Where a normalised bone stands in the T-pose, for a body that faces +Z. */
  #placeOf(bone: Object3D | null): Vector3 | undefined {
    if (!bone) return undefined;
    const place = new Vector3();
    const hips = this.#bones[0];
    for (let at: Object3D | null = bone; at; at = at === hips ? null : at.parent) place.add(at.position);
    place.x *= this.#flip;
    place.z *= this.#flip;
    return place;
  }
}

const ramp = (x: number) => Math.min(1, Math.max(0, x));
