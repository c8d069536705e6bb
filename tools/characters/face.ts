import { BLANK, skinPlace, splitSeam, stripPlace } from './atlas.ts';
import { buildBrows, buildEars, buildTeeth, buildTongue } from './features.ts';
import type { Morph, Part } from './gltf.ts';
import { buildSkin, type FaceVertex } from './head.ts';
import { buildLashes } from './lashes.ts';
import { add, clamp, colour, length, mixVec, normalize, scale, smooth, sub, type Vec } from './math.ts';
import { append, type Mesh, neighbours, normalsOf } from './mesh.ts';
import { openness, slope } from './occlusion.ts';
import { faceColour } from './paint.ts';
import type { Person } from './people.ts';
import { hairline } from './scalp.ts';
import { moves, SHAPE_NAMES, type ShapeName, shapesOf } from './shapes.ts';
import { faceScale, faceToWorld } from './skeleton.ts';
import { headField } from './skull.ts';
import { headSkin } from './weights.ts';

/** How far above the hairline (face units) the scalp is hidden for good. */
const COVERED = { bob: 1.9, short: 2.6 } as const;

/** Evens out the grid where its rays graze the edge of the jaw. */
const settle = (mesh: Mesh<FaceVertex>) => {
  const near = neighbours(mesh);
  for (let round = 0; round < 10; round++) {
    const before = mesh.vertices.map((v) => v.q);
    for (const [k, v] of mesh.vertices.entries()) {
      if (v.mouth || v.eye) continue;
      const w = 0.5 * smooth(-8.6, -9.8, v.b) * smooth(-15, -13, v.b);
      if (w === 0) continue;
      const mean = near[k]!.reduce((a, j) => add(a, scale(before[j]!, 1 / near[k]!.length)), [
        0, 0, 0,
      ] as Vec);
      v.q = mixVec(v.q, mean, w);
    }
  }
};

/** Where a vertex looks up its colour in the skin's texture. */
const placeInTexture = (v: FaceVertex): [number, number] => {
  const [u, w] = v.uv;
  if (v.part === 'upperTeeth' || v.part === 'lowerTeeth')
    return stripPlace('teeth', u, Math.max(0, w - 0.5) * 2);
  if (v.part === 'brow') return stripPlace('brow', u, w);
  if (v.part !== 'skin') return BLANK;
  if (v.eye && v.eye.d < 0) return skinPlace(...v.eye.flat!);
  return skinPlace(Math.atan2(v.q[0], v.q[2]), v.q[1] > -10 && v.q[1] < 4 ? v.q[1] : v.b);
};

/** Removes the scalp where hair hides it for good. */
const withoutScalp = (person: Person, mesh: Mesh<FaceVertex>): Mesh<FaceVertex> => {
  const deep = mesh.vertices.map(
    (v) =>
      v.part === 'skin' &&
      !v.eye &&
      !v.mouth &&
      v.b > hairline(person, Math.atan2(v.q[0], v.q[2])) + COVERED[person.hair],
  );
  const faces = mesh.faces.filter((f) => !f.every((k) => deep[k]));
  const used = [...new Set(faces.flat())].sort((a, b) => a - b);
  const place = new Map(used.map((k, i) => [k, i]));
  return {
    vertices: used.map((k) => mesh.vertices[k]!),
    faces: faces.map((f) => f.map((k) => place.get(k)!)),
  };
};

/** Face mesh of a person: skin, lips, mouth, teeth, tongue, ears, brows and lashes, coloured and skinned. */
export const buildFace = (person: Person): Mesh<FaceVertex> => {
  const field = headField(person);
  const whole = buildSkin(person, field);
  settle(whole);
  for (const more of [buildTeeth, buildTongue, buildBrows, buildEars, buildLashes])
    append(whole, more(person, field));
  const mesh = withoutScalp(person, whole);
  const open = mesh.vertices.map((v) => (v.part === 'skin' ? openness(field, v.q, 5) : 1));
  for (const [k, near] of neighbours(mesh).entries()) {
    const v = mesh.vertices[k]!;
    const mean = near.reduce((sum, i) => sum + open[i]!, open[k]!) / (near.length + 1);
    v.open = clamp(mean * 1.06);
    v.p = faceToWorld(person, v.q);
    v.colour = faceColour(person, v);
    v.uv = placeInTexture(v);
    v.skin = v.part === 'skin' ? headSkin(v.b) : [['head', 1]];
  }
  splitSeam(mesh);
  return mesh;
};

