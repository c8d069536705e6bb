import type { VRM } from '@pixiv/three-vrm';
import { MathUtils, type Mesh, type Object3D } from 'three';
import { ARKIT_51, type ArkitChannel, BEHAVIOUR_FACE, FACE_CHANNELS } from '../motion.ts';

/** How a character's face can be driven, best first: ARKit shapes by name, VRM vowels and blinks, a jaw bone, not at all. */
export type FaceRoute = 'arkit' | 'vowels' | 'jaw' | 'none';

/** How a character's eyes turn: eye bones, ARKit look shapes, VRM look expressions, not at all. */
export type EyeRoute = 'bones' | 'shapes' | 'expressions' | 'none';

/** The part of a VRM a face needs. */
export type FaceRig = Pick<VRM, 'scene' | 'expressionManager' | 'humanoid'>;

/** The VRM expressions of the vowel route, in the order of {@link vowelsInto}. */
export const VOWELS = ['aa', 'ih', 'ou', 'ee', 'oh', 'blinkLeft', 'blinkRight'] as const;

/** The place of each ARKit channel in a face. */
export const CHANNEL = Object.fromEntries(ARKIT_51.map((name, i) => [name, i])) as Record<
  ArkitChannel,
  number
>;
const clamp01 = (x: number) => Math.min(1, Math.max(0, x));

/** Below this many of the 51 shapes a face reads better through its vowels. */
const ENOUGH_SHAPES = 30;
const JAW_OPEN_RAD = 0.32;
/** The turn of the eye (rad) at which an ARKit look shape is complete. */
const LOOK_YAW_RAD = 0.6;
const LOOK_PITCH_RAD = 0.45;

/** `Eye_Blink_L`, `blendShape1.eyeBlinkLeft` and `EyeBlinkLeft` are all the channel `eyeblinkleft`. */
const plainName = (name: string) =>
  name
    .slice(name.lastIndexOf('.') + 1)
    .replace(/[_\s-]+l$/i, 'left')
    .replace(/[_\s-]+r$/i, 'right')
    .replace(/[^a-z0-9]/gi, '')
    .toLowerCase();

/**
 * Writes the seven weights of {@link VOWELS} that say best what the 51 ARKit weights at `face[offset…]` say, 0…1, the
 * five vowels never above 1 together.
 */
export function vowelsInto(target: Float32Array, face: Float32Array, offset = 0): void {
  const w = (name: ArkitChannel) => face[offset + CHANNEL[name]]!;
  const both = (left: ArkitChannel, right: ArkitChannel) => (w(left) + w(right)) / 2;
  const open = clamp01((w('jawOpen') - w('mouthClose')) * 1.3);
  const round = clamp01(Math.max(w('mouthPucker'), w('mouthFunnel')) * 1.2);
  const spread = clamp01(
    both('mouthStretchLeft', 'mouthStretchRight') +
      0.5 * both('mouthSmileLeft', 'mouthSmileRight') +
      0.5 * both('mouthDimpleLeft', 'mouthDimpleRight'),
  );
  const lift = clamp01(
    both('mouthLowerDownLeft', 'mouthLowerDownRight') + 0.5 * both('mouthUpperUpLeft', 'mouthUpperUpRight'),
  );
  target[0] = open * (1 - round) * (1 - 0.6 * spread);
  target[1] = lift * (1 - open) * (1 - round) * (1 - spread);
  target[2] = round * (1 - open);
  target[3] = spread * clamp01(1.5 * open + lift) * (1 - round);
  target[4] = open * round;
  let sum = 0;
  for (let i = 0; i < 5; i++) sum += target[i]!;
  if (sum > 1) for (let i = 0; i < 5; i++) target[i]! /= sum;
  target[5] = clamp01(w('eyeBlinkLeft'));
  target[6] = clamp01(w('eyeBlinkRight'));
}

const EXPRESSION = BEHAVIOUR_FACE.filter((name) => !name.startsWith('eyeBlink')).map((name) => CHANNEL[name]);

/** Scales the expression of the face at `face[offset…]` by `intensity` (0…1): brows, cheeks, smile; not lips and blinks. */
export function calmExpression(face: Float32Array, offset: number, intensity: number): void {
  if (intensity >= 1) return;
  for (const channel of EXPRESSION) face[offset + channel]! *= intensity;
}

type Shape = { readonly mesh: Mesh; readonly index: number };

/** A character's face: finds how it can be driven and drives it from ARKit weights; allocates nothing per frame. */
export class Face {
  readonly route: FaceRoute;
  readonly eyes: EyeRoute;
  /** ARKit channels (tongueOut included) the character has neither as shape nor as expression. */
  readonly missing: readonly string[];
  readonly #rig: FaceRig;
  readonly #shapes: Shape[][];
  readonly #expressions: (string | undefined)[];
  readonly #vowels = new Float32Array(VOWELS.length);
  readonly #blinkTogether: boolean;
  readonly #jaw: Object3D | null;
  readonly #eyeBones: readonly Object3D[];
  readonly #flip: number;

