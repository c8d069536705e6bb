import { type VRM, VRMHumanBoneList, type VRMHumanBoneName } from '@pixiv/three-vrm';
import type { ChannelRoute, EyeRoute, FacePlan, FaceRoute } from './channels.ts';
import { type CharacterLicence, licenceOf } from './licence.ts';
import { ARKIT_52, type ArkitShape } from './names.ts';

/** What kind of file a character came in: VRM 0.x, VRM 1.0, or a plain GLB whose rig was read by its names. */
export type CharacterKind = 'vrm0' | 'vrm1' | 'glb';

/** What a character can do, what it lacks and what follows from it. */
export type CharacterReport = {
  /** Name of the file, or `the character` where there is none. */
  readonly name: string;
  readonly kind: CharacterKind;
  /** Bones of the VRM humanoid. */
  readonly bones: {
    readonly present: readonly VRMHumanBoneName[];
    readonly missing: readonly VRMHumanBoneName[];
  };
  readonly face: {
    readonly route: FaceRoute;
    /** How each of the 52 ARKit channels is shown. */
    readonly channels: Readonly<Record<ArkitShape, ChannelRoute>>;
    /** The channels that are neither shapes nor expressions of the file. */
    readonly missing: readonly ArkitShape[];
  };
  readonly eyes: EyeRoute;
  /** Joints that swing by themselves, as of hair and skirts. */
  readonly springs: number;
  readonly licence: CharacterLicence;
  /** Plain sentences: what is missing or of no use, and what follows from it. Empty where nothing follows. */
  readonly warnings: readonly string[];
};

/** What a report is made from. */
export type ReportParts = {
  readonly name: string;
  readonly kind: CharacterKind;
  readonly vrm: Pick<VRM, 'humanoid' | 'meta' | 'springBoneManager'>;
  readonly plan: FacePlan;
  /** `asset` of the glTF, which is all that a plain GLB says about itself. */
  readonly asset: Parameters<typeof licenceOf>[2];
};

/** Says what a loaded character has, how its face is driven and what follows from what it lacks. */
export function reportOf({ name, kind, vrm, plan, asset }: ReportParts): CharacterReport {
  const names = Object.values(VRMHumanBoneList);
  const missing = names.filter((bone) => !vrm.humanoid.getNormalizedBoneNode(bone));
  return {
    name,
    kind,
    bones: { present: names.filter((bone) => !missing.includes(bone)), missing },
    face: {
      route: plan.route,
      channels: plan.channels,
      missing: ARKIT_52.filter((shape) => !['shape', 'expression'].includes(plan.channels[shape])),
    },
    eyes: plan.eyes,
    springs: vrm.springBoneManager?.joints.size ?? 0,
    licence: licenceOf(kind, vrm.meta, asset),
    warnings: [...boneWarnings(missing), ...faceWarnings(plan, missing)],
  };
}

const FINGERS = /Thumb|Index|Middle|Ring|Little/;

/** Bones without which something is seen to be missing; the others are required or have no part in the motion. */
function boneWarnings(missing: readonly VRMHumanBoneName[]): string[] {
  const warnings: string[] = [];
  const lacks = (bone: string) => missing.includes(bone as VRMHumanBoneName);
  const pair = (part: string, follows: (which: string) => string) => {
    const sides = ['left', 'right'].filter((side) => lacks(side + part));
    if (sides.length > 0)
      warnings.push(
        `no ${sides.map((side) => side + part).join(' or ')}: ${follows(sides.length > 1 ? 'both' : sides[0]!)}`,
      );
  };
  const trunk = ['chest', 'upperChest'].filter(lacks);
  if (trunk.length > 0)
    warnings.push(
      `no ${trunk.join(' or ')}: the trunk bends in ${3 - trunk.length === 1 ? 'one place' : 'two places'} instead of three`,
    );
  if (lacks('neck')) warnings.push('no neck: the head turns on the shoulders, stiffly');
  pair(
    'Shoulder',
    (which) =>
      `${which === 'both' ? 'both arms turn' : `the ${which} arm turns`} without the shoulder rising`,
  );
  pair('Toes', (which) => `${which === 'both' ? 'feet roll' : `the ${which} foot rolls`} without them`);
  for (const side of ['left', 'right']) {
    const fingers = missing.filter((bone) => bone.startsWith(side) && FINGERS.test(bone));
    if (fingers.length === 15)
      warnings.push(
        `no bone of the ${side} fingers (${side}IndexProximal and the others): the ${side} hand neither opens nor closes`,
      );
    else if (fingers.length > 0)
      warnings.push(`no ${fingers.join(', ')}: these parts of the ${side} hand stay as modelled`);
  }
  return warnings;
}

/** What the face cannot show, or shows by other means than its own shapes. */
function faceWarnings({ route, eyes, channels, troubles }: FacePlan, missing: readonly VRMHumanBoneName[]) {
  const warnings: string[] = [];
  const that = (route: ChannelRoute, which: (shape: ArkitShape) => boolean) =>
    ARKIT_52.filter((shape) => shape !== 'tongueOut' && channels[shape] === route && which(shape));
  const isLook = (shape: ArkitShape) => shape.startsWith('eyeLook');
  const isLid = (shape: ArkitShape) => /^eyeLook(Up|Down)/.test(shape);
  if (route === 'none')
    warnings.push(
      'no shape jawOpen, no expressions aa, ih, ou, ee, oh and no jaw bone: the mouth does not speak',
    );
  if (route === 'jaw')
    warnings.push(
      'no shape jawOpen and no expression aa: the jaw bone opens the mouth, and the lips keep their shape',
    );
  const synthesised = that('synthesised', () => true);
  if (synthesised.length > 0)
    warnings.push(
      `no shapes ${listed(synthesised)}: vowels, blinks and moods of the file stand in for them, coarsely`,
    );
  const blinks = that('none', (shape) => shape.startsWith('eyeBlink'));
  if (blinks.length > 0)
    warnings.push(`no shape ${blinks.join(' or ')} and no expression blink: the eyes do not close`);
  const unseen = that(
    'none',
    (shape) => !isLook(shape) && !shape.startsWith('eyeBlink') && (shape !== 'jawOpen' || route !== 'none'),
  );
  if (unseen.length > 0)
    warnings.push(`no shape or expression for ${listed(unseen)}: these movements are not seen`);
  if (eyes === 'none') {
    const bones = missing.filter((bone) => bone.endsWith('Eye'));
    warnings.push(
      `no ${bones.join(' or ')} bone and no shapes or expressions of looking (eyeLookInLeft, lookLeft): only the head follows the gaze`,
    );
  }
  const lids = that('bone', isLid);
  if (lids.length > 0) warnings.push(`no shapes ${listed(lids)}: the lids do not follow the eyes`);
  return [...warnings, ...troubles];
}

/** Names in a row, those of both sides as one: `browDownLeft/Right`. */
const listed = (shapes: readonly ArkitShape[]) =>
  shapes
    .filter((shape) => !(shape.endsWith('Right') && shapes.includes(otherSide(shape))))
    .map((shape) => (shape.endsWith('Left') && shapes.includes(otherSide(shape)) ? `${shape}/Right` : shape))
    .join(', ');

const otherSide = (shape: string) =>
  (shape.endsWith('Left') ? shape.replace(/Left$/, 'Right') : shape.replace(/Right$/, 'Left')) as ArkitShape;
