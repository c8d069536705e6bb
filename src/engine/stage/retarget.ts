import { VRMLookAtBoneApplier, VRMLookAtExpressionApplier } from '@pixiv/three-vrm';
import type { Object3D } from 'three';
import { ARKIT_51, BEHAVIOUR_FACE, FACE_CHANNELS } from '../motion.ts';
import { type EyeRoute, type FacePlan, type FaceRig, type FaceRoute, planFace } from './channels.ts';
import { CHANNEL, VOWELS, vowelsInto } from './synthesis.ts';

const JAW_OPEN_RAD = 0.32;
/** The turn of the eye (rad) at which an ARKit look shape is complete. */
const LOOK_YAW_RAD = 0.6;
const LOOK_PITCH_RAD = 0.45;

const DEGREE = Math.PI / 180;

const clamp01 = (x: number) => Math.min(1, Math.max(0, x));

const EXPRESSION = BEHAVIOUR_FACE.filter((name) => !name.startsWith('eyeBlink')).map((name) => CHANNEL[name]);

/** Scales the expression of the face at `face[offset…]` by `intensity` (0…1): brows, cheeks, smile; not lips and blinks. */
export function calmExpression(face: Float32Array, offset: number, intensity: number): void {
  if (intensity >= 1) return;
  for (const channel of EXPRESSION) face[offset + channel]! *= intensity;
}

/**
 * How strongly a face shows each of its regions, 1 as the networks have it: for faces that are drawn with more or less than
 * is common. Blinks and gaze have no gain.
 */
export type FaceGain = {
  readonly brows: number;
  /** Squinting and wide eyes. */
  readonly eyes: number;
  /** Cheeks and nose. */
  readonly cheeks: number;
  readonly mouth: number;
  readonly jaw: number;
};

const REGIONS: Readonly<Record<keyof FaceGain, RegExp>> = {
  brows: /^brow/,
  eyes: /^eye(Squint|Wide)/,
  cheeks: /^(cheek|nose)/,
  mouth: /^mouth/,
  jaw: /^jaw/,
};
const PLAIN: FaceGain = { brows: 1, eyes: 1, cheeks: 1, mouth: 1, jaw: 1 };

/** How far an eye turns (rad) for what is asked of it, by the maps of the file. */
type LookMaps = { inner: RangeMap; outer: RangeMap; up: RangeMap; down: RangeMap };
type RangeMap = (rad: number) => number;

/** A character's face: finds how it can be driven and drives it from ARKit weights; allocates nothing per frame. */
export class Face {
  /** What shows each channel. */
  readonly plan: FacePlan;
  readonly #manager: FaceRig['expressionManager'];
  readonly #vowels = new Float32Array(VOWELS.length);
  readonly #eyeBones: readonly Object3D[];
  readonly #flip: number;
  readonly #maps: LookMaps;
  readonly #gains = new Float32Array(FACE_CHANNELS).fill(1);
  /** The face as it is shown: with gains, 0…1. */
  readonly #shown = new Float32Array(FACE_CHANNELS);
  #gain = PLAIN;

  /** `facesMinusZ` is true for VRM 0.x, whose bones turn the other way round. */
  constructor(rig: FaceRig, facesMinusZ = false) {
    this.#flip = facesMinusZ ? -1 : 1;
    this.#manager = rig.expressionManager;
    this.plan = planFace(rig);
    this.#eyeBones = this.plan.eyeBones;
    this.#maps = lookMapsOf(rig, this.plan.eyes);
  }

  /** Gains of the regions of the face; what is not said is 1. */
  get gain(): FaceGain {
    return this.#gain;
  }

