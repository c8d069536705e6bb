import { ARKIT_51 } from '../../src/engine/motion.ts';
import { writeGlb } from '../glb.ts';

type Vec3 = [number, number, number];
type Bone = { name: string; parent: string; at: Vec3; box?: { size: Vec3; at: Vec3 } };

/** A figure of boxes in T-pose, 1.7 m tall, facing +Z: bone positions against the parent, in metres. */
const side = (name: 'left' | 'right', s: 1 | -1): Bone[] => [
  { name: `${name}Shoulder`, parent: 'upperChest', at: [0.05 * s, 0.1, 0] },
  {
    name: `${name}UpperArm`,
    parent: `${name}Shoulder`,
    at: [0.12 * s, 0, 0],
    box: { size: [0.27, 0.09, 0.09], at: [0.13 * s, 0, 0] },
  },
  {
    name: `${name}LowerArm`,
    parent: `${name}UpperArm`,
    at: [0.27 * s, 0, 0],
    box: { size: [0.24, 0.07, 0.07], at: [0.12 * s, 0, 0] },
  },
  {
    name: `${name}Hand`,
    parent: `${name}LowerArm`,
    at: [0.25 * s, 0, 0],
    box: { size: [0.17, 0.03, 0.08], at: [0.08 * s, 0, 0] },
  },
  {
    name: `${name}UpperLeg`,
    parent: 'hips',
    at: [0.1 * s, -0.05, 0],
    box: { size: [0.15, 0.4, 0.15], at: [0, -0.2, 0] },
  },
  {
    name: `${name}LowerLeg`,
    parent: `${name}UpperLeg`,
    at: [0, -0.42, 0],
    box: { size: [0.11, 0.38, 0.11], at: [0, -0.2, 0] },
  },
  {
    name: `${name}Foot`,
    parent: `${name}LowerLeg`,
    at: [0, -0.4, 0],
    box: { size: [0.1, 0.06, 0.24], at: [0, -0.03, 0.06] },
  },
  {
    name: `${name}Eye`,
    parent: 'head',
    at: [0.035 * s, 0.1, 0.09],
    box: { size: [0.03, 0.02, 0.02], at: [0, 0, 0] },
  },
];
const BONES: Bone[] = [
  { name: 'hips', parent: '', at: [0, 0.93, 0], box: { size: [0.32, 0.18, 0.2], at: [0, 0, 0] } },
  { name: 'spine', parent: 'hips', at: [0, 0.1, 0], box: { size: [0.28, 0.12, 0.18], at: [0, 0.06, 0] } },
  { name: 'chest', parent: 'spine', at: [0, 0.12, 0], box: { size: [0.32, 0.14, 0.2], at: [0, 0.07, 0] } },
  {
    name: 'upperChest',
    parent: 'chest',
    at: [0, 0.14, 0],
    box: { size: [0.36, 0.14, 0.2], at: [0, 0.07, 0] },
  },
  {
    name: 'neck',
    parent: 'upperChest',
    at: [0, 0.16, 0],
    box: { size: [0.09, 0.08, 0.09], at: [0, 0.03, 0] },
  },
  { name: 'head', parent: 'neck', at: [0, 0.07, 0], box: { size: [0.17, 0.24, 0.18], at: [0, 0.1, 0] } },
  ...side('left', 1),
  ...side('right', -1),
];

