import { VRM, type VRMHumanBoneName, type VRMHumanBones, VRMHumanoid } from '@pixiv/three-vrm';
import { Box3, Group, type Mesh, type Object3D, Quaternion, type SkinnedMesh, Vector3 } from 'three';
import { EngineError } from '../../errors.ts';
import { boneOf } from './names.ts';

/** The nodes of a rig by the humanoid bone that they are. */
export type Bones = Map<VRMHumanBoneName, Object3D>;

type Side = 'left' | 'right';
const SIDES: readonly Side[] = ['left', 'right'];
const LIMBS: readonly (readonly string[])[] = [
  ['UpperArm', 'LowerArm', 'Hand'],
  ['UpperLeg', 'LowerLeg', 'Foot'],
];
const REQUIRED: readonly VRMHumanBoneName[] = [
  'hips',
  'spine',
  'head',
  ...SIDES.flatMap((side) => LIMBS.flat().map((part) => `${side}${part}` as VRMHumanBoneName)),
];
/** From ankles to head joint an adult measures this; files in other units are brought near it. */
const ADULT_M = 1.45;
/** Ankles of a model without a surface stand so high. */
const ANKLE_M = 0.08;
/** Bones that are no further off are left as they were modelled: hands and legs are never quite straight. */
const ARM_OFF_RAD = 0.05;
const HAND_OFF_RAD = 0.15;
const LEG_OFF_RAD = 0.17;
const PALM_OFF_RAD = 0.25;
/** From here on the arms of a VRM hang. */
const HANGING_RAD = 0.3;

const UP = new Vector3(0, 1, 0);
const DOWN = new Vector3(0, -1, 0);

/** Finds the humanoid bones among the nodes under `scene` by their names and, for the spine, by what hangs on what. */
export function findBones(scene: Object3D): Bones {
  const skinned = new Set<Object3D>();
  scene.traverse((object) => {
    for (const bone of (object as SkinnedMesh).skeleton?.bones ?? []) skinned.add(bone);
  });
  const bones: Bones = new Map();
  scene.traverse((node) => {
    if ((node as Mesh).isMesh) return;
    // three takes dots and colons out of the names and keeps the file's own.
    const bone = boneOf(String(node.userData.name ?? node.name));
    if (!bone) return;
    const known = bones.get(bone);
    // The first in the tree is the joint; but the one that moves the skin goes before controls of the same name.
    if (!known || (!skinned.has(known) && skinned.has(node))) bones.set(bone, node);
  });
  for (const [bone, above] of chains())
    if (bones.has(bone) && above && !isUnder(bones.get(bone)!, bones.get(above))) bones.delete(bone);
  addTorso(bones);
  return bones;
}

/** Each bone of a limb must hang on the one before it, or it belongs to something else. */
function* chains(): Generator<[VRMHumanBoneName, VRMHumanBoneName]> {
  for (const side of SIDES)
    for (const limb of LIMBS)
      for (const [i, part] of limb.entries())
        yield [`${side}${part}`, i > 0 ? `${side}${limb[i - 1]}` : 'hips'] as [
          VRMHumanBoneName,
          VRMHumanBoneName,
        ];
}

const isUnder = (node: Object3D, above: Object3D | undefined) => {
  for (let at = node.parent; at; at = at.parent) if (at === above) return true;
  return false;
};

/** What stands between hips and neck is spine, chest and upper chest, whatever it is called. */
function addTorso(bones: Bones) {
  const hips = bones.get('hips');
  const top = bones.get('neck') ?? bones.get('head');
  if (!hips || !top || !isUnder(top, hips)) return;
  const torso: Object3D[] = [];
  for (let at = top.parent!; at !== hips; at = at.parent!) torso.unshift(at);
  const first = torso[0];
  const last = torso[torso.length - 1];
  if (first) bones.set('spine', first);
  if (torso.length === 2) bones.set('chest', last!);
  else if (torso.length > 2) {
    bones.set('chest', torso[torso.length >> 1]!);
    bones.set('upperChest', last!);
  }
}