  set gain(gain: Partial<FaceGain>) {
    this.#gain = { ...PLAIN, ...gain };
    for (const [region, which] of Object.entries(REGIONS) as [keyof FaceGain, RegExp][])
      for (const [channel, name] of ARKIT_51.entries())
        if (which.test(name)) this.#gains[channel] = this.#gain[region];
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
    const { inner, outer, up, down } = this.#maps;
    const leftRad = yawRad - vergenceRad;
    const rightRad = yawRad + vergenceRad;
    const raised = eyes === 'none' ? 0 : clamp01(pitchRad / LOOK_PITCH_RAD);
    const lowered = eyes === 'none' ? 0 : clamp01(-pitchRad / LOOK_PITCH_RAD);
    face[offset + CHANNEL.eyeLookUpLeft] = raised;
    face[offset + CHANNEL.eyeLookUpRight] = raised;
    face[offset + CHANNEL.eyeLookDownLeft] = lowered;
    face[offset + CHANNEL.eyeLookDownRight] = lowered;
    const turned = eyes === 'shapes' ? 1 / LOOK_YAW_RAD : 0;
    face[offset + CHANNEL.eyeLookOutLeft] = clamp01(leftRad * turned);
    face[offset + CHANNEL.eyeLookInLeft] = clamp01(-leftRad * turned);
    face[offset + CHANNEL.eyeLookInRight] = clamp01(rightRad * turned);
    face[offset + CHANNEL.eyeLookOutRight] = clamp01(-rightRad * turned);
    if (eyes === 'bones') {
      const pitch = (pitchRad > 0 ? -up(pitchRad) : down(-pitchRad)) * this.#flip;
      this.#eyeBones[0]!.rotation.set(pitch, leftRad > 0 ? outer(leftRad) : -inner(-leftRad), 0, 'YXZ');
      this.#eyeBones[1]!.rotation.set(pitch, rightRad > 0 ? inner(rightRad) : -outer(-rightRad), 0, 'YXZ');
    } else if (eyes === 'expressions') {
      const manager = this.#manager!;
      manager.setValue('lookLeft', yawRad > 0 ? clamp01(outer(yawRad)) : 0);
      manager.setValue('lookRight', yawRad < 0 ? clamp01(outer(-yawRad)) : 0);
      manager.setValue('lookUp', pitchRad > 0 ? clamp01(up(pitchRad)) : 0);
      manager.setValue('lookDown', pitchRad < 0 ? clamp01(down(-pitchRad)) : 0);
    }
  }

  /** Sets what `vrm.update` must see: expressions and the jaw bone, from the 51 weights at `face[offset…]`. */
  applyBefore(face: Float32Array, offset: number): void {
    const { expressions, blink, vowels, moods, jaw } = this.plan;
    const manager = this.#manager;
    const shown = this.#shown;
    for (let c = 0; c < FACE_CHANNELS; c++) shown[c] = clamp01(face[offset + c]! * this.#gains[c]!);
    if (jaw) jaw.rotation.x = shown[CHANNEL.jawOpen]! * JAW_OPEN_RAD * this.#flip;
    if (!manager) return;
    for (const { name, channel } of expressions) manager.setValue(name, shown[channel]!);
    if (blink) {
      let shut = 0;
      for (const channel of blink.channels) shut = Math.max(shut, shown[channel]!);
      manager.setValue(blink.name, shut);
    }
    if (vowels.length > 0) vowelsInto(this.#vowels, shown, 0);
    for (const { name, at, share } of vowels) manager.setValue(name, share * this.#vowels[at]!);
    for (const { name, most, gains } of moods) {
      let sum = 0;
      for (const { channel, gain } of gains) sum += gain * shown[channel]!;
      manager.setValue(name, Math.min(most, sum));
    }
  }

  /** Sets the shapes to what {@link applyBefore} was told; after `vrm.update`, which clears bound shapes. */
  applyAfter(): void {
    for (const { mesh, index, channel } of this.plan.shapes)
      mesh.morphTargetInfluences![index] = this.#shown[channel]!;
  }
}

/** The range maps of the file, which are in degrees; without any, eye bones turn as asked and expressions by ARKit's range. */
function lookMapsOf({ lookAt }: FaceRig, eyes: EyeRoute): LookMaps {
  const applier = lookAt?.applier;
  const fits =
    (eyes === 'bones' && applier instanceof VRMLookAtBoneApplier) ||
    (eyes === 'expressions' && applier instanceof VRMLookAtExpressionApplier);
  if (!fits) {
    const [yaw, pitch] = eyes === 'expressions' ? [1 / LOOK_YAW_RAD, 1 / LOOK_PITCH_RAD] : [1, 1];
    const by = (factor: number) => (rad: number) => factor * rad;
    return { inner: by(yaw), outer: by(yaw), up: by(pitch), down: by(pitch) };
  }
  // Bones turn by degrees, expressions are weights.
  const out = eyes === 'bones' ? DEGREE : 1;
  const by =
    (map: { inputMaxValue: number; outputScale: number }): RangeMap =>
    (rad) =>
      out * map.outputScale * clamp01(rad / DEGREE / Math.max(1e-3, map.inputMaxValue));
  return {
    inner: by(applier.rangeMapHorizontalInner),
    outer: by(applier.rangeMapHorizontalOuter),
    up: by(applier.rangeMapVerticalUp),
    down: by(applier.rangeMapVerticalDown),
  };
}
