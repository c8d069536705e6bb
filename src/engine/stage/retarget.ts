import { MathUtils, type Object3D } from 'three';
import { BEHAVIOUR_FACE } from '../motion.ts';
import { type EyeRoute, type FacePlan, type FaceRig, type FaceRoute, planFace } from './channels.ts';
import { CHANNEL, VOWELS, vowelsInto } from './synthesis.ts';

const JAW_OPEN_RAD = 0.32;
/** The turn of the eye (rad) at which an ARKit look shape is complete. */
const LOOK_YAW_RAD = 0.6;
const LOOK_PITCH_RAD = 0.45;

const clamp01 = (x: number) => Math.min(1, Math.max(0, x));

const EXPRESSION = BEHAVIOUR_FACE.filter((name) => !name.startsWith('eyeBlink')).map((name) => CHANNEL[name]);

/** Scales the expression of the face at `face[offset…]` by `intensity` (0…1): brows, cheeks, smile; not lips and blinks. */
export function calmExpression(face: Float32Array, offset: number, intensity: number): void {
  if (intensity >= 1) return;
  for (const channel of EXPRESSION) face[offset + channel]! *= intensity;
}

/** A character's face: finds how it can be driven and drives it from ARKit weights; allocates nothing per frame. */
export class Face {
  /** What shows each channel. */
  readonly plan: FacePlan;
  readonly #manager: FaceRig['expressionManager'];
  readonly #vowels = new Float32Array(VOWELS.length);
  readonly #eyeBones: readonly Object3D[];
  readonly #flip: number;

  /** `facesMinusZ` is true for VRM 0.x, whose bones turn the other way round. */
  constructor(rig: FaceRig, facesMinusZ = false) {
    this.#flip = facesMinusZ ? -1 : 1;
    this.#manager = rig.expressionManager;
    this.plan = planFace(rig);
    this.#eyeBones = this.plan.eyeBones;
  }

  get route(): FaceRoute {
    return this.plan.route;
  }

  get eyes(): EyeRoute {
    return this.plan.eyes;
  }

  /**
   * Turns both eyes against the head (rad): yaw to the person's left, pitch up, and vergence, the inward turn of each.
   * Writes the look channels of `face`, so that the lids follow; call it before {@link applyBefore}.
   */
  look(face: Float32Array, offset: number, yawRad: number, pitchRad: number, vergenceRad: number): void {
    const { eyes } = this;
    const up = eyes === 'none' ? 0 : clamp01(pitchRad / LOOK_PITCH_RAD);
    const down = eyes === 'none' ? 0 : clamp01(-pitchRad / LOOK_PITCH_RAD);
    const turned = eyes === 'shapes' ? yawRad / LOOK_YAW_RAD : 0;
    face[offset + CHANNEL.eyeLookUpLeft] = up;
    face[offset + CHANNEL.eyeLookUpRight] = up;
    face[offset + CHANNEL.eyeLookDownLeft] = down;
    face[offset + CHANNEL.eyeLookDownRight] = down;
    face[offset + CHANNEL.eyeLookOutLeft] = clamp01(turned);
    face[offset + CHANNEL.eyeLookInRight] = clamp01(turned);
    face[offset + CHANNEL.eyeLookInLeft] = clamp01(-turned);
    face[offset + CHANNEL.eyeLookOutRight] = clamp01(-turned);
    if (eyes === 'bones') {
      const pitch = -pitchRad * this.#flip;
      this.#eyeBones[0]!.rotation.set(pitch, yawRad - vergenceRad, 0, 'YXZ');
      this.#eyeBones[1]!.rotation.set(pitch, yawRad + vergenceRad, 0, 'YXZ');
    } else if (eyes === 'expressions') {
      const manager = this.#manager!;
      manager.setValue('lookLeft', clamp01(yawRad / LOOK_YAW_RAD));
      manager.setValue('lookRight', clamp01(-yawRad / LOOK_YAW_RAD));
      manager.setValue('lookUp', up);
      manager.setValue('lookDown', down);
    }
  }

  /** Sets what `vrm.update` must see: expressions and the jaw bone, from the 51 weights at `face[offset…]`. */
  applyBefore(face: Float32Array, offset: number): void {
    const { expressions, blink, vowels, moods, jaw } = this.plan;
    const manager = this.#manager;
    if (jaw) jaw.rotation.x = face[offset + CHANNEL.jawOpen]! * JAW_OPEN_RAD * this.#flip;
    if (!manager) return;
    for (const { name, channel } of expressions) manager.setValue(name, face[offset + channel]!);
    if (blink) {
      let shut = 0;
      for (const channel of blink.channels) shut = Math.max(shut, face[offset + channel]!);
      manager.setValue(blink.name, shut);
    }
    if (vowels.length > 0) vowelsInto(this.#vowels, face, offset);
    for (const { name, at, share } of vowels) manager.setValue(name, share * this.#vowels[at]!);
    for (const { name, most, gains } of moods) {
      let sum = 0;
      for (const { channel, gain } of gains) sum += gain * face[offset + channel]!;
      manager.setValue(name, Math.min(most, sum));
    }
  }

  /** Sets the shapes, from the 51 weights at `face[offset…]`; after `vrm.update`, which clears bound shapes. */
  applyAfter(face: Float32Array, offset: number): void {
    for (const { mesh, index, channel } of this.plan.shapes)
      mesh.morphTargetInfluences![index] = MathUtils.clamp(face[offset + channel]!, 0, 1);
  }
}