/** The error for a file whose rig lacks bones that make a human; says what is there as well. */
export function noHumanoid(name: string, missing: readonly string[], cause?: unknown): EngineError {
  const found = REQUIRED.filter((bone) => !missing.includes(bone));
  return new EngineError(
    'asset',
    `${name} is no humanoid: of the bones that it needs it has ${found.join(', ') || 'none'}, and lacks ${missing.join(', ')}`,
    {
      hint: 'Name the bones as Mixamo, Unreal or VRM do (mixamorig:LeftArm, upperarm_l, leftUpperArm), or export the character as VRM 1.0.',
      cause,
    },
  );
}

/**
 * Makes a VRM of a plain model whose rig is named as Mixamo, Unreal, Mesh2Motion or VRM name theirs: upright, facing +Z, in
 * metres, feet on the floor, in T-pose. Throws `asset` when it lacks what makes a human.
 */
export function makeHumanoid(scene: Object3D, name: string): VRM {
  const bones = findBones(scene);
  const missing = REQUIRED.filter((bone) => !bones.has(bone));
  if (missing.length > 0) throw noHumanoid(name, missing);
  const root = new Group();
  root.name = name;
  root.add(scene);
  stand(root, scene, bones);
  straightenArms(bones, 1);
  straightenLegs(bones);
  putOnFloor(root, scene, bones);
  const humanoid = new VRMHumanoid(humanBones(bones));
  root.add(humanoid.normalizedHumanBonesRoot);
  return new VRM({
    scene: root,
    humanoid,
    meta: { metaVersion: '1', name, authors: [], licenseUrl: '' },
  });
}

/**
 * Brings a VRM whose arms hang in the file to the T-pose that the format asks for; `side` is 1 when its left is +X, −1 when it
 * is −X (VRM 0.x). Returns the VRM itself where nothing was to do.
 */
export function straightened(vrm: VRM, side: 1 | -1): VRM {
  const bones: Bones = new Map();
  for (const [name, bone] of Object.entries(vrm.humanoid.humanBones))
    if (bone) bones.set(name as VRMHumanBoneName, bone.node);
  vrm.scene.updateWorldMatrix(true, true);
  // Files that keep to the format are left as they are, to the last bit.
  if (
    SIDES.every((arm) => offRad(bones, `${arm}UpperArm`, `${arm}LowerArm`, outward(arm, side)) < HANGING_RAD)
  )
    return vrm;
  straightenArms(bones, side);
  vrm.humanoid.normalizedHumanBonesRoot.removeFromParent();
  const humanoid = new VRMHumanoid(humanBones(bones));
  vrm.scene.add(humanoid.normalizedHumanBonesRoot);
  for (const constraint of vrm.nodeConstraintManager?.constraints ?? []) constraint.setInitState();
  vrm.springBoneManager?.setInitState();
  return new VRM({ ...vrm, humanoid });
}

const humanBones = (bones: Bones) =>
  Object.fromEntries([...bones].map(([name, node]) => [name, { node }])) as VRMHumanBones;

const placeOf = (node: Object3D) => node.getWorldPosition(new Vector3());

/** Turns and scales the model so that it stands upright in metres and looks along +Z. */
function stand(root: Object3D, scene: Object3D, bones: Bones) {
  root.updateWorldMatrix(true, true);
  const place = (name: VRMHumanBoneName) => placeOf(bones.get(name)!);
  const spine = place('head').sub(place('hips'));
  // Backs lean; files lie on an axis.
  const up = new Vector3();
  const axis = [0, 1, 2].reduce((a, b) =>
    Math.abs(spine.getComponent(b)) > Math.abs(spine.getComponent(a)) ? b : a,
  );
  up.setComponent(axis, Math.sign(spine.getComponent(axis)));
  const left = place('leftUpperArm')
    .sub(place('rightUpperArm'))
    .add(place('leftUpperLeg'))
    .sub(place('rightUpperLeg'));
  left.addScaledVector(up, -left.dot(up)).normalize();
  const turn = new Quaternion().setFromUnitVectors(up, UP);
  left.applyQuaternion(turn);
  const yaw = new Quaternion().setFromAxisAngle(UP, Math.atan2(left.z, left.x));
  scene.quaternion.premultiply(turn).premultiply(yaw);
  const heightM = spine.length() + place('hips').sub(place('leftFoot')).length();
  scene.scale.multiplyScalar(10 ** Math.round(Math.log10(ADULT_M / heightM)));
  root.updateWorldMatrix(true, true);
}