/** The inside of the mouth has no texture: there the lips' edge takes its colour from the vertices. */
const inColour = (person: Person, v: FaceVertex): FaceVertex =>
  v.part === 'skin' ? { ...v, colour: colour(person.colours.inner) } : v;

/** Face and inside of the mouth as two drawables that share one list of morphs; normals of plain skin follow the head's field. */
export const faceParts = (
  person: Person,
  mesh: Mesh<FaceVertex>,
  skinMaterial: number,
  mouthMaterial: number,
): Part[] => {
  const normals = normalsOf(
    mesh.vertices.map((v) => v.p),
    mesh.faces,
  );
  const morphs = buildMorphs(person, mesh, normals);
  smoothNormals(person, mesh, normals);
  const isInside = (f: readonly number[]) => f.every((k) => (mesh.vertices[k]!.mouth?.t ?? 1) <= 0);
  const cut = (name: string, material: number, faces: number[][], isPlain = false): Part => {
    const used = [...new Set(faces.flat())].sort((a, b) => a - b);
    const place = new Map(used.map((k, i) => [k, i]));
    return {
      name,
      material,
      mesh: {
        vertices: used.map((k) => (isPlain ? inColour(person, mesh.vertices[k]!) : mesh.vertices[k]!)),
        faces: faces.map((f) => f.map((k) => place.get(k)!)),
      },
      normals: used.map((k) => normals[k]!),
      morphs: morphs.map((m) => {
        const own = m.vertices.flatMap((k, i) => (place.has(k) ? [i] : []));
        return {
          name: m.name,
          vertices: own.map((i) => place.get(m.vertices[i]!)!),
          moves: own.map((i) => m.moves[i]!),
          turns: own.map((i) => m.turns[i]!),
        };
      }),
    };
  };
  return [
    cut(
      'Face',
      skinMaterial,
      mesh.faces.filter((f) => !isInside(f)),
    ),
    cut('Mouth', mouthMaterial, mesh.faces.filter(isInside), true),
  ];
};

/** The 52 morph targets of a face mesh, in the order of `SHAPE_NAMES`, in metres. */
export const buildMorphs = (person: Person, mesh: Mesh<FaceVertex>, normals: readonly Vec[]): Morph[] => {
  const shapes = shapesOf(person);
  const s = faceScale(person);
  const deltasOf = (name: ShapeName) => mesh.vertices.map((v) => scale(moves(shapes[name], v), s));
  const normalsAt = (deltas: readonly Vec[]) =>
    normalsOf(
      mesh.vertices.map((v, k) => add(v.p, deltas[k]!)),
      mesh.faces,
    );
  const open = deltasOf('jawOpen');
  return SHAPE_NAMES.map((name) => {
    const deltas = deltasOf(name);
    // mouthClose corrects an open jaw: its light is right there, not on its own.
    const isCorrective = name === 'mouthClose';
    const before = isCorrective ? normalsAt(open) : normals;
    const after = normalsAt(isCorrective ? deltas.map((d, k) => add(d, open[k]!)) : deltas);
    const turns = after.map((n, k) => sub(n, before[k]!));
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

/** Replaces the normals of plain skin by the head field's own, so that the grid does not show in the light. */
const smoothNormals = (person: Person, mesh: Mesh<FaceVertex>, normals: Vec[]) => {
  const field = headField(person);
  for (const [k, v] of mesh.vertices.entries()) {
    if (v.part === 'brow') normals[k] = normalize(mixVec(slope(field, v.q, 0.25), [0, 0.1, 1], 0.75));
    if (v.part !== 'skin') continue;
    const lid = v.eye ? smooth(0.9, 1.6, v.eye.d) : 1;
    const lips = v.mouth ? smooth(1.6, 2.7, v.mouth.t) : 1;
    const own = mixVec(normals[k]!, slope(field, v.q, 0.25), Math.min(lid, lips));
    // Sides of the nose that face backwards would catch rim light that the head hides in truth.
    normals[k] = normalize([
      own[0],
      own[1],
      own[2] + 0.3 * smooth(6.5, 8, v.q[2]) * smooth(3, 1, Math.abs(v.q[0])),
    ]);
  }
};
