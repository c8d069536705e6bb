import { at, mirror, put, skinRings } from './limbs.ts';
import { colour, mixVec, scale, smooth, type Vec } from './math.ts';
import { emptyMesh, fan, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';
import { legSkin } from './weights.ts';

/** Stations along the foot (0 heel … 1 toe): half width, height of the upper, shift towards the little toe. */
const LAST = [
  [0, 0.016, 0.07, 0],
  [0.02, 0.027, 0.082, 0],
  [0.09, 0.037, 0.092, 0],
  [0.33, 0.039, 0.098, 0.001],
  [0.57, 0.047, 0.073, 0.005],
  [0.69, 0.0495, 0.062, 0.005],
  [0.8, 0.0475, 0.0555, 0.002],
  [0.9, 0.0405, 0.0505, -0.003],
  [0.96, 0.031, 0.0455, -0.006],
  [0.988, 0.02, 0.041, -0.008],
  [1, 0.008, 0.035, -0.009],
] as const;

const CAP = 0.76;
/** Around a station: share of the half width, share of the upper's height (or metres for the sole), kind. */
const PROFILE = [
  [-0.9, 0, 'sole'],
  [-1.06, 0.022, 'sole'],
  [-0.985, 0.027, 'groove'],
  [-0.965, 0.3, 'upper'],
  [-0.86, 0.68, 'upper'],
  [-0.5, 0.95, 'upper'],
  [0, 1.02, 'upper'],
  [0.5, 0.95, 'upper'],
  [0.86, 0.68, 'upper'],
  [0.965, 0.3, 'upper'],
  [0.985, 0.027, 'groove'],
  [1.06, 0.022, 'sole'],
  [0.9, 0, 'sole'],
] as const;

/** Both sneakers: sole, toe cap, heel tab, tongue with laces, and the socks above. */
export const buildShoes = (person: Person): Mesh => {
  const mesh = emptyMesh();
  const j = joints(person);
  const c = person.colours;
  const upper = colour(c.shoe);
  const sole = colour(c.sole);
  const cap = mixVec(upper, sole, 0.75);
  const lace = colour(c.lace);
  const l = j.footLength;
  const x0 = j.hipX * 0.98;
  const heel = -0.062;
  const wide = person.body.leg ** 0.45;
  const point = (t: number, u: number, v: number, kind: string): Vec => {
    const [w, h, shift] = at(LAST, t) as [number, number, number];
    const spring = 0.007 * smooth(0.78, 1, t) ** 2;
    const flare = kind === 'sole' ? 0.004 * (t - 0.35) : 0;
    return [
      x0 + shift + u * w * wide,
      (kind === 'upper' ? 0.027 + (h - 0.027) * v : v) + spring,
      heel + t * l + flare,
    ];
  };
  const add = (p: Vec, tint: Vec) => put(mesh, p, tint, legSkin(person, p));
  const colourOf = (t: number, v: number, kind: string) => {
    if (kind === 'sole') return sole;
    if (kind === 'groove') return scale(sole, 0.5);
    if (t < 0.03 && v > 0.4) return colour(c.accent);
    return t > CAP ? cap : upper;
  };
  const stations = [...LAST.map(([t]) => t), CAP - 0.012, CAP + 0.001].sort((a, b) => a - b);
  const rings = stations.map((t) =>
    PROFILE.map(([u, v, kind]) => add(point(t, u, v, kind), colourOf(t, v, kind))),
  );
  const from = mesh.faces.length;
  skinRings(mesh, rings);
  for (const ring of [rings[0]!, [...rings[rings.length - 1]!].reverse()]) {
    const middle: Vec = [0, 0, 0];
    for (const k of ring) for (const i of [0, 1, 2]) middle[i]! += mesh.vertices[k]!.p[i]! / ring.length;
    fan(mesh, [...ring].reverse(), add(middle, ring === rings[0] ? colour(c.accent) : sole));
  }
  for (const f of mesh.faces.slice(from)) f.reverse();
  laces(mesh, point, add, lace, upper);
  ankle(mesh, person, add);
  mirror(mesh);
  return mesh;
};

type Point = (t: number, u: number, v: number, kind: string) => Vec;

/** Four laces across the instep and the bow. */
const laces = (mesh: Mesh, point: Point, add: (p: Vec, tint: Vec) => number, lace: Vec, upper: Vec) => {
  for (const [k, t] of [0.4, 0.48, 0.56, 0.635].entries()) {
    const lift = 0.004;
    const rows = [-0.0095, -0.006, 0.006, 0.0095].map((d, r) =>
      [-0.62, -0.3, 0, 0.3, 0.62].map((u) => {
        const v = 1.02 - 0.3 * u * u - (Math.abs(u) > 0.5 ? 0.055 : 0);
        const [x, y, z] = point(t, u * (0.82 - 0.05 * k), v, 'upper');
        const up = r === 0 || r === 3 ? -0.002 : lift;
        return add([x, y + up, z + d - 0.006 * Math.abs(u)], r === 0 || r === 3 ? scale(upper, 0.7) : lace);
      }),
    );
    for (let r = 0; r + 1 < rows.length; r++)
      for (let i = 0; i < 4; i++)
        mesh.faces.push([rows[r]![i]!, rows[r + 1]![i]!, rows[r + 1]![i + 1]!, rows[r]![i + 1]!]);
  }
};

/** The padded collar of the shoe, its tongue and the sock that goes up into the trousers. */
const ankle = (mesh: Mesh, person: Person, add: (p: Vec, tint: Vec) => number) => {
  const j = joints(person);
  const c = person.colours;
  const upper = colour(c.shoe);
  const sock = colour(c.sock);
  const wide = person.body.leg ** 0.5;
  const x = j.hipX * 0.98;
  const rings = (
    [
      [0.076, 0.038, 0.05, upper, 0],
      [0.092, 0.041, 0.053, upper, 0.3],
      [0.101, 0.0385, 0.0505, upper, 0.6],
      [0.098, 0.034, 0.045, scale(upper, 0.6), 0.7],
      [0.112, 0.0325, 0.0425, sock, 0],
      [0.14, 0.0335, 0.043, scale(sock, 0.7), 0],
    ] as const
  ).map(([y, w, d, tint, tongue]) =>
    Array.from({ length: 12 }, (_, k) => {
      const a = (k / 12) * 2 * Math.PI;
      const front = Math.max(0, Math.cos(a)) ** 4;
      const back = Math.max(0, -Math.cos(a)) ** 3;
      return add(
        [
          x + w * wide * Math.sin(a),
          y + tongue * (0.008 * front + 0.004 * back),
          -0.0145 + d * wide * Math.cos(a) + 0.008 * front * (tongue > 0 ? 1 : 0),
        ],
        tint,
      );
    }),
  );
  skinRings(
    mesh,
    rings.map((r) => [...r].reverse()),
  );
};
