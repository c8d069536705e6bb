import { readFileSync } from 'node:fs';
import { occlude } from './ambient.ts';
import { bakeSkin } from './bake.ts';
import { INSIDE } from './bob.ts';
import { hang } from './body.ts';
import { brightPixel, knit, normalPixel, twill } from './cloth.ts';
import { buildEyes, IRIS } from './eyeball.ts';
import { buildFace, faceParts } from './face.ts';
import { GltfWriter, type Json, type Part, writePrimitive, writeSkeleton } from './gltf.ts';
import { buildHair } from './hair.ts';
import { buildHand } from './hands.ts';
import { mirror } from './limbs.ts';
import { headMaterials } from './materials.ts';
import { colour, type Vec } from './math.ts';
import { append, type Mesh, normalsOf, triangles, weldNormals } from './mesh.ts';
import type { Person } from './people.ts';
import { SHAPE_NAMES } from './shapes.ts';
import { HELPERS, skeletonOf } from './skeleton.ts';
import { headField } from './skull.ts';
import { encode, eyePixel, hairPixel, png } from './texture.ts';
import { sleeveEnd } from './top.ts';
import { springExtension, vrmExtension } from './vrm.ts';
import { dress } from './wardrobe.ts';

/** Cloth: threads as a normal map, and their brightness in the texture after it. */
const woven = (name: string, roughness: number, texture: number, depth: number): Json => ({
  name,
  doubleSided: true,
  pbrMetallicRoughness: {
    baseColorTexture: { index: texture + 1 },
    metallicFactor: 0,
    roughnessFactor: roughness,
  },
  normalTexture: { index: texture, scale: depth },
});

/** Side of the skin's texture. */
const SKIN_PIXELS = 512;

/** Side of the textures of cloth. */
const CLOTH_PIXELS = 192;

const MATERIAL = { skin: 0, mouth: 1, eyes: 2, hair: 3, clothes: 4, cloth: 5 } as const;

const ARMS_SHADED = (66 * Math.PI) / 180;

/** Bakes the shade that clothes and body throw on each other, arms hanging. */
const shade = (person: Person, parts: { hands: Mesh; clothes: Mesh; outer: Mesh }, face: Mesh) => {
  const shaded = (
    [
      [parts.hands, [0.55, 0.68, 0.75], 0.1],
      [parts.clothes, [0.9, 0.88, 0.84], 0.5],
      [parts.outer, [0.9, 0.88, 0.84], 0.5],
    ] as const
  ).map(([mesh, depth, wear]) => {
    const places = mesh.vertices.map((v) => hang(person, v, ARMS_SHADED));
    return {
      mesh,
      places,
      normals: weldNormals(mesh, normalsOf(places, mesh.faces)),
      depth: [...depth] as Vec,
      wear,
    };
  });
  occlude(
    shaded,
    triangles(face).map((k) => face.vertices[k]!.p),
  );
};

/** Turns the inside of the hair to the front, so that light from behind, which the head hides in truth, does not show there. */
const shadedInside = (hair: Part): Part => ({
  ...hair,
  normals: hair.normals.map((n, k) => (hair.mesh.vertices[k]!.uv[1] >= INSIDE ? [0, -0.6, 0.8] : n)),
});

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
  const { outer, inner: clothes, trousers, shoes } = dress(person);
  append(clothes, trousers);
  append(clothes, shoes);
  const face = buildFace(person);
  shade(person, { hands, clothes, outer }, face);
  const groups: [string, Part[]][] = [
    ['Face', faceParts(person, face, MATERIAL.skin, MATERIAL.mouth)],
    ['Body', [part('Body', hands, MATERIAL.skin)]],
    ['Eyes', [part('Eyes', buildEyes(person), MATERIAL.eyes)]],
    ['Hair', [shadedInside(part('Hair', buildHair(person, headField(person)), MATERIAL.hair))]],
    [
      'Clothes',
      [
        { ...part('Clothes', clothes, MATERIAL.clothes), hasTangents: true },
        { ...part('Top', outer, MATERIAL.cloth), hasTangents: true },
      ],
    ],
  ];

  for (const { name, source, weight, roll } of HELPERS) {
    const constraint = { source: index.get(source)! + 1, weight };
    (nodes[index.get(name)! + 1] as { [key: string]: Json }).extensions = {
      VRMC_node_constraint: {
        specVersion: '1.0',
        constraint: roll ? { roll: { ...constraint, rollAxis: roll } } : { rotation: constraint },
      },
    };
  }
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
  const isKnit = person.clothes === 'sweater';
  const cloth = isKnit ? knit(person.seed, 6) : twill(person.seed, 14, 0.05);
  const canvas = twill(person.seed + 5, 22, isKnit ? 0.1 : 0.06);
  const painted = bakeSkin(person, face, SKIN_PIXELS);
  const images = [
    ['Eye', png(256, eyePixel(encode(colour(c.iris)), encode(colour(c.irisDark)), IRIS, person.seed))],
    [
      'Skin',
      png(
        SKIN_PIXELS,
        (x, y) => painted[Math.floor(y * SKIN_PIXELS) * SKIN_PIXELS + Math.floor(x * SKIN_PIXELS)]!,
      ),
    ],
    ['Hair', png(256, hairPixel(person.hair, person.seed + 3))],
    ['Cloth threads', png(CLOTH_PIXELS, normalPixel(cloth, isKnit ? 2.6 : 0.9, CLOTH_PIXELS))],
    ['Cloth', png(CLOTH_PIXELS, brightPixel(cloth))],
    ['Twill threads', png(CLOTH_PIXELS, normalPixel(canvas, 0.7, CLOTH_PIXELS))],
    ['Twill', png(CLOTH_PIXELS, brightPixel(canvas))],
    ['Thumbnail', readFileSync(new URL(`thumbnails/${person.name}.jpg`, import.meta.url))],
  ] as const;
  const bone = (name: string) => index.get(name)! + 1;
  const spring = springExtension(person, bone);
  Object.assign(out.json, {
    asset: { version: '2.0', generator: 'Duologue characters' },
    extensionsUsed: [
      'VRMC_vrm',
      'VRMC_node_constraint',
      'KHR_materials_specular',
      'KHR_materials_unlit',
      ...(spring ? ['VRMC_springBone'] : []),
    ],
    extensions: {
      VRMC_vrm: vrmExtension(
        person,
        bone,
        partNodes.Face!,
        partNodes,
        images.findIndex(([name]) => name === 'Thumbnail'),
      ),
      ...(spring ? { VRMC_springBone: spring } : {}),
    },
    scene: 0,
    scenes: [{ name: person.title, nodes: [0, ...Object.values(partNodes)] }],
    nodes,
    meshes,
    skins: [skin],
    images: images.map(([name, bytes]) => ({
      name,
      bufferView: out.view(bytes),
      mimeType: name === 'Thumbnail' ? 'image/jpeg' : 'image/png',
    })),
    samplers: [33071, 10497].map((wrap) => ({ magFilter: 9729, minFilter: 9987, wrapS: wrap, wrapT: wrap })),
    textures: [0, 0, 1, 1, 1, 1, 1].map((sampler, source) => ({ source, sampler })),
    materials: [
      ...headMaterials(person),
      woven('Clothes', 0.92, 5, 0.6),
      woven('Top', 0.95, 3, isKnit ? 1 : 0.5),
    ],
  });
  const triangles = groups
    .flatMap(([, parts]) => parts)
    .reduce((a, p) => a + p.mesh.faces.reduce((n, f) => n + f.length - 2, 0), 0);
  return { bytes: out.glb(), triangles };
};
