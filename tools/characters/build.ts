import { buildShoes, buildTop, buildTrousers, sleeveEnd } from './clothes.ts';
import { buildEyes, IRIS } from './eyeball.ts';
import { buildBrows, buildEars, buildTeeth, buildTongue } from './features.ts';
import { GltfWriter, type Json, type Morph, type Part, writePrimitive, writeSkeleton } from './gltf.ts';
import { buildHair } from './hair.ts';
import { buildHand } from './hands.ts';
import { buildSkin, type FaceVertex } from './head.ts';
import { mirror } from './limbs.ts';
import { add, colour, length, scale, sub, type Vec } from './math.ts';
import { append, type Mesh, normalsOf } from './mesh.ts';
import { faceColour } from './paint.ts';
import type { Person } from './people.ts';
import { moves, SHAPE_NAMES, shapesOf } from './shapes.ts';
import { faceScale, faceToWorld, skeletonOf } from './skeleton.ts';
import { headField } from './skull.ts';
import { encode, eyePixel, png } from './texture.ts';
import { vrmExtension } from './vrm.ts';
import { headSkin } from './weights.ts';

/** Face mesh of a person: skin, lips, mouth, teeth, tongue, ears and brows, coloured and skinned. */
export const buildFace = (person: Person): Mesh<FaceVertex> => {
  const field = headField(person);
  const mesh = buildSkin(person, field);
  for (const more of [buildTeeth, buildTongue, buildBrows, buildEars]) append(mesh, more(person, field));
  for (const v of mesh.vertices) {
    v.p = faceToWorld(person, v.q);
    v.colour = faceColour(person, v);
    v.skin = v.part === 'skin' ? headSkin(v.b) : [['head', 1]];
  }
  return mesh;
};

/** The 52 morph targets of a face mesh, in the order of `SHAPE_NAMES`, in metres. */
export const buildMorphs = (person: Person, mesh: Mesh<FaceVertex>, normals: readonly Vec[]): Morph[] => {
  const shapes = shapesOf(person);
  const s = faceScale(person);
  return SHAPE_NAMES.map((name) => {
    const deltas = mesh.vertices.map((v) => scale(moves(shapes[name], v), s));
    const moved = normalsOf(
      mesh.vertices.map((v, k) => add(v.p, deltas[k]!)),
      mesh.faces,
    );
    const turns = moved.map((n, k) => sub(n, normals[k]!));
    const vertices = mesh.vertices.flatMap((_, k) =>
      length(deltas[k]!) > 0 || length(turns[k]!) > 0.01 ? [k] : [],
    );
    return {
      name,
      vertices,
      moves: vertices.map((k) => deltas[k]!),
      turns: vertices.map((k) => (length(turns[k]!) > 0.01 ? turns[k]! : [0, 0, 0])),
    };
  });
};

const plain = (name: string, roughness: number, extra: { [key: string]: Json } = {}): Json => ({
  name,
  pbrMetallicRoughness: { baseColorFactor: [1, 1, 1, 1], metallicFactor: 0, roughnessFactor: roughness },
  ...extra,
});

/** The whole character as the bytes of a VRM 1.0 file, with its triangle count. */
export const buildCharacter = (person: Person): { bytes: Uint8Array; triangles: number } => {
  const out = new GltfWriter();
  const bones = skeletonOf(person);
  const { nodes, skin, index } = writeSkeleton(out, bones);
  const part = (name: string, mesh: Mesh, material: number): Part => ({
    name,
    mesh,
    material,
    normals: normalsOf(
      mesh.vertices.map((v) => v.p),
      mesh.faces,
    ),
  });

  const face = part('Face', buildFace(person), 0);
  face.morphs = buildMorphs(person, face.mesh as Mesh<FaceVertex>, face.normals);
  const hands = buildHand(person, sleeveEnd(person) - 0.03);
  mirror(hands);
  const clothes = buildTop(person);
  append(clothes, buildTrousers(person));
  append(clothes, buildShoes(person));
  const parts = [
    face,
    part('Body', hands, 0),
    part('Eyes', buildEyes(person), 1),
    part('Hair', buildHair(person, headField(person)), 2),
    part('Clothes', clothes, 3),
  ];

  const partNodes: { [name: string]: number } = {};
  const meshes = parts.map((p) => {
    const primitive = writePrimitive(out, p, index);
    partNodes[p.name] = nodes.length;
    nodes.push({ name: p.name, mesh: Object.keys(partNodes).length - 1, skin: 0 });
    return {
      name: p.name,
      primitives: [primitive],
      ...(p.morphs
        ? { weights: p.morphs.map(() => 0), extras: { targetNames: p.morphs.map((m) => m.name) } }
        : {}),
    };
  });
  const c = person.colours;
  const eyes = png(256, eyePixel(encode(colour(c.iris)), encode(colour(c.irisDark)), IRIS, person.seed));
  const image = out.view(eyes);
  Object.assign(out.json, {
    asset: { version: '2.0', generator: 'Duologue characters' },
    extensionsUsed: ['VRMC_vrm'],
    extensions: {
      VRMC_vrm: vrmExtension(person, (name) => index.get(name)! + 1, partNodes.Face!, partNodes),
    },
    scene: 0,
    scenes: [{ name: person.title, nodes: [0, ...Object.values(partNodes)] }],
    nodes,
    meshes,
    skins: [skin],
    images: [{ name: 'Eye', bufferView: image, mimeType: 'image/png' }],
    samplers: [{ magFilter: 9729, minFilter: 9987, wrapS: 33071, wrapT: 33071 }],
    textures: [{ source: 0, sampler: 0 }],
    materials: [
      plain('Skin', 0.62),
      {
        name: 'Eyes',
        pbrMetallicRoughness: { baseColorTexture: { index: 0 }, metallicFactor: 0, roughnessFactor: 0.3 },
      },
      plain('Hair', 0.55),
      plain('Clothes', 0.9),
    ],
  });
  const triangles = parts.reduce((a, p) => a + p.mesh.faces.reduce((n, f) => n + f.length - 2, 0), 0);
  return { bytes: out.glb(), triangles };
};
