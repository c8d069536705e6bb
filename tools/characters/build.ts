import { buildEyes, IRIS } from './eyeball.ts';
import { faceParts } from './face.ts';
import { GltfWriter, type Json, type Part, writePrimitive, writeSkeleton } from './gltf.ts';
import { buildHair } from './hair.ts';
import { buildHand } from './hands.ts';
import { mirror } from './limbs.ts';
import { colour } from './math.ts';
import { append, type Mesh, normalsOf, weldNormals } from './mesh.ts';
import type { Person } from './people.ts';
import { SHAPE_NAMES } from './shapes.ts';
import { skeletonOf } from './skeleton.ts';
import { headField } from './skull.ts';
import { clothPixel, encode, eyePixel, png, skinPixel } from './texture.ts';
import { buildTop, sleeveEnd } from './top.ts';
import { buildShoes, buildTrousers } from './trousers.ts';
import { springExtension, vrmExtension } from './vrm.ts';

const plain = (name: string, roughness: number, extra: { [key: string]: Json } = {}): Json => ({
  name,
  pbrMetallicRoughness: { baseColorFactor: [1, 1, 1, 1], metallicFactor: 0, roughnessFactor: roughness },
  ...extra,
});

const MATERIAL = { skin: 0, mouth: 1, eyes: 2, hair: 3, clothes: 4, cloth: 5 } as const;

/** The whole character as the bytes of a VRM 1.0 file, with its triangle count. */
export const buildCharacter = (person: Person): { bytes: Uint8Array; triangles: number } => {
  const out = new GltfWriter();
  const { nodes, skin, index } = writeSkeleton(out, skeletonOf(person));
  const part = (name: string, mesh: Mesh, material: number): Part => ({
    name,
    mesh,
    material,
    normals: weldNormals(
      mesh,
      normalsOf(
        mesh.vertices.map((v) => v.p),
        mesh.faces,
      ),
    ),
  });
  const hands = buildHand(person, sleeveEnd(person) - 0.03);
  mirror(hands);
  const { outer, inner: clothes } = buildTop(person);
  append(clothes, buildTrousers(person));
  append(clothes, buildShoes(person));
  const groups: [string, Part[]][] = [
    ['Face', faceParts(person, MATERIAL.skin, MATERIAL.mouth)],
    ['Body', [part('Body', hands, MATERIAL.skin)]],
    ['Eyes', [part('Eyes', buildEyes(person), MATERIAL.eyes)]],
    ['Hair', [part('Hair', buildHair(person, headField(person)), MATERIAL.hair)]],
    [
      'Clothes',
      [
        part('Clothes', clothes, MATERIAL.clothes),
        { ...part('Top', outer, MATERIAL.cloth), hasTangents: true },
      ],
    ],
  ];

  const partNodes: { [name: string]: number } = {};
  const meshes = groups.map(([name, parts], k) => {
    partNodes[name] = nodes.length;
    nodes.push({ name, mesh: k, skin: 0 });
    return {
      name,
      primitives: parts.map((p) => writePrimitive(out, p, index)),
      ...(parts[0]!.morphs
        ? { weights: SHAPE_NAMES.map(() => 0), extras: { targetNames: [...SHAPE_NAMES] } }
        : {}),
    };
  });
  const c = person.colours;
  const knit = person.clothes === 'sweater';
  const images = [
    ['Eye', png(256, eyePixel(encode(colour(c.iris)), encode(colour(c.irisDark)), IRIS, person.seed))],
    ['Skin', png(256, skinPixel(person))],
    ['Cloth', png(128, knit ? clothPixel('knit', 8, 5) : clothPixel('twill', 16, 1.6))],
  ] as const;
  const bone = (name: string) => index.get(name)! + 1;
  const spring = springExtension(person, bone);
  Object.assign(out.json, {
    asset: { version: '2.0', generator: 'Duologue characters' },
    extensionsUsed: ['VRMC_vrm', 'KHR_materials_unlit', ...(spring ? ['VRMC_springBone'] : [])],
    extensions: {
      VRMC_vrm: vrmExtension(person, bone, partNodes.Face!, partNodes),
      ...(spring ? { VRMC_springBone: spring } : {}),
    },
    scene: 0,
    scenes: [{ name: person.title, nodes: [0, ...Object.values(partNodes)] }],
    nodes,
    meshes,
    skins: [skin],
    images: images.map(([name, bytes]) => ({ name, bufferView: out.view(bytes), mimeType: 'image/png' })),
    samplers: [33071, 10497].map((wrap) => ({ magFilter: 9729, minFilter: 9987, wrapS: wrap, wrapT: wrap })),
    textures: [0, 0, 1].map((sampler, source) => ({ source, sampler })),
    materials: [
      {
        name: 'Skin',
        pbrMetallicRoughness: { baseColorTexture: { index: 1 }, metallicFactor: 0, roughnessFactor: 0.72 },
      },
      plain('Mouth', 1, { extensions: { KHR_materials_unlit: {} } }),
      {
        name: 'Eyes',
        pbrMetallicRoughness: { baseColorTexture: { index: 0 }, metallicFactor: 0, roughnessFactor: 0.3 },
      },
      plain('Hair', person.hair === 'bob' ? 0.62 : 0.85),
      plain('Clothes', 0.9, { doubleSided: true }),
      plain('Top', 0.95, { doubleSided: true, normalTexture: { index: 2, scale: knit ? 0.8 : 0.4 } }),
    ],
  });
  const triangles = groups
    .flatMap(([, parts]) => parts)
    .reduce((a, p) => a + p.mesh.faces.reduce((n, f) => n + f.length - 2, 0), 0);
  return { bytes: out.glb(), triangles };
};