/** Soles come to the height 0, and the ankles' middle over the origin. */
function putOnFloor(root: Object3D, scene: Object3D, bones: Bones) {
  root.updateMatrixWorld(true);
  const middle = placeOf(bones.get('leftFoot')!)
    .add(placeOf(bones.get('rightFoot')!))
    .multiplyScalar(0.5);
  // Vertex by vertex, because the bounds that are kept are those of the pose in the file.
  const box = new Box3().setFromObject(scene, true);
  scene.position.sub(middle.setY(box.isEmpty() ? middle.y - ANKLE_M : box.min.y));
  root.updateMatrixWorld(true);
}

const outward = (arm: Side, side: 1 | -1) => new Vector3(arm === 'left' ? side : -side, 0, 0);

/** The angle between a bone and where it should point. */
function offRad(bones: Bones, from: string, to: string, want: Vector3): number {
  const [a, b] = [from, to].map((name) => placeOf(bones.get(name as VRMHumanBoneName)!));
  return b!.sub(a!).angleTo(want);
}

/** Turns a bone so that it points where it should, if it is off by `offFrom` (rad) or more. */
function point(bones: Bones, from: string, to: string, want: Vector3, offFrom: number) {
  if (offRad(bones, from, to, want) < offFrom) return;
  const bone = bones.get(from as VRMHumanBoneName)!;
  const is = placeOf(bones.get(to as VRMHumanBoneName)!)
    .sub(placeOf(bone))
    .normalize();
  turnInWorld(bone, new Quaternion().setFromUnitVectors(is, want));
}

/** Brings arms and palms into the T-pose by turning the bones themselves. */
function straightenArms(bones: Bones, side: 1 | -1) {
  for (const name of SIDES) {
    const out = outward(name, side);
    point(bones, `${name}UpperArm`, `${name}LowerArm`, out, ARM_OFF_RAD);
    point(bones, `${name}LowerArm`, `${name}Hand`, out, ARM_OFF_RAD);
    if (bones.has(`${name}MiddleProximal`))
      point(bones, `${name}Hand`, `${name}MiddleProximal`, out, HAND_OFF_RAD);
    turnPalm(bones, name, out, side);
  }
}

/** Brings spread or bent legs under the hips; soles stay as flat as they are. */
function straightenLegs(bones: Bones) {
  for (const name of SIDES) {
    const foot = bones.get(`${name}Foot`)!;
    const flat = foot.getWorldQuaternion(new Quaternion());
    point(bones, `${name}UpperLeg`, `${name}LowerLeg`, DOWN, LEG_OFF_RAD);
    point(bones, `${name}LowerLeg`, `${name}Foot`, DOWN, LEG_OFF_RAD);
    turnInWorld(foot, flat.multiply(foot.getWorldQuaternion(new Quaternion()).invert()));
  }
}

/** Palms look down: the index finger before the little one. Half of the turn is the forearm's, as in people. */
function turnPalm(bones: Bones, name: Side, out: Vector3, side: 1 | -1) {
  const index = bones.get(`${name}IndexProximal`);
  const little = bones.get(`${name}LittleProximal`) ?? bones.get(`${name}RingProximal`);
  if (!index || !little) return;
  const across = placeOf(index).sub(placeOf(little));
  across.addScaledVector(out, -across.dot(out)).normalize();
  const ahead = new Vector3(0, 0, side);
  if (across.angleTo(ahead) < PALM_OFF_RAD) return;
  const angle = Math.atan2(new Vector3().crossVectors(across, ahead).dot(out), across.dot(ahead));
  const half = new Quaternion().setFromAxisAngle(out, angle / 2);
  turnInWorld(bones.get(`${name}LowerArm`)!, half);
  turnInWorld(bones.get(`${name}Hand`)!, half);
}

/** Turns a node about its own place as seen from the world. */
function turnInWorld(node: Object3D, turn: Quaternion) {
  const parent = node.parent!.getWorldQuaternion(new Quaternion());
  node.quaternion.premultiply(parent).premultiply(turn).premultiply(parent.invert());
  node.updateWorldMatrix(false, true);
}
