import { strip } from './details.ts';
import { finishTrousers } from './fastenings.ts';
import { type Fold, relief } from './folds.ts';
import { at, mirror, oval, put } from './limbs.ts';
import { bell, colour, curve, distance, dot, mix, scale, smooth, sub, type Vec } from './math.ts';
import { emptyMesh, type Mesh, normalsOf, relax, type Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';
import { legSkin, softenSkin } from './weights.ts';

const COUNT = 26;

/** Height of the crotch in metres. */
export const crotchOf = (person: Person) => joints(person).hipY - 0.092;

/** Height of the upper edge of the trousers, in metres. */
export const waistOf = (person: Person) =>
  joints(person).hipY + (person.clothes === 'overshirt' ? 0.062 : 0.022);

/** Folds of one leg: from the groin outwards, behind the knee and piled up over the shoe. */
const legFolds = (person: Person, hem: number): Fold[] => {
  const { kneeY } = joints(person);
  const crotch = crotchOf(person);
  const big = person.body.leg;
  return [
    { at: crotch - 0.012, from: -0.6, to: 1.5, slope: 0.045, high: 0.0125 * big, wide: 0.017 },
    { at: crotch - 0.062, from: -0.9, to: 1.1, slope: 0.05, high: 0.008 * big, wide: 0.016 },
    { at: crotch - 0.045, from: 1.9, to: 4.2, slope: -0.03, high: 0.0112 * big, wide: 0.017 },
    { at: kneeY + 0.035, from: 1.7, to: 4.1, slope: 0.016, high: 0.0096 * big, wide: 0.014 },
    { at: kneeY - 0.018, from: 2, to: 4.5, slope: -0.018, high: 0.0112 * big, wide: 0.014 },
    { at: kneeY - 0.07, from: 0.8, to: 2.8, slope: -0.03, high: 0.0064 * big, wide: 0.016 },
    { at: hem + 0.15, from: 2.2, to: 5.2, slope: 0.016, high: 0.008 * big, wide: 0.014 },
    { at: hem + 0.105, from: -1.2, to: 2.1, slope: -0.014, high: 0.0128 * big, wide: 0.014 },
    { at: hem + 0.082, from: 1.9, to: 5.1, slope: 0.012, high: 0.0112 * big, wide: 0.013 },
    { at: hem + 0.057, from: -1.6, to: 1.7, slope: 0.016, high: 0.0112 * big, wide: 0.013 },
  ];
};

/** Where the turned-up hem of the trousers ends, in metres above the floor. */
export const trouserHem = (person: Person) => joints(person).ankleY + 0.004;

/** Trousers from under the top to the ankles. */
export const buildTrousers = (person: Person): Mesh => {
  const mesh = emptyMesh();
  const j = joints(person);
  const b = person.body;
  const cloth = colour(person.colours.trousers);
  const crotch = crotchOf(person);
  const table = [
    [crotch, b.hip + 0.004, 0.098 * b.depth, 0.116 * b.depth],
    [j.hipY - 0.05, b.hip + 0.006, 0.102 * b.depth, 0.12 * b.depth],
    [j.hipY - 0.01, b.hip, 0.1 * b.depth, 0.112 * b.depth],
    [j.hipY + 0.05, mix(b.waist, b.hip, 0.6), 0.098 * b.depth, 0.1 * b.depth],
    [j.hipY + 0.1, mix(b.waist, b.hip, 0.45), 0.1 * b.depth, 0.096 * b.depth],
  ] as const;
  const skin = (p: Vec): Skin => legSkin(person, p);
  const top = waistOf(person);
  const belt = person.clothes === 'overshirt';
  const levels: (readonly [y: number, grow: number, tint: Vec])[] = [
    ...(belt
      ? ([
          [top - 0.012, -0.004, scale(cloth, 0.5)],
          [top, 0.001, cloth],
          [top - 0.036, 0.002, cloth],
          [top - 0.04, -0.001, scale(cloth, 0.8)],
        ] as const)
      : ([[top, 0, cloth]] as const)),
    ...[j.hipY - 0.012, j.hipY - 0.042, j.hipY - 0.07, crotch].map((y) => [y, 0, cloth] as const),
  ];
  const rings = levels.map(([y, grow, tint]) => {
    const [wide, front, back] = at(table, y) as [number, number, number];
    return Array.from({ length: COUNT }, (_, c) => {
      const a = (c / COUNT) * Math.PI * 2;
      const [x, z] = oval(a, wide + grow, front + grow, back + grow, 0.82);
      const seat = 0.016 * bell((Math.abs(x) - 0.062) / 0.05, 1) * bell((y - j.hipY + 0.055) / 0.05, 1);
      const cleft = 0.01 * bell(x / 0.02, 1) * bell((y - j.hipY + 0.07) / 0.04, 1);
      const p: Vec = [x, y, z + (z < 0 ? cleft - seat : 0)];
      return put(mesh, p, tint, skin(p), [(c / COUNT) * 10, y * 10]);
    });
  });
  for (let k = 0; k + 1 < rings.length; k++)
    for (let c = 0; c < COUNT; c++) {
      const n = (c + 1) % COUNT;
      // Nobody sees the seat under a long shirt.
      if (belt && k < 4 && c > COUNT * 0.24 && c < COUNT * 0.76 - 1) continue;
      mesh.faces.push([rings[k]![n]!, rings[k]![c]!, rings[k + 1]![c]!, rings[k + 1]![n]!]);
    }
  const edge = rings[rings.length - 1]!;
  const front = mesh.vertices[edge[0]!]!.p;
  const back = mesh.vertices[edge[COUNT / 2]!]!.p;
  const bridgeRow = [1, 2, 3].map((k) => {
    const p: Vec = [0, crotch - 0.026 * Math.sin((k / 4) * Math.PI), mix(front[2], back[2], k / 4)];
    return put(mesh, p, cloth, skin(p), [k, 0]);
  });
  const half = COUNT / 2;
  const loop = [...Array.from({ length: half + 1 }, (_, k) => edge[k]!), ...[...bridgeRow].reverse()];
  const angles = loop.map((_, k) =>
    k <= half ? (k / half) * Math.PI * 1.16 - 0.08 * Math.PI : Math.PI * (1.08 + 0.21 * (k - half)),
  );
  const vertexFrom = mesh.vertices.length;
  const faceFrom = mesh.faces.length;
  const all: (readonly number[])[] = [loop];
  const leg = legOf(person);
  const hem = trouserHem(person);
  const knee = j.kneeY;
  const ring = (y: number, grow: number, tint: Vec) =>
    angles.map((a, k) => {
      const p = leg(y, a, grow);
      return put(mesh, p, tint, skin(p), [(k / angles.length) * 5, y * 10]);
    });
  const down = [
    ...[0.05, 0.13, 0.23, 0.38, 0.56, 0.73].map((t) => mix(crotch, knee, t)),
    ...[0.05, 0.026, 0.004, -0.02, -0.046].map((d) => knee + d),
    ...[0.33, 0.57].map((t) => mix(knee, hem, t)),
    ...[0.132, 0.113, 0.097, 0.083, 0.069, 0.053].map((d) => hem + d),
  ];
  for (const y of down) all.push(ring(y, 0, cloth));
  for (const [dy, grow, tone] of [
    [0.035, 0.001, 0.75],
    [0.037, 0.006, 1.12],
    [0.014, 0.007, 1.12],
    [0, 0.006, 1.1],
    [-0.001, 0.001, 0.8],
    [0.03, -0.005, 0.3],
  ] as const)
    all.push(ring(hem + dy, grow, scale(cloth, tone)));
  for (let k = 0; k + 1 < all.length; k++)
    for (let i = 0; i < loop.length; i++) {
      const n = (i + 1) % loop.length;
      mesh.faces.push([all[k + 1]![i]!, all[k + 1]![n]!, all[k]![n]!, all[k]![i]!]);
    }
  mirrorLegs(mesh, vertexFrom, faceFrom, loop, edge, bridgeRow);
  relax(mesh, 4, (v) => 0.5 * bell((v.p[1] - crotch) / 0.05, 1));
  softenSkin(mesh, 2, 0.4);
  for (const v of mesh.vertices) v.colour = scale(v.colour, worn(person, v.p));
  if (!belt) sideSeams(person, mesh, cloth);
  finishTrousers(person, mesh, rings, {
    cloth,
    belt: colour(person.colours.belt),
    metal: colour(person.colours.accent),
  });
  return mesh;
};

/** How much lighter cloth is where it is rubbed: thighs, knees, seat and the edge of the hem. */
const worn = (person: Person, p: Vec) => {
  const j = joints(person);
  const front = smooth(0.01, 0.06, p[2]);
  const back = smooth(-0.03, -0.08, p[2]);
  const off = bell((Math.abs(p[0]) - j.hipX) / 0.04, 1);
  const thigh = front * off * bell((p[1] - mix(j.kneeY, j.hipY, 0.5)) / 0.12, 1);
  const knee = front * off * bell((p[1] - j.kneeY) / 0.05, 1);
  const seat = back * off * bell((p[1] - j.hipY + 0.07) / 0.06, 1);
  // The baked shade between the legs would look like a hole.
  const groin = smooth(-0.03, 0.05, p[2]) * bell(p[0] / 0.04, 1) * bell((p[1] - crotchOf(person)) / 0.035, 1);
  return 0.97 + 0.16 * thigh + 0.14 * knee + 0.12 * seat + 1.5 * groin;
};

/** The surface of the left leg's cloth: height, angle (0 in front, growing outwards) and distance outwards. */
export const legOf = (person: Person) => {
  const j = joints(person);
  const b = person.body;
  const crotch = crotchOf(person);
  const hem = trouserHem(person);
  const folds = legFolds(person, hem);
  const thick = b.leg / 0.95;
  const slim = 1 + (thick - 1) * 0.62;
  const share = (y: number) => (crotch - y) / (crotch - hem);
  const wide = (s: number) =>
    slim *
    curve(
      [
        [0, 0.0705],
        [0.12, 0.0715],
        [0.3, 0.0615],
        [0.46, 0.052],
        [0.58, 0.0535],
        [0.8, 0.0475],
        [1, 0.0445],
      ],
      s,
    );
  const ahead = (s: number) =>
    slim *
    curve(
      [
        [0, 0.096],
        [0.12, 0.094],
        [0.3, 0.082],
        [0.46, 0.062],
        [0.6, 0.048],
        [0.8, 0.04],
        [1, 0.036],
      ],
      s,
    );
  const behind = (s: number) =>
    slim *
    curve(
      [
        [0, 0.112],
        [0.1, 0.102],
        [0.3, 0.076],
        [0.45, 0.057],
        [0.58, 0.07],
        [0.7, 0.072],
        [0.85, 0.064],
        [1, 0.062],
      ],
      s,
    );
  return (y: number, a: number, grow: number): Vec => {
    const s = share(y);
    const w = wide(s);
    const centre = mix(w + 0.002, j.hipX * 0.97, smooth(0.06, 0.5, s));
    const r = grow + relief(folds, y, a);
    const c = Math.cos(a);
    const bow = 0.006 * bell((s - 0.66) / 0.2, 1) * Math.max(0, Math.sin(a));
    const [x, z] = oval(a, w + r + bow, ahead(s) + r, behind(s) + r, 0.94);
    return [centre + x, y, z - 0.002 * c];
  };
};

/** Seams down the outside of both legs, and the slanted edges of the pockets above them. */
const sideSeams = (person: Person, mesh: Mesh, cloth: Vec) => {
  const leg = legOf(person);
  const top = crotchOf(person) - 0.012;
  const end = trouserHem(person) + 0.036;
  const lines = [
    Array.from({ length: 17 }, (_, k) => [mix(top, end, k / 16), 1.62] as const),
    Array.from(
      { length: 6 },
      (_, k) => [mix(top + 0.022, top - 0.058, k / 5), mix(0.85, 1.5, (k / 5) ** 0.8)] as const,
    ),
  ];
  const places = mesh.vertices.map((v) => v.p);
  const normals = normalsOf(places, mesh.faces);
  const first = mesh.vertices.length;
  const from = mesh.faces.length;
  for (const line of lines)
    strip(
      mesh,
      line.map(([y, a]) => {
        const q = leg(y, a, 0);
        const k = places.reduce((best, p, i) => (distance(p, q) < distance(places[best]!, q) ? i : best), 0);
        const n = normals[k]!;
        const p = sub(q, scale(n, dot(sub(q, places[k]!), n)));
        return { p, n, skin: legSkin(person, p) };
      }),
      0.0022,
      0.0026,
      scale(cloth, 1.15),
      scale(cloth, 0.5),
    );
  mirror(mesh, first, from);
};

const mirrorLegs = (
  mesh: Mesh,
  vertexFrom: number,
  faceFrom: number,
  loop: readonly number[],
  edge: readonly number[],
  bridgeRow: readonly number[],
) => {
  const twin = new Map<number, number>();
  for (const k of bridgeRow) twin.set(k, k);
  for (let k = 0; k <= edge.length / 2; k++) twin.set(edge[k]!, edge[(edge.length - k) % edge.length]!);
  const faces = mesh.faces.slice(faceFrom);
  const count = mesh.vertices.length;
  for (const v of mesh.vertices.slice(vertexFrom))
    mesh.vertices.push({
      ...v,
      p: [-v.p[0], v.p[1], v.p[2]],
      skin: v.skin.map(([n, w]) => [swap(n), w] as const),
    });
  const seam = new Set(loop);
  for (const f of faces)
    mesh.faces.push(f.map((k) => (seam.has(k) ? twin.get(k)! : k - vertexFrom + count)).reverse());
};

const swap = (name: string) =>
  name.startsWith('left') ? name.replace('left', 'right') : name.replace(/^right/, 'left');
