import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import type { Object3D, Vector3 } from 'three';
import type { Character } from './character.ts';
import type { LifePose } from './life.ts';
import { makeRandom } from './noise.ts';

/** A turn of a bone out of the T-pose: radians about x, y and z of a body that faces +Z (order YXZ). */
type Turn = { x: number; y: number; z: number };

const FINGERS = ['Index', 'Middle', 'Ring', 'Little'] as const;
const SEGMENTS = ['Proximal', 'Intermediate', 'Distal'] as const;
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
  }

  /** Sets the bones for this instant. */
  apply(life: LifePose): void {
    const height = Math.max(0.3, this.#character.hipHeightM);
    const { breath } = life;
    // Others may have moved them since.
    for (const name of this.#still) this.#turn(name, 0, 0, 0);
    if (this.#hips && this.#hipsRest) {
      this.#hips.position.y = this.#hipsRest.y;
      this.#hips.position.x = this.#hipsRest.x + life.hipShiftM * this.#flip;
      this.#hips.position.z = this.#hipsRest.z + life.hipForwardM * this.#flip;
    }
    // Feet stay where they stand: the legs lean against the shift of the hips.
    const leanX = life.hipForwardM / height;
    const leanZ = -life.hipShiftM / height;
    this.#turn('leftUpperLeg', leanX, 0, leanZ);
    this.#turn('rightUpperLeg', leanX, 0, leanZ);
    this.#turn('leftFoot', -leanX, 0, -leanZ);
    this.#turn('rightFoot', -leanX, 0, -leanZ);

    const third = 1 / 3;
    const pitch = -life.chestPitchRad;
    this.#turn('spine', pitch * third, life.chestYawRad * third, -life.chestRollRad * third);
    this.#turn('chest', pitch * third - 0.014 * breath, life.chestYawRad * third, -life.chestRollRad * third);
    this.#turn(
      'upperChest',
      pitch * third - 0.01 * breath,
      life.chestYawRad * third,
      -life.chestRollRad * third,
    );
    const lift = 0.028 * breath;
    this.#turn('leftShoulder', 0, 0, lift);
    this.#turn('rightShoulder', 0, 0, -lift);
    this.#turn('leftUpperArm', 0.03 * life.armLeft, 0.025 * life.armLeft, -lift + 0.012 * life.armLeft);
    this.#turn('rightUpperArm', 0.03 * life.armRight, -0.025 * life.armRight, lift - 0.012 * life.armRight);
    this.#turn('leftLowerArm', 0.25 * life.liftLeft, -0.05 * life.armLeft - 0.75 * life.liftLeft, 0);
    this.#turn('rightLowerArm', 0.25 * life.liftRight, 0.05 * life.armRight + 0.75 * life.liftRight, 0);
    this.#turn('leftHand', 0, 0, 0.2 * life.liftLeft);
    this.#turn('rightHand', 0, 0, -0.2 * life.liftRight);

    // The chest's breathing must not nod the head: the neck takes it back.
    const neck = 0.4;
    this.#turn(
      'neck',
      -life.headPitchRad * neck + 0.02 * breath,
      life.headYawRad * neck,
      -life.headRollRad * neck,
    );
    this.#turn(
      'head',
      -life.headPitchRad * (1 - neck),
      life.headYawRad * (1 - neck),
      -life.headRollRad * (1 - neck),
    );
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
  for (const side of ['left', 'right'] as const) {
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
