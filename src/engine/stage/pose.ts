import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import type { Object3D, Vector3 } from 'three';
import { NECK_SHARE } from '../body/skeleton.ts';
import type { Character } from './character.ts';
import type { LifePose } from './life.ts';
import { makeRandom } from './noise.ts';

/** A turn of a bone out of the T-pose: radians about x, y and z of a body that faces +Z (order YXZ). */
type Turn = { x: number; y: number; z: number };

const FINGERS = ['Index', 'Middle', 'Ring', 'Little'] as const;
const SEGMENTS = ['Proximal', 'Intermediate', 'Distal'] as const;
const SIDES = ['left', 'right'] as const;
/** Relaxed curl of the segments of the index finger (rad); each finger further out curls more. */
const CURL_RAD = [0.22, 0.34, 0.2] as const;

/**
 * The standing idle pose of a character, arms down and hands relaxed, with {@link LifePose} on top. Sets normalised
 * humanoid bones only, all anew each time; a bone the character lacks is left out.
 */
export class Pose {
  readonly #character: Character;
  readonly #bones = new Map<VRMHumanBoneName, Object3D>();
  readonly #rest = new Map<VRMHumanBoneName, Turn>();
  /** Bones that {@link apply} leaves at rest. */
  readonly #still: VRMHumanBoneName[] = [];
  readonly #hips: Object3D | undefined;
  readonly #hipsRest: Vector3 | undefined;
  readonly #flip: number;
  /** Parts of the turn of the trunk that each of its bones makes, and of the head's that the neck makes. */
  readonly #trunkShare: number;
  readonly #neckShare: number;

