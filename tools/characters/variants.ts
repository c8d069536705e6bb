// What the world's characters are like, made of the bytes of one of ours: for tests only, nothing here is shipped.
import { Quaternion, Vector3 } from 'three';
import { editGlb, type GltfJson } from '../../test/glb.ts';
import { Rig, type Warp } from './rig.ts';
import { toVrm0 } from './vrm0.ts';

type Edit = (json: GltfJson, binary: Uint8Array<ArrayBuffer>) => void;

/** A way in which a character differs from the one it is made of. */
export type Variant = {
  readonly name: string;
  readonly kind: 'vrm0' | 'vrm1';
  readonly make: (file: ArrayBuffer) => ArrayBuffer;
  /** What its report warns of, in order. */
  readonly warnings: readonly RegExp[];
};

const vrmOf = (json: GltfJson) => json.extensions.VRMC_vrm;

/** Bones that are still there but are no longer said to be those of a human. */
const withoutBones =
  (which: RegExp): Edit =>
  (json) => {
    const { humanBones } = vrmOf(json).humanoid;
    for (const name of Object.keys(humanBones)) if (which.test(name)) delete humanBones[name];
  };

/** Shapes whose names mean nothing; the expressions that are bound to them stay. */
const withoutShapes: Edit = (json) => {
  for (const mesh of json.meshes)
    if (mesh.extras?.targetNames)
      mesh.extras.targetNames = mesh.extras.targetNames.map((_: string, i: number) => `shape ${i}`);
};

/** Eyes that look by the expressions of the file. */
const lookByExpressions: Edit = (json, binary) => {
  withoutBones(/Eye$/)(json, binary);
  withoutShapes(json, binary);
  Object.assign(vrmOf(json).lookAt, {
    type: 'expression',
    ...Object.fromEntries(
      ['HorizontalInner', 'HorizontalOuter', 'VerticalDown', 'VerticalUp'].map((way) => [
        `rangeMap${way}`,
        { inputMaxValue: 40, outputScale: 1 },
      ]),
    ),
  });
};

/** How lengths of a part of the body differ from those of the character it is made of. */
export type Proportions = {
  readonly leg: number;
  readonly arm: number;
  readonly trunk: number;
  readonly shoulders: number;
  /** Width and depth of the trunk, and thickness of the limbs. */
  readonly wide: number;
  readonly thick: number;
  readonly head: number;
  readonly hand: number;
  readonly foot: number;
};

const CHILD: Proportions = {
  leg: 0.52,
  arm: 0.57,
  trunk: 0.62,
  shoulders: 0.62,
  wide: 0.72,
  thick: 0.66,
  head: 0.88,
  hand: 0.62,
  foot: 0.6,
};
const GIANT: Proportions = {
  leg: 1.75,
  arm: 1.65,
  trunk: 1.5,
  shoulders: 1.6,
  wide: 1.65,
  thick: 1.7,
  head: 1.2,
  hand: 1.55,
  foot: 1.4,
};
const STOUT: Proportions = {
  leg: 0.86,
  arm: 0.92,
  trunk: 1,
  shoulders: 1.05,
  wide: 1.4,
  thick: 1.15,
  head: 1,
  hand: 1,
  foot: 1,
};

const along = (axis: 'x' | 'y', length: number, across: number) =>
  axis === 'x' ? new Vector3(length, across, across) : new Vector3(across, length, across);

/** By how much each part grows: its own flesh, about its joint. */
function growthOf(bone: string, p: Proportions): Vector3 {
  if (/Hand$|Thumb|Index|Middle|Ring|Little/.test(bone)) return new Vector3().setScalar(p.hand);
  if (/UpperArm$|LowerArm$/.test(bone)) return along('x', p.arm, p.thick);
  if (/Shoulder$/.test(bone)) return new Vector3(p.shoulders, p.trunk, p.wide);
  if (/UpperLeg$|LowerLeg$/.test(bone)) return along('y', p.leg, p.thick);
  if (/Foot$|Toes$/.test(bone)) return new Vector3().setScalar(p.foot);
  if (/^(head|jaw|leftEye|rightEye)$/.test(bone)) return new Vector3().setScalar(p.head);
  if (bone === 'neck') return along('y', p.trunk, p.head);
  return along('y', p.trunk, p.wide);
}

/** Other proportions: every bone at its new place, the skin with it. */
const proportioned =
  (p: Proportions): Edit =>
  (json, binary) => {
    const rig = new Rig(json, binary);
    const places = rig.bones.map((bone) => bone.place.clone());
    const growth = rig.bones.map((bone) => growthOf(bone.human, p));
    for (const [k, { parent, place, human }] of rig.bones.entries()) {
      if (parent < 0) continue;
      const step = place.clone().sub(rig.bones[parent]!.place);
      // The hip joints are as far apart as the hips are wide.
      const by = /UpperLeg$/.test(human) ? along('y', p.trunk, p.wide) : growth[parent]!;
      places[k]!.copy(places[parent]!).add(step.multiply(by));
    }
    const foot = rig.indexOf('leftFoot');
    const lift = p.foot * rig.bones[foot]!.place.y - places[foot]!.y;
    for (const place of places) place.y += lift;
    rig.warp(
      rig.bones.map(({ place }, k) => ({
        move: (v: Vector3) => v.sub(place).multiply(growth[k]!).add(places[k]!),
        turn: (v: Vector3) => v.multiply(growth[k]!),
        bent: (v: Vector3) => v.divide(growth[k]!),
      })),
    );
    rig.stand(places);
    const { lookAt } = vrmOf(json);
    if (lookAt) lookAt.offsetFromHeadBone = lookAt.offsetFromHeadBone.map((x: number) => x * p.head);
    const springs = json.extensions.VRMC_springBone;
    for (const { shape } of springs?.colliders ?? [])
      for (const part of Object.values<GltfJson>(shape)) {
        part.radius *= p.head;
        part.offset = part.offset.map((x: number) => x * p.head);
        if (part.tail) part.tail = part.tail.map((x: number) => x * p.head);
      }
    for (const { joints } of springs?.springs ?? [])
      for (const joint of joints) if (joint.hitRadius) joint.hitRadius *= p.head;
  };

