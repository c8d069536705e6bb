import {
  add,
  bell,
  colour,
  cross,
  curve,
  mix,
  mixVec,
  normalize,
  randomFrom,
  scale,
  smooth,
  sub,
  type Vec,
} from './math.ts';
import { bridge, emptyMesh, fan, type Mesh, type Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { cast, type Field } from './sdf.ts';
import { faceToWorld } from './skeleton.ts';
import { CROWN, surfaceAt } from './skull.ts';

/** Strands of hair that swing: where they hang (longitude) and the heights of their joints, root first (face units). */
export const STRANDS = [
  { name: 'hairLeft', lon: 1.35 },
  { name: 'hairBackLeft', lon: 2.5 },
  { name: 'hairBackRight', lon: -2.5 },
  { name: 'hairRight', lon: -1.35 },
] as const;
export const STRAND_JOINTS = [-2.5, -7.5, -13] as const;

/** Lowest `b` of the scalp's hair at a longitude. */
const hairline = (person: Person, lon: number) => {
  const a = Math.abs(lon);
  if (person.hair === 'bob')
    return mix(mix(7.4, 6.2, smooth(0.3, 0.9, a)), mix(-1, -6, smooth(1.5, 2.2, a)), smooth(0.95, 1.25, a));
  const temple = mix(6.7, 5.9, smooth(0.55, 0.85, a)) - 1.9 * smooth(0.78, 1.06, a);
  return mix(mix(temple, -0.6, smooth(1.08, 1.34, a)), -6.4, smooth(1.62, 2.1, a));
};

/** Weights of a point of long hair. */
const strandSkin = (q: Vec): Skin => {
  const [top, middle] = STRAND_JOINTS;
  const hang = smooth(top + 1.5, top - 2.5, q[1]);
  if (hang === 0) return [['head', 1]];
  const lon = Math.atan2(q[0], q[2] + 0.5);
  const near = STRANDS.map((s) => {
    const d = Math.abs(Math.atan2(Math.sin(lon - s.lon), Math.cos(lon - s.lon)));
    return Math.exp(-((d / 0.5) ** 2)) + 1e-6;
  });
  const sum = near.reduce((a, b) => a + b, 0);
  const low = smooth(middle + 1.8, middle - 1.8, q[1]);
  const best = near.map((w, k) => [k, w / sum] as const).sort((a, b) => b[1] - a[1])[0]!;
  const name = STRANDS[best[0]]!.name;
  return [
    ['head', 1 - hang],
    [`${name}1`, hang * (1 - low)],
    [`${name}2`, hang * low],
  ];
};

/** Cell noise: small near the middle of random cells of size 1, growing to their borders. */
const cells = (seed: number) => {
  const hash = (x: number, y: number, z: number) => {
    const r = randomFrom(seed + x * 73856093 + y * 19349663 + z * 83492791);
    return [r(), r(), r()] as const;
  };
  return (p: Vec) => {
    const base = p.map(Math.floor);
    let best = 9;
    for (let k = 0; k < 27; k++) {
      const cell = [
        base[0]! + (k % 3) - 1,
        base[1]! + (Math.floor(k / 3) % 3) - 1,
        base[2]! + Math.floor(k / 9) - 1,
      ] as const;
      const [a, b, c] = hash(...cell);
      best = Math.min(best, Math.hypot(cell[0] + a - p[0], cell[1] + b - p[1], cell[2] + c - p[2]));
    }
    return best;
  };
};

/** A lock: from the parting, by way of `via`, to the side (directions from the middle of the head), then falling. */
type Strand = {
  from: Vec;
  via?: Vec;
  over: Vec;
  fall: number;
  wide: number;
  thick: number;
  lift: number;
  curl: number;
  shade: number;
};

/** The hair of a person: a cap over the scalp, and for the bob a curtain of sculpted locks around it. */
export const buildHair = (person: Person, field: Field): Mesh => {
  const mesh = emptyMesh();
  const base = colour(person.colours.hair);
  const tip = colour(person.colours.hairTip);
  const skin = colour(person.colours.skin);
  const put = (q: Vec, shade: number, uv: [number, number], fade = 0) =>
    mesh.vertices.push({
      p: faceToWorld(person, q),
      colour: mixVec(mixVec(base, tip, shade), skin, fade),
      uv,
      skin: person.hair === 'bob' ? strandSkin(q) : [['head', 1]],
    }) - 1;
  buildCap(person, field, mesh, put);
  if (person.hair === 'bob') for (const strand of curtain(person)) buildLock(field, mesh, put, strand);
  return mesh;
};

type Put = (q: Vec, shade: number, uv: [number, number], fade?: number) => number;

const buildCap = (person: Person, field: Field, mesh: Mesh, put: Put) => {
  const short = person.hair === 'short';
  const count = short ? 64 : 40;
  const rows = short ? 24 : 10;
  const noise = cells(person.seed);
  const at = (lon: number, b: number, t: number): [Vec, number] => {
    const s = surfaceAt(field, { lon, b });
    const n = normalize([s[0], (s[1] - 2) * 0.9, s[2] + 0.5]);
    const edge = short ? smooth(1.02, 0.7, t) : smooth(1.02, 0.86, t);
    if (!short) return [add(s, scale(n, 0.16 + 0.6 * edge)), 0.3];
    const high = smooth(3, 9.5, s[1]);
    const clump = 1 - noise(scale(s, 1.05));
    const out = -0.06 + edge * (0.3 + 0.95 * high) + (0.18 + 0.5 * high) * clump * smooth(1.06, 0.88, t);
    return [add(s, scale(n, out)), clump * 1.5 - 0.4];
  };
  const rings: number[][] = [];
  const round = (f: (lon: number, k: number) => number) =>
    Array.from({ length: count }, (_, k) => f((k / count) * Math.PI * 2 - Math.PI, k));
  for (let r = 0; r <= rows; r++) {
    const t = (r + 0.5) / (rows + 0.5);
    rings.push(
      round((lon) => {
        const [q, shade] = at(lon, mix(CROWN, hairline(person, lon), t), t);
        return put(q, shade, [lon, t], short ? 0.45 * smooth(0.84, 1, t) : 0);
      }),
    );
  }
  for (const [drop, out, fade] of [
    [-0.1, -0.12, 0.7],
    [0.25, -0.3, 0.8],
  ] as const)
    rings.push(
      round((lon) => {
        const s = surfaceAt(field, { lon, b: hairline(person, lon) + drop });
        return put(add(s, scale(normalize([s[0], 0, s[2]]), out)), 0, [lon, 1], short ? fade : 0);
      }),
    );
  for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k + 1]!, rings[k]!);
  const [top, shade] = at(0, CROWN, 0);
  fan(mesh, rings[0]!, put(top, shade, [0, 0]));
};

