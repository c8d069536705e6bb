import type { GltfJson } from '../../test/glb.ts';
import { Rig } from './rig.ts';

/** The names that VRM 0.x has for presets of VRM 1.0; surprise has none. */
const PRESETS: Readonly<Record<string, string>> = {
  happy: 'joy',
  angry: 'angry',
  sad: 'sorrow',
  relaxed: 'fun',
  surprised: 'unknown',
  aa: 'a',
  ih: 'i',
  ou: 'u',
  ee: 'e',
  oh: 'o',
  blink: 'blink',
  blinkLeft: 'blink_l',
  blinkRight: 'blink_r',
  lookUp: 'lookup',
  lookDown: 'lookdown',
  lookLeft: 'lookleft',
  lookRight: 'lookright',
  neutral: 'neutral',
};
const THUMB: Readonly<Record<string, string>> = { Metacarpal: 'Proximal', Proximal: 'Intermediate' };

/** Files of VRM 0.x hold vectors in Unity's frame: of a body that was turned round, with z the other way. */
const unity = ([x = 0, y = 0, z = 0]: readonly number[] = []) => ({ x: -x, y, z });

/** Makes a VRM 0.x file of one of ours: facing −Z, everything that the older format can say in its words. */
export function toVrm0(json: GltfJson, binary: Uint8Array<ArrayBuffer>): void {
  new Rig(json, binary).turnRound();
  const { VRMC_vrm: vrm, VRMC_springBone: springs } = json.extensions;
  const used = ['KHR_materials_unlit', 'KHR_texture_transform'];
  for (const material of json.materials)
    for (const name of Object.keys(material.extensions ?? {}))
      if (!used.includes(name)) delete material.extensions[name];
  json.extensionsUsed = [...json.extensionsUsed.filter((name: string) => used.includes(name)), 'VRM'];
  json.extensions = {
    VRM: {
      specVersion: '0.0',
      meta: {
        title: vrm.meta.name,
        version: vrm.meta.version,
        author: vrm.meta.authors.join(', '),
        allowedUserName: 'Everyone',
        commercialUssageName: 'Allow',
        licenseName: 'CC0',
      },
      humanoid: {
        humanBones: Object.entries<GltfJson>(vrm.humanoid.humanBones).map(([name, { node }]) => ({
          bone: name.replace(/(Thumb)(Metacarpal|Proximal)$/, (_, thumb, part) => thumb + THUMB[part]),
          node,
        })),
      },
      firstPerson: lookAtOf(vrm),
      blendShapeMaster: { blendShapeGroups: groupsOf(json, vrm) },
      secondaryAnimation: springsOf(springs),
      materialProperties: json.materials.map(({ name }: GltfJson) => ({
        name,
        shader: 'VRM_USE_GLTFSHADER',
        floatProperties: {},
        vectorProperties: {},
        textureProperties: {},
        keywordMap: {},
        tagMap: {},
      })),
    },
  };
}

function lookAtOf({ lookAt, humanoid }: GltfJson) {
  const curve = [0, 0, 0, 1, 1, 1, 1, 0];
  return {
    firstPersonBone: humanoid.humanBones.head.node,
    firstPersonBoneOffset: unity(lookAt?.offsetFromHeadBone),
    meshAnnotations: [],
    lookAtTypeName: lookAt?.type === 'expression' ? 'BlendShape' : 'Bone',
    ...Object.fromEntries(
      ['HorizontalInner', 'HorizontalOuter', 'VerticalDown', 'VerticalUp'].map((way) => {
        const { inputMaxValue = 90, outputScale = 10 } = lookAt?.[`rangeMap${way}`] ?? {};
        return [`lookAt${way}`, { curve, xRange: inputMaxValue, yRange: outputScale }];
      }),
    ),
  };
}

function groupsOf(json: GltfJson, { expressions }: GltfJson) {
  return Object.entries<GltfJson>(expressions.preset).map(([name, { morphTargetBinds = [], isBinary }]) => ({
    name: name[0]!.toUpperCase() + name.slice(1),
    presetName: PRESETS[name] ?? 'unknown',
    isBinary,
    binds: morphTargetBinds.map(({ node, index, weight }: GltfJson) => ({
      mesh: json.nodes[node].mesh,
      index,
      weight: 100 * weight,
    })),
    materialValues: [],
  }));
}

function springsOf(springs: GltfJson) {
  const groups: GltfJson[] = springs?.colliderGroups ?? [];
  // A group of VRM 0.x hangs on one node, and is made of spheres.
  const colliders = groups.flatMap((group, of) =>
    group.colliders.map((index: number) => {
      const { node, shape } = springs.colliders[index];
      const { offset, radius } = shape.sphere ?? shape.capsule;
      return { of, node, colliders: [{ offset: unity(offset), radius }] };
    }),
  );
  return {
    colliderGroups: colliders.map(({ node, colliders }) => ({ node, colliders })),
    boneGroups: (springs?.springs ?? []).map(({ name, joints, colliderGroups = [] }: GltfJson) => ({
      comment: name,
      stiffiness: joints[0].stiffness,
      gravityPower: joints[0].gravityPower,
      gravityDir: unity(joints[0].gravityDir),
      dragForce: joints[0].dragForce,
      center: -1,
      hitRadius: joints[0].hitRadius,
      bones: [joints[0].node],
      colliderGroups: colliders.flatMap(({ of }, k) => (colliderGroups.includes(of) ? [k] : [])),
    })),
  };
}
