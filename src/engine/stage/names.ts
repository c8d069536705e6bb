import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import { ARKIT_51, type ArkitChannel } from '../motion.ts';

/** The 52 shapes of ARKit: the engine's 51 channels and the tongue, which the networks leave at rest. */
export const ARKIT_52 = [...ARKIT_51, 'tongueOut'] as const;

/** A name of {@link ARKIT_52}. */
export type ArkitShape = ArkitChannel | 'tongueOut';

type Side = 'left' | 'right';

const SIDES: Readonly<Record<string, Side>> = { l: 'left', left: 'left', r: 'right', right: 'right' };

/**
 * A name in parts: what separators part, each as its camel-case words in lower case, numbers without leading zeros.
 * The word that says a side is taken out.
 */
function partsOf(name: string): { side: Side | undefined; parts: string[] } {
  let side: Side | undefined;
  const parts: string[] = [];
  for (const part of name.split(/[^a-z0-9]+/i)) {
    const words = (part.match(/\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) =>
      /^\d/.test(word) ? String(Number(word)) : word.toLowerCase(),
    );
    // The last side counts, because prefixes of a rig may hold an L or R of their own.
    for (const word of words) side = SIDES[word] ?? side;
    parts.push(words.filter((word) => !(word in SIDES)).join(' '));
  }
  return { side, parts: parts.filter(Boolean) };
}

const PLAIN = new Map<string, ArkitShape>(ARKIT_52.map((name) => [name.toLowerCase(), name]));

/**
 * The ARKit shape that the name of a shape or expression means, in any common spelling: `eyeBlinkLeft`, `Eye_Blink_L`,
 * `blendShape1.eyeBlinkLeft`, `Face.M_F00_000_eyeBlinkLeft`, `jaw_open`, `eyeBlinkLeft.001`; undefined where it means none.
 */
export function arkitShapeOf(name: string): ArkitShape | undefined {
  const { side = '', parts } = partsOf(name);
  const plain = parts.map((part) => part.replaceAll(' ', ''));
  // Copies are numbered: `eyeBlinkLeft.001`, `blendShape1.eyeBlinkLeft1`.
  const last = plain.pop()?.replace(/\d+$/, '');
  if (last) plain.push(last);
  // Prefixes end at a separator, so that `openMouth_L` is not taken for `mouthLeft`.
  for (let from = 0; from < plain.length; from++) {
    const rest = plain.slice(from).join('');
    // Some faces have `browInnerUp` and `cheekPuff` in two halves.
    const found = PLAIN.get(rest + side) ?? PLAIN.get(rest) ?? PLAIN.get(sidedAtEnd(rest));
    if (found) return found;
  }
  return undefined;
}

/** `eyeblinkl` as `eyeblinkleft`. */
const sidedAtEnd = (name: string) => name.replace(/[lr]$/, (letter) => SIDES[letter] ?? '');

/** What rigs call the bones of a limb; Mixamo, Unreal and Mesh2Motion, VRM, VRoid, Rigify. */
const SIDED: Readonly<Record<string, readonly string[]>> = {
  Shoulder: ['shoulder', 'clavicle', 'collar'],
  UpperArm: ['upperarm', 'arm'],
  LowerArm: ['lowerarm', 'forearm'],
  Hand: ['hand'],
  UpperLeg: ['upperleg', 'upleg', 'thigh'],
  LowerLeg: ['lowerleg', 'leg', 'calf', 'shin'],
  Foot: ['foot'],
  Toes: ['toes', 'toe', 'toebase', 'ball'],
  Eye: ['eye', 'eyeball'],
  ...fingers('Thumb', ['thumb'], ['Metacarpal', 'Proximal', 'Distal']),
  ...fingers('Index', ['index'], ['Proximal', 'Intermediate', 'Distal']),
  ...fingers('Middle', ['middle', 'mid'], ['Proximal', 'Intermediate', 'Distal']),
  ...fingers('Ring', ['ring'], ['Proximal', 'Intermediate', 'Distal']),
  ...fingers('Little', ['little', 'pinky'], ['Proximal', 'Intermediate', 'Distal']),
};
const MIDDLE: Readonly<Record<string, readonly string[]>> = {
  hips: ['hips', 'hip', 'pelvis'],
  neck: ['neck', 'neck1'],
  head: ['head'],
  jaw: ['jaw'],
};

function fingers(finger: string, spellings: readonly string[], segments: readonly string[]) {
  return Object.fromEntries(
    segments.map((segment, i) => [
      `${finger}${segment}`,
      spellings.flatMap((name) => [`${name}${i + 1}`, `${name}${segment.toLowerCase()}`]),
    ]),
  );
}

const inverted = (table: Readonly<Record<string, readonly string[]>>) =>
  new Map(Object.entries(table).flatMap(([bone, names]) => names.map((name) => [name, bone] as const)));
const SIDED_BONES = inverted(SIDED);
const MIDDLE_BONES = inverted(MIDDLE);
/** Nodes of a rig that stand where bones are but do not carry the skin. */
const HELPERS = /^(ik|pole|target|ctrl|control|mch|org|twist|roll|end|leaf|nub|socket)$/;

/**
 * The VRM humanoid bone that the name of a node means, whatever prefix it has: `mixamorig:LeftForeArm`, `lowerarm_l`,
 * `J_Bip_L_LowerArm`, `DEF-forearm.L`. Spine bones have too many names: see the chain between hips and neck.
 */
export function boneOf(name: string): VRMHumanBoneName | undefined {
  const { side, parts } = partsOf(name);
  const words = parts.flatMap((part) => part.split(' '));
  if (words.some((word) => HELPERS.test(word))) return undefined;
  for (let from = 0; from < words.length; from++) {
    const rest = words.slice(from).join('');
    const bone = side ? SIDED_BONES.get(rest) : MIDDLE_BONES.get(rest);
    if (bone) return (side ? side + bone : bone) as VRMHumanBoneName;
  }
  return undefined;
}
