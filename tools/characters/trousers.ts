import { at, mirror, oval, put, skinRings } from './limbs.ts';
import { bell, colour, curve, mix, mixVec, scale, smooth, type Vec } from './math.ts';
import { emptyMesh, type Mesh, relax, type Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';
import { legSkin } from './weights.ts';

/** Trousers from under the top to the ankles. */
export const buildTrousers = (person: Person): Mesh => {
  const mesh = emptyMesh();
  const j = joints(person);
  const b = person.body;
  const cloth = colour(person.colours.trousers);
  const count = 32;
  const crotch = j.hipY - 0.095;
  const table = [
    [crotch, b.hip + 0.004, 0.096 * b.depth, 0.118 * b.depth],
    [j.hipY - 0.03, b.hip + 0.004, 0.1 * b.depth, 0.118 * b.depth],
    [j.hipY + 0.05, b.waist + 0.006, 0.096 * b.depth, 0.1 * b.depth],
  ] as const;
  const skin = (p: Vec): Skin => legSkin(person, p);
  const rings: number[][] = [];
  for (const y of [j.hipY + 0.03, j.hipY - 0.01, j.hipY - 0.045, j.hipY - 0.075, crotch]) {
    const [wide, front, back] = at(table, y) as [number, number, number];
    rings.push(
      Array.from({ length: count }, (_, c) => {
        const [x, z] = oval((c / count) * Math.PI * 2, wide, front, back, 0.8);
        const p: Vec = [x, y, z];
        return put(mesh, p, cloth, skin(p), [(c / count) * 8, y * 10]);
      }),
    );
  }
  for (let k = 0; k + 1 < rings.length; k++)
    for (let c = 0; c < count; c++) {
      const n = (c + 1) % count;
      mesh.faces.push(
        [rings[k]![n]!, rings[k]![c]!, rings[k + 1]![c]!, rings[k + 1]![n]!].reverse() as number[],
      );
    }
  for (const f of mesh.faces) f.reverse();
  const edge = rings[rings.length - 1]!;
  const front = mesh.vertices[edge[0]!]!.p;
  const back = mesh.vertices[edge[count / 2]!]!.p;
  const bridgeRow = [1, 2, 3].map((k) => {
    const p: Vec = [0, crotch - 0.022 * Math.sin((k / 4) * Math.PI), mix(front[2], back[2], k / 4)];
    return put(mesh, p, scale(cloth, 0.8), skin(p), [k, 0]);
  });
  const ankle = j.ankleY - 0.004;
  const width = [
    [-crotch, b.hip * 0.5 + 0.004],
    [-crotch + 0.04, b.hip * 0.5 + 0.004],
    [-mix(crotch, j.kneeY, 0.5), 0.079 * b.leg],
    [-j.kneeY - 0.03, 0.066 * b.leg],
    [-j.kneeY + 0.04, 0.064 * b.leg],
    [-mix(j.kneeY, ankle, 0.5), 0.061 * b.leg],
    [-ankle, 0.056 * b.leg],
  ] as const;
  const levels = [
    ...[0.06, 0.14, 0.26, 0.42, 0.6, 0.76, 0.88].map((t) => mix(crotch, j.kneeY, t)),
    j.kneeY + 0.028,
    j.kneeY + 0.012,
    j.kneeY,
    j.kneeY - 0.014,
    j.kneeY - 0.03,
    ...[0.25, 0.45, 0.65, 0.8, 0.9, 0.96].map((t) => mix(j.kneeY, ankle, t)),
    ankle,
  ];
  const vertexFrom = mesh.vertices.length;
  const faceFrom = mesh.faces.length;
  const loop = [...Array.from({ length: count / 2 + 1 }, (_, k) => edge[k]!), ...[...bridgeRow].reverse()];
  const angles = loop.map((_, k) =>
    k <= count / 2
      ? (k / (count / 2)) * Math.PI * 1.16 - 0.08 * Math.PI
      : Math.PI * (1.08 + 0.21 * (k - count / 2)),
  );
  const all: (readonly number[])[] = [loop];
  const leg = (y: number, grow: number, tint: Vec) =>
    angles.map((a, k) => {
      const t = smooth(crotch, crotch - 0.12, y);
      const r = curve(width, -y) + grow;
      const fold =
        0.006 * bell((y - ankle - 0.05) / 0.05, 1) * Math.sin(y * 130 + 2 * Math.sin(a)) +
        0.0025 * bell((y - j.kneeY) / 0.06, 1) * Math.sin((y - j.kneeY) * 80 + 2.5 * Math.cos(a - 0.6));
      const centre = mix(b.hip * 0.51, j.hipX * 0.97, smooth(crotch, j.kneeY, y));
      const deep = mix(0.108 * b.depth, r * 1.04, t);
      const shin =
        -0.016 * smooth(j.kneeY, ankle, y) -
        0.01 * bell((y - mix(j.kneeY, ankle, 0.4)) / 0.12, 1) * (Math.cos(a) < 0 ? 1 : 0.3);
      const p: Vec = [centre + (r + fold) * Math.sin(a), y, -0.004 + shin + (deep + fold) * Math.cos(a)];
      return put(mesh, p, tint, skin(p), [(k / angles.length) * 4, y * 10]);
    });
  for (const y of levels) all.push(leg(y, 0, cloth));
  for (const [dy, grow, tone] of [
    [0.004, 0.004, 1.1],
    [-0.022, 0.005, 1.1],
    [-0.024, 0, 0.8],
    [0.03, -0.006, 0.3],
  ] as const)
    all.push(leg(ankle + dy, grow, scale(cloth, tone)));
  for (let k = 0; k + 1 < all.length; k++)
    for (let i = 0; i < loop.length; i++) {
      const n = (i + 1) % loop.length;
      mesh.faces.push([all[k + 1]![i]!, all[k + 1]![n]!, all[k]![n]!, all[k]![i]!]);
    }
  mirrorLegs(mesh, vertexFrom, faceFrom, loop, edge, bridgeRow);
  for (const v of mesh.vertices) {
    const inner = smooth(0.1, 0.02, Math.abs(v.p[0])) * bell((v.p[1] - crotch + 0.03) / 0.09, 1);
    const hem = smooth(j.hipY - 0.1, j.hipY - 0.03, v.p[1]);
    const knee = bell((v.p[1] - j.kneeY) / 0.05, 1) * smooth(0.01, -0.03, v.p[2]);
    v.colour = scale(v.colour, 1 - 0.4 * Math.max(inner, hem) - 0.15 * knee);
  }
  relax(mesh, 5, (v) => 0.5 * bell((v.p[1] - crotch) / 0.06, 1));
  return mesh;
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

/** Both shoes. */
export const buildShoes = (person: Person): Mesh => {
  const mesh = emptyMesh();
  const j = joints(person);
  const upper = colour(person.colours.shoe);
  const sole = colour(person.colours.sole);
  const accent = colour(person.colours.accent);
  const l = j.footLength;
  const x0 = j.hipX * 0.98;
  const heel = -0.062;
  const wide = person.body.leg ** 0.4;
  // station along the foot (0 heel … 1 toe): half width, top height, inward shift
  const table = [
    [0, 0.014, 0.078, 0],
    [0.03, 0.029, 0.094, 0],
    [0.1, 0.038, 0.108, 0],
    [0.22, 0.041, 0.112, 0],
    [0.36, 0.042, 0.1, 0.001],
    [0.5, 0.046, 0.082, 0.003],
    [0.64, 0.0505, 0.066, 0.004],
    [0.78, 0.05, 0.056, 0.002],
    [0.9, 0.042, 0.049, -0.002],
    [0.965, 0.028, 0.042, -0.005],
    [0.99, 0.014, 0.037, -0.006],
    [1, 0.005, 0.032, -0.006],
  ] as const;
  const profile = [
    [-0.9, 0, 0],
    [-1, 0.003, 0],
    [-1.06, 0.006, 0],
    [-1.07, 0.024, 0],
    [-1, 0.028, 1],
    [-0.97, 0.45, 2],
    [-0.72, 0.86, 2],
    [-0.3, 1, 2],
    [0.3, 1, 2],
    [0.72, 0.86, 2],
    [0.97, 0.45, 2],
    [1, 0.028, 1],
    [1.07, 0.024, 0],
    [1.06, 0.006, 0],
    [1, 0.003, 0],
    [0.9, 0, 0],
  ] as const;
  const rings: number[][] = [];
  for (const [t] of table) {
    const [w, h, shift] = at(table, t) as [number, number, number];
    rings.push(
      profile.map(([u, v, part]) => {
        const high = part === 2 || v > 0.3 ? 0.028 + (h - 0.028) * ((v - 0.03) / 0.97) : v;
        const p: Vec = [
          x0 + shift + u * w * wide,
          high + 0.004 * smooth(0.75, 1, t),
          heel + t * l + (part === 0 ? 0.004 * (t - 0.4) : 0),
        ];
        const tint =
          part === 0
            ? sole
            : part === 1
              ? scale(sole, 0.6)
              : t < 0.05 && v > 0.5
                ? mixVec(upper, accent, 0.9)
                : upper;
        return put(mesh, p, tint, legSkin(person, p), [u, t]);
      }),
    );
  }
  skinRings(mesh, rings);
  for (const ring of [rings[0]!, [...rings[rings.length - 1]!].reverse()]) {
    const middle = ring.reduce(
      (a, k) =>
        [
          a[0] + mesh.vertices[k]!.p[0] / ring.length,
          a[1] + mesh.vertices[k]!.p[1] / ring.length,
          a[2] + mesh.vertices[k]!.p[2] / ring.length,
        ] as Vec,
      [0, 0, 0] as Vec,
    );
    const c = put(mesh, middle, sole, legSkin(person, middle));
    for (let k = 0; k < ring.length; k++) mesh.faces.push([ring[(k + 1) % ring.length]!, ring[k]!, c]);
  }
  for (const f of mesh.faces) f.reverse();
  mirror(mesh);
  return mesh;
};
