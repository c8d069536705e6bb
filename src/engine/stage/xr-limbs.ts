import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import { type Object3D, Quaternion, Vector3 } from 'three';
import type { Character } from './character.ts';

/** Hands are taken over, and given back, within this time. */
const TAKE_S = 0.25;
const CROUCH_S = 0.08;
/** A body that is lower than this share of its height sits already, and bends its knees no more. */
const STANDING = 0.85;
/** Knees bend until the hips have come down by this share of the leg. */
const DEEPEST = 0.6;
/** From the middle of the palm, which controllers report, to the wrist (m). */
const PALM_M = 0.08;
/** An arm is never quite straight. */
const LONGEST = 0.985;
const SIDES = ['left', 'right'] as const;
type Side = (typeof SIDES)[number];

const parent = new Quaternion();
const turn = new Quaternion();
const shoulder = new Vector3();
const reach = new Vector3();
const pole = new Vector3();
const elbow = new Vector3();
const along = new Vector3();
const X = new Vector3(1, 0, 0);

/** Where a hand of the guest is, in the world: the middle of the palm; untracked where nobody knows. */
export type Palm = { readonly at: Vector3; tracked: boolean };

/**
 * What the guest does with hands and knees: wrists go where the controllers are, with elbows that hang out and down; a head
 * that comes down takes the hips with it. Turns normalised bones on top of the pose of this instant.
 */
export class Limbs {
  readonly palms: Readonly<Record<Side, Palm>> = {
    left: { at: new Vector3(), tracked: false },
    right: { at: new Vector3(), tracked: false },
  };
  readonly #taken = { left: 0, right: 0 };
  #downM = 0;

  /** Bends the knees; `overM` is how far the eyes of the body are over those of the guest. */
  crouch(character: Character, eyeM: number, overM: number, deltaS: number): void {
    const hips = character.bone('hips');
    const thigh = character.bone('leftLowerLeg');
    const shin = character.bone('leftFoot');
    if (!hips || !thigh || !shin) return;
    const [a, b] = [thigh.position.length(), shin.position.length()];
    const standing = eyeM + this.#downM > STANDING * character.eyeHeightM;
    const wanted = standing ? Math.min(DEEPEST * (a + b), Math.max(0, this.#downM + overM)) : 0;
    this.#downM += (1 - Math.exp(-deltaS / CROUCH_S)) * (wanted - this.#downM);
    if (this.#downM < 0.01) return;
    hips.position.y -= this.#downM;
    const length = a + b - this.#downM;
    const thighRad = Math.acos((a * a + length * length - b * b) / (2 * a * length));
    const kneeRad = Math.PI - Math.acos((a * a + b * b - length * length) / (2 * a * b));
    const forward = character.facesMinusZ ? 1 : -1;
    for (const side of SIDES) {
      bend(character.bone(`${side}UpperLeg`), forward * thighRad);
      bend(character.bone(`${side}LowerLeg`), -forward * kneeRad);
      bend(character.bone(`${side}Foot`), forward * (thighRad - kneeRad) * -1);
    }
  }

  /** Brings the arms to where the palms are; `ahead` is where the body faces, in the world. */
  reach(character: Character, ahead: Readonly<Vector3>, deltaS: number): void {
    for (const side of SIDES) {
      const palm = this.palms[side];
      const step = deltaS / TAKE_S;
      const share = Math.min(1, Math.max(0, this.#taken[side] + (palm.tracked ? step : -step)));
      this.#taken[side] = share;
      if (share > 0) arm(character, side, palm.at, ahead, share * share * (3 - 2 * share));
    }
  }
}

function bend(bone: Object3D | null, rad: number) {
  bone?.quaternion.premultiply(turn.setFromAxisAngle(X, rad));
}

/** Two bones: the elbow lies on the circle that both lengths allow, as far out, down and back as it can. */
function arm(
  character: Character,
  side: Side,
  palm: Readonly<Vector3>,
  ahead: Readonly<Vector3>,
  share: number,
) {
  const bone = (name: 'UpperArm' | 'LowerArm' | 'Hand') =>
    character.bone(`${side}${name}` as VRMHumanBoneName);
  const [upper, lower, hand] = [bone('UpperArm'), bone('LowerArm'), bone('Hand')];
  if (!upper?.parent || !lower || !hand) return;
  upper.getWorldPosition(shoulder);
  reach.subVectors(palm, shoulder);
  const [a, b] = [lower.position.length(), hand.position.length()];
  const far = Math.min(LONGEST * (a + b), Math.max(Math.abs(a - b) + 0.02, reach.length() - PALM_M));
  reach.normalize();
  const s = side === 'left' ? 1 : -1;
  // The left of a body that faces `ahead`.
  pole.set(ahead.z, 0, -ahead.x).multiplyScalar(0.5 * s);
  pole.y -= 1;
  pole.addScaledVector(ahead, -0.35);
  pole.addScaledVector(reach, -pole.dot(reach)).normalize();
  const cos = (a * a + far * far - b * b) / (2 * a * far);
  elbow.copy(reach).multiplyScalar(a * cos);
  elbow.addScaledVector(pole, a * Math.sqrt(Math.max(0, 1 - cos * cos)));
  point(upper, lower, along.copy(elbow).normalize(), share);
  reach.multiplyScalar(far).sub(elbow).normalize();
  point(lower, hand, reach, share);
}

/** Turns a bone so that the next one lies along a direction of the world. */
function point(bone: Object3D, next: Object3D, direction: Vector3, share: number) {
  direction.applyQuaternion(bone.parent!.getWorldQuaternion(parent).invert());
  turn.setFromUnitVectors(pole.copy(next.position).normalize(), direction);
  bone.quaternion.slerp(turn, share);
}
