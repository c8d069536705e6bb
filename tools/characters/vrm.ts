import type { Json } from './gltf.ts';
import { STRAND_JOINTS, STRANDS } from './hair.ts';
import { sub } from './math.ts';
import type { Person } from './people.ts';
import { SHAPE_NAMES, type ShapeName } from './shapes.ts';
import { FINGERS, faceToWorld, skeletonOf } from './skeleton.ts';
import { eyeCentre } from './skull.ts';

type Weights = Partial<Record<ShapeName, number>>;

const both = (name: string, weight: number): Weights => ({
  [`${name}Left`]: weight,
  [`${name}Right`]: weight,
});

/** VRM's preset expressions as weights of the face's shapes. */
export const PRESETS: Readonly<Record<string, { weights: Weights }>> = {
  happy: {
    weights: {
      ...both('mouthSmile', 0.85),
      ...both('cheekSquint', 0.6),
      ...both('eyeSquint', 0.3),
      browInnerUp: 0.2,
      ...both('browOuterUp', 0.2),
    },
  },
  angry: {
    weights: {
      ...both('browDown', 1),
      ...both('noseSneer', 0.4),
      ...both('mouthFrown', 0.5),
      ...both('mouthPress', 0.5),
      ...both('eyeSquint', 0.4),
      jawForward: 0.15,
    },
  },
  sad: {
    weights: {
      browInnerUp: 0.9,
      ...both('mouthFrown', 0.8),
      ...both('eyeLookDown', 0.25),
      mouthShrugLower: 0.4,
      ...both('browDown', 0.15),
    },
  },
  // Not half a blink, which would add to the eyes' own and shut them too far.
  relaxed: { weights: { ...both('mouthSmile', 0.4), ...both('eyeSquint', 0.4), browInnerUp: 0.15 } },
  surprised: {
    weights: {
      browInnerUp: 0.8,
      ...both('browOuterUp', 0.9),
      ...both('eyeWide', 0.9),
      jawOpen: 0.35,
      mouthFunnel: 0.2,
    },
  },
  aa: { weights: { jawOpen: 0.62, ...both('mouthLowerDown', 0.25), ...both('mouthUpperUp', 0.15) } },
  ih: {
    weights: {
      jawOpen: 0.2,
      ...both('mouthStretch', 0.4),
      ...both('mouthUpperUp', 0.25),
      ...both('mouthLowerDown', 0.3),
      ...both('mouthSmile', 0.2),
    },
  },
  ou: { weights: { jawOpen: 0.18, mouthPucker: 0.7, mouthFunnel: 0.3 } },
  ee: {
    weights: {
      jawOpen: 0.14,
      ...both('mouthSmile', 0.45),
      ...both('mouthStretch', 0.3),
      ...both('mouthUpperUp', 0.3),
      ...both('mouthLowerDown', 0.35),
    },
  },
  oh: { weights: { jawOpen: 0.38, mouthFunnel: 0.6, mouthPucker: 0.25 } },
  blink: { weights: both('eyeBlink', 1) },
  blinkLeft: { weights: { eyeBlinkLeft: 1 } },
  blinkRight: { weights: { eyeBlinkRight: 1 } },
  lookUp: { weights: both('eyeLookUp', 1) },
  lookDown: { weights: both('eyeLookDown', 1) },
  lookLeft: { weights: { eyeLookOutLeft: 1, eyeLookInRight: 1 } },
  lookRight: { weights: { eyeLookInLeft: 1, eyeLookOutRight: 1 } },
  neutral: { weights: {} },
};

/** Names of all bones of the VRM humanoid that a character has. */
export const HUMANOID: readonly string[] = [
  'hips',
  'spine',
  'chest',
  'upperChest',
  'neck',
  'head',
  'jaw',
  ...['left', 'right'].flatMap((side) => [
    ...['Eye', 'Shoulder', 'UpperArm', 'LowerArm', 'Hand', 'UpperLeg', 'LowerLeg', 'Foot', 'Toes'].map(
      (n) => side + n,
    ),
    ...FINGERS.flatMap((f) => f.bones.map((b) => `${side}${f.name}${b}`)),
  ]),
];