  /** `seed` varies the stance a little, so that two people do not stand alike. */
  constructor(character: Character, seed: number) {
    this.#character = character;
    this.#flip = character.facesMinusZ ? -1 : 1;
    this.#hips = character.bone('hips') ?? undefined;
    this.#hipsRest = this.#hips?.position.clone();
    for (const [name, turn] of restTurns(makeRandom(seed))) {
      const bone = character.bone(name);
      if (!bone) continue;
      this.#bones.set(name, bone);
      this.#rest.set(name, turn);
      if (!LIVING.has(name)) this.#still.push(name);
    }
    this.#trunkShare =
      1 / (['spine', 'chest', 'upperChest'] as const).filter((name) => this.#bones.has(name)).length;
    this.#neckShare = this.#bones.has('neck') ? NECK_SHARE : 0;
  }

  /** Sets the bones for this instant. */
  apply(life: LifePose): void {
    const height = Math.max(0.3, this.#character.hipHeightM);
    const { breath, hipShiftM, hipForwardM } = life;
    // Others may have moved them since.
    for (const name of this.#still) this.#turn(name, 0, 0, 0);
    if (this.#hips && this.#hipsRest) {
      this.#hips.position.y = this.#hipsRest.y;
      this.#hips.position.x = this.#hipsRest.x + hipShiftM * this.#flip;
      this.#hips.position.z = this.#hipsRest.z + hipForwardM * this.#flip;
    }
    // Feet stay where they stand: the legs lean against the shift of the hips.
    const leanX = hipForwardM / height;
    const leanZ = -hipShiftM / height;
    this.#turn('leftUpperLeg', leanX, 0, leanZ);
    this.#turn('rightUpperLeg', leanX, 0, leanZ);
    this.#turn('leftFoot', -leanX, 0, -leanZ);
    this.#turn('rightFoot', -leanX, 0, -leanZ);

    const bend = this.#trunkShare;
    const pitch = -life.chestPitchRad * bend;
    const yaw = life.chestYawRad * bend;
    const roll = -life.chestRollRad * bend;
    this.#turn('spine', pitch, yaw, roll);
    this.#turn('chest', pitch - 0.014 * breath, yaw, roll);
    this.#turn('upperChest', pitch - 0.01 * breath, yaw, roll);
    for (const side of SIDES) {
      const s = side === 'left' ? 1 : -1;
      const drift = side === 'left' ? life.armLeft : life.armRight;
      const rise = side === 'left' ? life.liftLeft : life.liftRight;
      // Shoulders rise with the breath, and arms hang on.
      const lift = this.#bones.has(`${side}Shoulder`) ? 0.028 * breath * s : 0;
      this.#turn(`${side}Shoulder`, 0, 0, lift);
      this.#turn(`${side}UpperArm`, 0.03 * drift, 0.025 * drift * s, -lift + 0.012 * drift * s);
      this.#turn(`${side}LowerArm`, 0.25 * rise, (-0.05 * drift - 0.75 * rise) * s, 0);
      this.#turn(`${side}Hand`, 0, 0, 0.2 * rise * s);
    }

    // The chest's breathing must not nod the head: the neck takes it back.
    const neck = this.#neckShare;
    const back = 0.02 * breath;
    const { headPitchRad, headYawRad, headRollRad } = life;
    this.#turn('neck', -headPitchRad * neck + back, headYawRad * neck, -headRollRad * neck);
    const head = 1 - neck;
    const own = neck > 0 ? 0 : back;
    this.#turn('head', -headPitchRad * head + own, headYawRad * head, -headRollRad * head);
  }

  #turn(name: VRMHumanBoneName, x: number, y: number, z: number) {
    const bone = this.#bones.get(name);
    if (!bone) return;
    const rest = this.#rest.get(name)!;
    bone.rotation.set((rest.x + x) * this.#flip, rest.y + y, (rest.z + z) * this.#flip, 'YXZ');
  }
}

/** Bones that move while a person merely stands. */
const LIVING: ReadonlySet<VRMHumanBoneName> = new Set([
  'spine',
  'chest',
  'upperChest',
  'neck',
  'head',
  ...(['left', 'right'] as const).flatMap(
    (side) =>
      [
        `${side}UpperLeg`,
        `${side}Foot`,
        `${side}Shoulder`,
        `${side}UpperArm`,
        `${side}LowerArm`,
        `${side}Hand`,
      ] as const,
  ),
]);

/** Turns out of the T-pose of a person at ease, left and right not quite the same. */
function restTurns(random: () => number): [VRMHumanBoneName, Turn][] {
  const turns: [VRMHumanBoneName, Turn][] = [
    ['hips', { x: 0, y: 0, z: 0 }],
    ['spine', { x: 0.02, y: 0, z: 0 }],
    ['chest', { x: 0.02, y: 0, z: 0 }],
    ['upperChest', { x: 0.01, y: 0, z: 0 }],
    ['neck', { x: 0.05, y: 0, z: 0 }],
    ['head', { x: -0.09, y: 0, z: 0 }],
  ];
  for (const side of SIDES) {
    // In the T-pose the left arm points along +X: down is about −z, forward about −y. The right one mirrors it.
    const s = side === 'left' ? 1 : -1;
    const elbow = 0.42 + 0.28 * random();
    turns.push(
      [`${side}Shoulder`, { x: 0, y: 0, z: -0.05 * s }],
      [`${side}UpperArm`, { x: 0.1, y: -0.12 * s, z: -(1.27 + 0.04 * random()) * s }],
      [`${side}LowerArm`, { x: 0.2, y: -elbow * s, z: 0 }],
      [`${side}Hand`, { x: 0, y: 0, z: -(0.05 + 0.08 * random()) * s }],
      [`${side}UpperLeg`, { x: 0, y: (0.08 + 0.06 * random()) * s, z: 0.045 * s }],
      [`${side}LowerLeg`, { x: 0.02, y: 0, z: 0 }],
      [`${side}Foot`, { x: -0.02, y: 0.06 * s, z: -0.045 * s }],
      [`${side}Toes`, { x: 0, y: 0, z: 0 }],
      [`${side}ThumbMetacarpal`, { x: 0, y: 0.18 * s, z: -0.1 * s }],
      [`${side}ThumbProximal`, { x: 0, y: 0.15 * s, z: 0 }],
      [`${side}ThumbDistal`, { x: 0, y: 0.15 * s, z: 0 }],
    );
    FINGERS.forEach((finger, f) => {
      const more = 1 + 0.22 * f + 0.15 * random();
      SEGMENTS.forEach((segment, k) => {
        turns.push([`${side}${finger}${segment}`, { x: 0, y: 0, z: -CURL_RAD[k]! * more * s }]);
      });
    });
  }
  return turns;
}