const CUBE_FACES: [Vec3, Vec3, Vec3][] = [
  [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  [
    [-1, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
  ],
  [
    [0, 1, 0],
    [0, 0, 1],
    [1, 0, 0],
  ],
  [
    [0, -1, 0],
    [1, 0, 0],
    [0, 0, 1],
  ],
  [
    [0, 0, 1],
    [1, 0, 0],
    [0, 1, 0],
  ],
  [
    [0, 0, -1],
    [0, 1, 0],
    [1, 0, 0],
  ],
];

const cube = () => {
  const position: number[] = [];
  const normals: number[] = [];
  const index: number[] = [];
  for (const [n, u, v] of CUBE_FACES) {
    const base = position.length / 3;
    for (const [a, b] of [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ] as const)
      for (let i = 0; i < 3; i++) {
        position.push((n[i]! + a * u[i]! + b * v[i]!) / 2);
        normals.push(n[i]!);
      }
    index.push(base, base + 1, base + 2, base, base + 2, base + 3);
  }
  return { position, normals, index };
};

/** What the figure can do with its face, and which VRM it claims to be (none: a plain glTF). */
export type TinyVrm = { readonly version?: '0' | '1' | 'none'; readonly face?: 'arkit' | 'vowels' | 'none' };

/** The bytes of a figure of boxes with a dark mouth that opens downwards; VRM 1.0 with ARKit shapes unless told otherwise. */
export function makeTinyVrm({ version = '1', face = 'arkit' }: TinyVrm = {}): ArrayBuffer {
  const { position, normals, index } = cube();
  const shapes = face === 'arkit' ? [...ARKIT_51] : face === 'vowels' ? ['mouth_a'] : [];
  // Opening moves the lower half of the mouth box down by four of its heights.
  const opening = position.map((value, i) => (i % 3 === 1 && value < 0 ? -4 : 0));
  const floats = [position, normals, opening, position.map(() => 0)].map(
    (values) => new Float32Array(values),
  );
  const binary = new Uint8Array(floats.length * floats[0]!.byteLength + index.length * 2);
  const views: object[] = [];
  let offset = 0;
  for (const values of [...floats, new Uint16Array(index)]) {
    binary.set(new Uint8Array(values.buffer), offset);
    views.push({ buffer: 0, byteOffset: offset, byteLength: values.byteLength });
    offset += values.byteLength;
  }
  const count = position.length / 3;
  const accessor = (bufferView: number) => ({ bufferView, componentType: 5126, count, type: 'VEC3' });
  const bound = { min: [-0.5, -0.5, -0.5], max: [0.5, 0.5, 0.5] };
  const primitive = (material: number) => ({ attributes: { POSITION: 0, NORMAL: 1 }, indices: 4, material });
  const nodes: { name: string; translation: Vec3; scale?: Vec3; mesh?: number; children: number[] }[] = [];
  const add = (node: (typeof nodes)[number], parent?: string) => {
    nodes.push(node);
    nodes.find(({ name }) => name === parent)?.children.push(nodes.length - 1);
    return nodes.length - 1;
  };
  const back = version === '0' ? -1 : 1; // VRM 0.x faces −Z: the same figure, turned round
  const turned = ([x, y, z]: Vec3): Vec3 => [x * back, y, z * back];
  for (const { name, parent, at, box } of BONES) {
    add({ name, translation: turned(at), children: [] }, parent);
    if (box) {
      const mesh = name.endsWith('Eye') ? 1 : 0;
      add({ name: `${name}Box`, translation: turned(box.at), scale: box.size, mesh, children: [] }, name);
    }
  }
  add(
    {
      name: 'mouth',
      translation: turned([0, 0.03, 0.09]),
      scale: [0.06, 0.012, 0.02],
      mesh: 2,
      children: [],
    },
    'head',
  );
  const numberOf = (name: string) => nodes.findIndex((node) => node.name === name);
  const morphs = shapes.map((name) => ({ POSITION: name === 'jawOpen' || name === 'mouth_a' ? 2 : 3 }));
  const json = {
    asset: { version: '2.0' },
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: nodes.map(({ children, ...node }) => (children.length > 0 ? { ...node, children } : node)),
    materials: [
      [0.75, 0.55, 0.45],
      [0.05, 0.05, 0.05],
      [0.25, 0.02, 0.03],
    ].map((colour) => ({
      pbrMetallicRoughness: { baseColorFactor: [...colour, 1], metallicFactor: 0, roughnessFactor: 0.8 },
    })),
    meshes: [
      { primitives: [primitive(0)] },
      { primitives: [primitive(1)] },
      { primitives: [{ ...primitive(2), targets: morphs }], extras: { targetNames: shapes } },
    ].map((mesh) =>
      mesh.primitives.some((p) => 'targets' in p && (p.targets as object[]).length === 0)
        ? { primitives: [primitive(2)] }
        : mesh,
    ),
    buffers: [{ byteLength: binary.byteLength }],
    bufferViews: views,
    accessors: [
      { ...accessor(0), ...bound },
      accessor(1),
      { ...accessor(2), min: [0, -4, 0], max: [0, 0, 0] },
      { ...accessor(3), min: [0, 0, 0], max: [0, 0, 0] },
      { bufferView: 4, componentType: 5123, count: index.length, type: 'SCALAR' },
    ],
    ...extensionsOf(version, face, numberOf),
  };
  return writeGlb(json, binary);
}

function extensionsOf(
  version: TinyVrm['version'],
  face: TinyVrm['face'],
  numberOf: (name: string) => number,
) {
  if (version === 'none') return {};
  const mouth = numberOf('mouth');
  const author = { name: 'tiny', authors: ['duologue'], licenseUrl: 'https://vrm.dev/licenses/1.0/' };
  const vowel = { isBinary: false, morphTargetBinds: [{ node: mouth, index: 0, weight: 1 }] };
  if (version === '0')
    return {
      extensionsUsed: ['VRM'],
      extensions: {
        VRM: {
          specVersion: '0.0',
          meta: { title: 'tiny', version: '1', author: 'duologue', licenseName: 'CC0' },
          humanoid: { humanBones: BONES.map(({ name }) => ({ bone: name, node: numberOf(name) })) },
          blendShapeMaster: {
            blendShapeGroups:
              face === 'vowels'
                ? [
                    {
                      name: 'A',
                      presetName: 'a',
                      binds: [{ mesh: 2, index: 0, weight: 100 }],
                      materialValues: [],
                    },
                  ]
                : [],
          },
          firstPerson: {
            lookAtTypeName: 'Bone',
            ...Object.fromEntries(
              ['HorizontalInner', 'HorizontalOuter', 'VerticalUp', 'VerticalDown'].map((way) => [
                `lookAt${way}`,
                { curve: [0, 0, 0, 1, 1, 1, 1, 0], xRange: 90, yRange: 10 },
              ]),
            ),
          },
          secondaryAnimation: { boneGroups: [], colliderGroups: [] },
          materialProperties: [],
        },
      },
    };
  return {
    extensionsUsed: ['VRMC_vrm'],
    extensions: {
      VRMC_vrm: {
        specVersion: '1.0',
        meta: author,
        humanoid: {
          humanBones: Object.fromEntries(BONES.map(({ name }) => [name, { node: numberOf(name) }])),
        },
        expressions: face === 'vowels' ? { preset: { aa: vowel } } : {},
      },
    },
  };
}