/** The `VRMC_vrm` extension: meta, humanoid, first person, look-at and expressions. */
export const vrmExtension = (
  person: Person,
  boneNode: (name: string) => number,
  faceNode: number,
  nodes: { [name: string]: number },
  thumbnailImage: number,
): Json => {
  const bind = (weights: Weights) =>
    Object.entries(weights).map(([name, weight]) => ({
      node: faceNode,
      index: SHAPE_NAMES.indexOf(name as ShapeName),
      weight: weight!,
    }));
  const middle = faceToWorld(person, [0, 0, eyeCentre(person, 1)[2]]);
  const head = skeletonOf(person).find((b) => b.name === 'head')!.p;
  const eyes = sub(middle, head).map((x) => Math.round(x * 1e5) / 1e5);
  return {
    specVersion: '1.0',
    meta: {
      name: person.title,
      version: '1.0',
      authors: ['Duologue'],
      contactInformation: 'The maintainers of Duologue',
      references: ['No model: made by the code in tools/characters of Duologue'],
      thirdPartyLicenses: 'None',
      thumbnailImage,
      copyrightInformation: 'No rights reserved (CC0 1.0)',
      licenseUrl: 'https://vrm.dev/licenses/1.0/',
      otherLicenseUrl: 'https://creativecommons.org/publicdomain/zero/1.0/',
      avatarPermission: 'everyone',
      allowExcessivelyViolentUsage: true,
      allowExcessivelySexualUsage: true,
      commercialUsage: 'corporation',
      allowPoliticalOrReligiousUsage: true,
      allowAntisocialOrHateUsage: true,
      creditNotation: 'unnecessary',
      allowRedistribution: true,
      modification: 'allowModificationRedistribution',
    },
    humanoid: { humanBones: Object.fromEntries(HUMANOID.map((name) => [name, { node: boneNode(name) }])) },
    firstPerson: {
      meshAnnotations: Object.entries(nodes).map(([name, node]) => ({
        node,
        type: name === 'Body' || name === 'Clothes' ? 'both' : 'thirdPersonOnly',
      })),
    },
    lookAt: {
      offsetFromHeadBone: eyes,
      type: 'bone',
      rangeMapHorizontalInner: { inputMaxValue: 35, outputScale: 32 },
      rangeMapHorizontalOuter: { inputMaxValue: 35, outputScale: 34 },
      rangeMapVerticalDown: { inputMaxValue: 30, outputScale: 26 },
      rangeMapVerticalUp: { inputMaxValue: 30, outputScale: 26 },
    },
    expressions: {
      preset: Object.fromEntries(
        Object.entries(PRESETS).map(([name, { weights }]) => [
          name,
          {
            morphTargetBinds: bind(weights),
            isBinary: false,
            overrideBlink: 'none',
            overrideLookAt: 'none',
            overrideMouth: 'none',
          },
        ]),
      ),
    },
  };
};

/** The `VRMC_springBone` extension for long hair, or null where nothing swings. */
export const springExtension = (person: Person, bone: (name: string) => number): Json => {
  if (person.hair !== 'bob') return null;
  const s = person.head / 24;
  const sphere = (name: string, offset: [number, number, number], radius: number) => ({
    node: bone(name),
    shape: { sphere: { offset, radius } },
  });
  return {
    specVersion: '1.0',
    colliders: [
      sphere('head', [0, 8 * s, 2 * s], 6.6 * s),
      sphere('neck', [0, 0.02, 0], 5 * s),
      sphere('leftShoulder', [0.05, 0, 0], 4.6 * s),
      sphere('rightShoulder', [-0.05, 0, 0], 4.6 * s),
    ],
    colliderGroups: [{ name: 'head and shoulders', colliders: [0, 1, 2, 3] }],
    springs: STRANDS.map(({ name }) => ({
      name,
      joints: STRAND_JOINTS.map((_, k) => ({
        node: bone(`${name}${k + 1}`),
        hitRadius: 0.012,
        stiffness: 1.1,
        gravityPower: 0.15,
        gravityDir: [0, -1, 0],
        dragForce: 0.45,
      })),
      colliderGroups: [0],
    })),
  };
};