  /** `facesMinusZ` is true for VRM 0.x, whose bones turn the other way round. */
  constructor(rig: FaceRig, facesMinusZ = false) {
    this.#rig = rig;
    this.#flip = facesMinusZ ? -1 : 1;
    const shapes = shapesByName(rig.scene);
    const expressions = new Map(
      Object.keys(rig.expressionManager?.expressionMap ?? {}).map((name) => [plainName(name), name]),
    );
    this.#shapes = ARKIT_51.map((name) => shapes.get(name.toLowerCase()) ?? []);
    this.#expressions = ARKIT_51.map((name, i) =>
      this.#shapes[i]!.length > 0 ? undefined : expressions.get(name.toLowerCase()),
    );
    const missing: string[] = ARKIT_51.filter(
      (_, i) => this.#shapes[i]!.length === 0 && !this.#expressions[i],
    );
    const found = FACE_CHANNELS - missing.length;
    if (!shapes.has('tongueout') && !expressions.has('tongueout')) missing.push('tongueOut');
    this.missing = missing;
    this.#jaw = rig.humanoid.getNormalizedBoneNode('jaw');
    this.#blinkTogether = !expressions.has('blinkleft');
    if (found >= ENOUGH_SHAPES && !missing.includes('jawOpen')) this.route = 'arkit';
    else if (expressions.has('aa')) this.route = 'vowels';
    else this.route = this.#jaw ? 'jaw' : 'none';
    const bones = [
      rig.humanoid.getNormalizedBoneNode('leftEye'),
      rig.humanoid.getNormalizedBoneNode('rightEye'),
    ];
    this.#eyeBones = bones.filter((bone) => bone !== null);
    if (this.#eyeBones.length === 2) this.eyes = 'bones';
    else if (this.route === 'arkit' && !missing.includes('eyeLookInLeft')) this.eyes = 'shapes';
    else this.eyes = expressions.has('lookleft') ? 'expressions' : 'none';
  }

  /**
   * Turns both eyes against the head (rad): yaw to the person's left, pitch up, and vergence, the inward turn of each.
   * Writes the look channels of `face`, so that the lids follow; call it before {@link applyBefore}.
   */
  look(face: Float32Array, offset: number, yawRad: number, pitchRad: number, vergenceRad: number): void {
    const lids = this.eyes !== 'none';
    const up = lids ? clamp01(pitchRad / LOOK_PITCH_RAD) : 0;
    const down = lids ? clamp01(-pitchRad / LOOK_PITCH_RAD) : 0;
    const turned = this.eyes === 'shapes' ? yawRad / LOOK_YAW_RAD : 0;
    for (const side of ['Left', 'Right'] as const) {
      const out = side === 'Left' ? turned : -turned;
      face[offset + CHANNEL[`eyeLookUp${side}`]] = up;
      face[offset + CHANNEL[`eyeLookDown${side}`]] = down;
      face[offset + CHANNEL[`eyeLookOut${side}`]] = clamp01(out);
      face[offset + CHANNEL[`eyeLookIn${side}`]] = clamp01(-out);
    }
    if (this.eyes === 'bones') {
      const [left, right] = this.#eyeBones;
      left!.rotation.set(-pitchRad * this.#flip, yawRad - vergenceRad, 0, 'YXZ');
      right!.rotation.set(-pitchRad * this.#flip, yawRad + vergenceRad, 0, 'YXZ');
    } else if (this.eyes === 'expressions') {
      const manager = this.#rig.expressionManager!;
      manager.setValue('lookLeft', clamp01(yawRad / LOOK_YAW_RAD));
      manager.setValue('lookRight', clamp01(-yawRad / LOOK_YAW_RAD));
      manager.setValue('lookUp', up);
      manager.setValue('lookDown', down);
    }
  }

  /** Sets what `vrm.update` must see: expressions and the jaw bone, from the 51 weights at `face[offset…]`. */
  applyBefore(face: Float32Array, offset: number): void {
    const manager = this.#rig.expressionManager;
    if (this.route === 'arkit') {
      for (let c = 0; c < FACE_CHANNELS; c++) {
        const name = this.#expressions[c];
        if (name) manager!.setValue(name, clamp01(face[offset + c]!));
      }
    } else if (this.route === 'vowels') {
      const vowels = this.#vowels;
      vowelsInto(vowels, face, offset);
      for (let i = 0; i < 5; i++) manager!.setValue(VOWELS[i]!, vowels[i]!);
      if (this.#blinkTogether) manager!.setValue('blink', Math.max(vowels[5]!, vowels[6]!));
      else for (let i = 5; i < 7; i++) manager!.setValue(VOWELS[i]!, vowels[i]!);
    } else if (this.#jaw) {
      this.#jaw.rotation.x = face[offset + CHANNEL.jawOpen]! * JAW_OPEN_RAD * this.#flip;
    }
  }

  /** Sets the shapes, from the 51 weights at `face[offset…]`; after `vrm.update`, which clears bound shapes. */
  applyAfter(face: Float32Array, offset: number): void {
    if (this.route !== 'arkit') return;
    for (let c = 0; c < FACE_CHANNELS; c++)
      for (const { mesh, index } of this.#shapes[c]!)
        mesh.morphTargetInfluences![index] = MathUtils.clamp(face[offset + c]!, 0, 1);
  }
}

function shapesByName(scene: Object3D): Map<string, Shape[]> {
  const shapes = new Map<string, Shape[]>();
  scene.traverse((object) => {
    const mesh = object as Mesh;
    for (const [name, index] of Object.entries(mesh.morphTargetDictionary ?? {})) {
      const plain = plainName(name);
      const known = shapes.get(plain);
      if (known) known.push({ mesh, index });
      else shapes.set(plain, [{ mesh, index }]);
    }
  });
  return shapes;
}