const LENGTH = -14;

/** The locks of a bob with a side parting: around the head, then over the forehead. */
const curtain = (person: Person): Strand[] => {
  const random = randomFrom(person.seed + 5);
  const out: Strand[] = [];
  const part = 1.9;
  const count = 15;
  for (let k = 0; k < count; k++) {
    const u = k / (count - 1);
    const lon = mix(1.12, 2 * Math.PI - 1.12, u);
    const back = 0.5 - 0.5 * Math.cos(u * 2 * Math.PI);
    const under = k % 2;
    out.push({
      from: [part * (1 - 0.6 * back), 12, mix(4.6, -4, back)],
      over: [Math.sin(lon), -0.28, Math.cos(lon)],
      fall: LENGTH + 0.9 * (random() - 0.5) + (lon < 1.5 || lon > 4.8 ? 0.4 : 0),
      wide: 2.5 + 0.35 * random(),
      thick: 0.62,
      lift: 0.6 + 0.22 * under + 0.1 * random(),
      curl: 0.16 + 0.08 * random(),
      shade: 0.1 + 0.45 * under + 0.25 * random(),
    });
  }
  const sweep = (from: Vec, via: Vec, lon: number, fall: number, wide: number, lift: number, shade: number) =>
    out.push({
      from,
      via,
      over: [Math.sin(lon), -0.12, Math.cos(lon)],
      fall,
      wide,
      thick: 0.62,
      lift,
      curl: 0.2,
      shade,
    });
  sweep([part, 12, 6.6], [-0.35, 0.44, 1], -1.12, -10, 2.3, 0.8, 0.4);
  sweep([part, 12, 5.6], [-0.5, 0.62, 1], -1.22, -11.4, 2.3, 1.15, 0.65);
  sweep([part, 12, 4.2], [-0.75, 0.85, 0.8], -1.34, -12.6, 2.5, 1.45, 0.85);
  sweep([part + 0.3, 12, 6.4], [0.75, 0.5, 0.9], 1.14, -10.4, 2, 0.8, 0.55);
  sweep([part + 0.3, 12, 5], [0.85, 0.6, 0.75], 1.26, -12, 2.3, 1.2, 0.7);
  return out;
};

