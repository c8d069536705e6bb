import { type Object3D, Quaternion, Vector3 } from 'three';
import type { PlacedRoot } from '../body/placement.ts';
import { BODY_AT } from '../body/skeleton.ts';
import { BODY_NUMBERS, FACE_CHANNELS, PERSONS } from '../motion.ts';
import { BODY_OFFSET } from '../timeline.ts';
import type { Character } from './character.ts';
import { type Direction, EYE_LIMIT_RAD, FACING } from './gaze.ts';
import { SoftIntensity } from './intensity.ts';
import { type HeadTurn, Life, type Surroundings } from './life.ts';
import { Focus } from './look.ts';
import { Pose } from './pose.ts';
import { Puppet } from './puppet.ts';
import { Seated } from './seated.ts';

/** One of the two: a character, what moves it, and where it stands. */
export type Person = {
  readonly index: 0 | 1;
  readonly character: Character;
  readonly life: Life;
  readonly pose: Pose;
  readonly puppet: Puppet;
  /** Where the person's face and body begin in a pose of the timeline. */
  readonly offset: number;
  readonly bodyOffset: number;
  readonly chest: Object3D;
  readonly hips: Object3D;
  readonly headBone: Object3D | null;
  readonly feet: readonly [Object3D | null, Object3D | null];
  /** The hips' place in the file. */
  readonly hipsRest: Vector3;
  readonly eye: Vector3;
  readonly around: { -readonly [K in keyof Surroundings]: Surroundings[K] };
  readonly head: HeadTurn & { share: number };
  readonly focus: Focus;
  readonly intensity: SoftIntensity;
  readonly seated: Seated;
};

const quaternion = new Quaternion();
const vector = new Vector3();
const facing: Direction = { yawRad: 0, pitchRad: 0 };

/** Makes a person of a character whose bones nobody has moved yet; `seed` is that of the two. */
export function makePerson(
  character: Character,
  index: 0 | 1,
  seed: number,
  home: Readonly<PlacedRoot>,
): Person {
  const intensity = new SoftIntensity();
  const hips = character.bone('hips') ?? character.vrm.scene;
  const chest =
    character.bone('upperChest') ?? character.bone('chest') ?? character.bone('spine') ?? character.vrm.scene;
  const head = { share: 0, yawRad: 0, pitchRad: 0, rollRad: 0 };
  return {
    index,
    character,
    // Before anything moves the bones: it measures them.
    puppet: new Puppet(character),
    head,
    bodyOffset: BODY_OFFSET + index * BODY_NUMBERS,
    // Far apart, because the octaves of noise use neighbouring seeds.
    life: new Life(seed * PERSONS * 7919 + index * 7919),
    pose: new Pose(character, seed * PERSONS + index),
    offset: index * FACE_CHANNELS,
    chest,
    hips,
    headBone: character.bone('head'),
    feet: [character.bone('leftFoot'), character.bone('rightFoot')],
    hipsRest: hips.position.clone(),
    eye: new Vector3(),
    focus: new Focus(),
    intensity,
    seated: new Seated(home),
    around: {
      partner: { yawRad: 0, pitchRad: 0 },
      camera: { yawRad: 0, pitchRad: 0 },
      partnerDistanceM: 1,
      partnerActivity: 0,
      moving: false,
      steady: false,
      intensity: intensity.now,
      head,
    },
  };
}

/**
 * Puts a person so that the hips stand where its bones say, seen from `home`, but turned by `openRad` about the hips;
 * `x` is where the home lies on the stage.
 */
export function standAt(person: Person, home: Readonly<PlacedRoot>, x: number, z: number, openRad: number) {
  const { character, hips, hipsRest } = person;
  const flip = character.facesMinusZ ? -1 : 1;
  const dx = (hips.position.x - hipsRest.x) * flip;
  const dz = (hips.position.z - hipsRest.z) * flip;
  const yaw = home.yaw + openRad;
  const [cos, sin] = [Math.cos(home.yaw) - Math.cos(yaw), Math.sin(home.yaw) - Math.sin(yaw)];
  const { scene } = character.vrm;
  scene.position.set(x + dx * cos + dz * sin, 0, z - dx * sin + dz * cos);
  // VRM 0.x models were turned once already when they were loaded.
  scene.rotation.y = (character.facesMinusZ ? Math.PI : 0) + yaw;
}

/** The point between a character's eyes in the world. */
export function eyeInto(target: Vector3, character: Character): Vector3 {
  const head = character.vrm.humanoid.getRawBoneNode('head') ?? character.vrm.scene;
  return head.localToWorld(target.copy(character.eyeOffset));
}

/** Writes where `self` sees what it looks at and the viewer, and where the networks have its head on the way there. */
export function sense(self: Person, viewer: Readonly<Vector3>, pose: Float32Array, share: number): void {
  const { around, head, bodyOffset, character, chest, eye, focus } = self;
  chest.getWorldQuaternion(quaternion).invert();
  const flip = character.facesMinusZ ? -1 : 1;
  around.partnerDistanceM = vector.subVectors(focus.eyes, eye).length();
  directionInto(around.partner, vector.applyQuaternion(quaternion), flip);
  directionInto(around.camera, vector.subVectors(viewer, eye).applyQuaternion(quaternion), flip);
  directionInto(facing, vector.subVectors(focus.head, eye).applyQuaternion(quaternion), flip);
  const turn = bodyOffset + BODY_AT.head;
  head.share = share;
  head.pitchRad = FACING.pitch * facing.pitchRad - pose[turn]!;
  head.yawRad = FACING.yaw * facing.yawRad + pose[turn + 1]!;
  head.rollRad = -pose[turn + 2]!;
}

/**
 * Turns the eyes so that they point where the gaze is, now that chest and head stand as they do: angles of neck and head do
 * not simply add up.
 */
export function aimEyes({ character, chest, headBone, life }: Person): void {
  if (!headBone) return;
  const { pose } = life;
  const flip = character.facesMinusZ ? -1 : 1;
  const yaw = pose.headYawRad + pose.eyeYawRad;
  const pitch = pose.headPitchRad + pose.eyePitchRad;
  const level = Math.cos(pitch);
  vector.set(Math.sin(yaw) * level * flip, Math.sin(pitch), Math.cos(yaw) * level * flip);
  vector.applyQuaternion(chest.getWorldQuaternion(quaternion));
  vector.applyQuaternion(headBone.getWorldQuaternion(quaternion).invert());
  pose.eyeYawRad = eyeLimit(Math.atan2(vector.x * flip, vector.z * flip), 1);
  pose.eyePitchRad = eyeLimit(Math.atan2(vector.y, Math.hypot(vector.x, vector.z)), 0.7);
}

const eyeLimit = (rad: number, share: number) =>
  Math.min(share * EYE_LIMIT_RAD, Math.max(-share * EYE_LIMIT_RAD, rad));

/** Nobody turns further than this (rad, of head and eyes together), and who is quite behind is not looked for. */
const FURTHEST_RAD = 1.45;
const BEHIND_RAD = [2.2, 2.9] as const;

function directionInto(target: Direction, local: Vector3, flip: number) {
  const yaw = Math.atan2(local.x * flip, local.z * flip);
  const [from, to] = BEHIND_RAD;
  const behind = Math.min(1, Math.max(0, (Math.abs(yaw) - from) / (to - from)));
  target.yawRad = Math.min(FURTHEST_RAD, Math.max(-FURTHEST_RAD, yaw)) * (1 - behind);
  target.pitchRad = Math.atan2(local.y, Math.hypot(local.x, local.z)) * (1 - behind);
}