/** Modelled with hanging arms, bones and skin: with turned bones, or, as many are exported, with none that is turned. */
const inAPose =
  (rad: number, turned: boolean): Edit =>
  (json, binary) => {
    const rig = new Rig(json, binary);
    const turns = rig.bones.map(() => new Quaternion());
    const places = rig.bones.map(({ place }) => place.clone());
    for (const [k, { human, parent, place }] of rig.bones.entries()) {
      if (parent < 0) continue;
      turns[k]!.copy(turns[parent]!);
      places[k]!.copy(place)
        .sub(rig.bones[parent]!.place)
        .applyQuaternion(turns[parent]!)
        .add(places[parent]!);
      const sign = human === 'leftUpperArm' ? -1 : human === 'rightUpperArm' ? 1 : 0;
      if (sign !== 0) turns[k]!.setFromAxisAngle(new Vector3(0, 0, 1), sign * rad);
    }
    rig.warp(
      rig.bones.map(({ place }, k): Warp => {
        const turn = (v: Vector3) => v.applyQuaternion(turns[k]!);
        return { move: (v) => turn(v.sub(place)).add(places[k]!), turn, bent: turn };
      }),
    );
    rig.stand(places, turned ? turns : undefined);
  };

const made =
  (...edits: readonly Edit[]) =>
  (file: ArrayBuffer) =>
    editGlb(file, (json, binary) => {
      for (const edit of edits) edit(json, binary);
    });

const FINGERS = /Thumb|Index|Middle|Ring|Little/;
/** All that a VRM need not have. */
const OPTIONAL = new RegExp(`^(chest|upperChest|neck|jaw)$|Shoulder$|Toes$|Eye$|${FINGERS.source}`);
const NO_FINGERS = [
  /^no bone of the left fingers .*neither opens nor closes$/,
  /^no bone of the right fingers .*neither opens nor closes$/,
];
const NO_UPPER_CHEST = /^no upperChest: the trunk bends in two places instead of three$/;
const NO_TOES = /^no leftToes or rightToes: feet roll without them$/;
const NO_SHAPES = [
  /^no shapes .*jawOpen.*: vowels, blinks and moods of the file stand in for them, coarsely$/,
  /^no shape or expression for .*cheekPuff.*: these movements are not seen$/,
];
const NO_LIDS = /^no shapes eyeLook.*: the lids do not follow the eyes$/;

/** The variants on which the retargeting is tested. */
export const VARIANTS: readonly Variant[] = [
  { name: 'VRM 0.x', kind: 'vrm0', make: made(toVrm0), warnings: [] },
  { name: 'no fingers', kind: 'vrm1', make: made(withoutBones(FINGERS)), warnings: NO_FINGERS },
  {
    name: 'no upperChest',
    kind: 'vrm1',
    make: made(withoutBones(/^upperChest$/)),
    warnings: [NO_UPPER_CHEST],
  },
  { name: 'no toes', kind: 'vrm1', make: made(withoutBones(/Toes$/)), warnings: [NO_TOES] },
  { name: 'no ARKit shapes', kind: 'vrm1', make: made(withoutShapes), warnings: [...NO_SHAPES, NO_LIDS] },
  { name: 'A-pose', kind: 'vrm1', make: made(inAPose(0.75, true)), warnings: [] },
  { name: 'A-pose, bones unturned', kind: 'vrm1', make: made(inAPose(0.75, false)), warnings: [] },
  { name: 'child', kind: 'vrm1', make: made(proportioned(CHILD)), warnings: [] },
  { name: 'giant', kind: 'vrm1', make: made(proportioned(GIANT)), warnings: [] },
  { name: 'stout', kind: 'vrm1', make: made(proportioned(STOUT)), warnings: [] },
  {
    name: 'looks by expressions',
    kind: 'vrm1',
    make: made(lookByExpressions),
    warnings: NO_SHAPES,
  },
  { name: 'looks by shapes', kind: 'vrm1', make: made(withoutBones(/Eye$/)), warnings: [] },
  {
    name: 'VRM 0.x child in A-pose without fingers',
    kind: 'vrm0',
    make: made(proportioned(CHILD), inAPose(0.6, false), withoutBones(FINGERS), toVrm0),
    warnings: NO_FINGERS,
  },
  {
    name: 'giant with the least bones',
    kind: 'vrm1',
    make: made(proportioned(GIANT), withoutBones(OPTIONAL)),
    warnings: [
      /^no chest or upperChest: the trunk bends in one place instead of three$/,
      /^no neck: the head turns on the shoulders, stiffly$/,
      /^no leftShoulder or rightShoulder: both arms turn without the shoulder rising$/,
      NO_TOES,
      ...NO_FINGERS,
    ],
  },
];