const RINGS = 13;
const SIDES = 8;

const buildLock = (field: Field, mesh: Mesh, put: Put, s: Strand) => {
  const centre: Vec = [0, 4, -0.5];
  const start = normalize(sub(s.from, centre));
  const end = normalize(s.over);
  const turn = Math.acos(
    Math.max(-1, Math.min(1, start[0] * end[0] + start[1] * end[1] + start[2] * end[2])),
  );
  const over = 0.62;
  const rest = add(cast(field, centre, end), scale(end, s.lift));
  const pathAt = (t: number): Vec => {
    if (t <= over) {
      const u = t / over;
      const d = s.via
        ? normalize(
            add(add(scale(start, (1 - u) ** 2), scale(normalize(s.via), 2 * u * (1 - u))), scale(end, u * u)),
          )
        : normalize(
            add(
              scale(start, Math.sin((1 - u) * turn) / Math.sin(turn)),
              scale(end, Math.sin(u * turn) / Math.sin(turn)),
            ),
          );
      return add(cast(field, centre, d), scale(d, mix(0.42, s.lift, smooth(0, 0.55, u))));
    }
    const u = (t - over) / (1 - over);
    const y = mix(rest[1], s.fall, u);
    const wave = 1 + 0.05 * Math.sin(u * Math.PI) - s.curl * u * u;
    return [rest[0] * wave, y, (rest[2] + 1) * wave - 1];
  };
  const rings: number[][] = [];
  for (let k = 0; k <= RINGS; k++) {
    const t = k / RINGS;
    const p = pathAt(t);
    const along = normalize(sub(pathAt(Math.min(1, t + 0.03)), pathAt(Math.max(0, t - 0.03))));
    const out = normalize(sub(p, [0, t <= over ? 3 : p[1], -1]));
    const across = normalize(cross(along, out));
    const up = cross(across, along);
    const wide =
      s.wide *
      curve(
        [
          [0, 0.4],
          [0.3, 0.85],
          [0.62, 1],
          [0.85, 1],
          [0.96, 0.8],
          [1, 0.5],
        ],
        t,
      ) *
      0.72;
    const thick =
      s.thick *
      curve(
        [
          [0, 0.4],
          [0.5, 1],
          [0.9, 0.75],
          [1, 0.25],
        ],
        t,
      );
    rings.push(
      Array.from({ length: SIDES }, (_, i) => {
        const a = (i / SIDES) * Math.PI * 2;
        const ridge = Math.sin(a) > 0 ? 1 + 0.25 * bell(Math.cos(a), 0.3) : 0.5;
        const q = add(p, add(scale(across, wide * Math.cos(a)), scale(up, thick * ridge * Math.sin(a))));
        const shade = s.shade * (0.55 + 0.45 * Math.sin(a)) * (0.7 + 0.5 * t);
        return put(q, shade, [i / SIDES, t]);
      }),
    );
  }
  for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k + 1]!, rings[k]!);
  fan(mesh, rings[0]!, put(pathAt(0), s.shade * 0.5, [0, 0]));
  fan(mesh, [...rings[RINGS]!].reverse(), put(pathAt(1), s.shade, [0, 1]));
};
