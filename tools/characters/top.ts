import { ARMS_DOWN, armRadius, spread, trunkOf, trunkRelief } from './body.ts';
import { type Fold, relief } from './folds.ts';
import { oval, put, skinRings } from './limbs.ts';
import { bell, curve, distance, mix, scale, smooth, type Vec } from './math.ts';
import { emptyMesh, type Mesh, relax, type Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';
import { armSkin, blendSkin, softenSkin, trunkSkin } from './weights.ts';

const COLUMNS = 30;
/** Columns and rows of the hole from which the left sleeve grows. */
const SLEEVE = { from: 5, to: 10, rows: 4 };

/** Where the left sleeve ends, in metres along X. */
export const sleeveEnd = (person: Person) => {
  const j = joints(person);
  return j.shoulderX + j.arm + j.forearm * (person.clothes === 'sweater' ? 0.42 : 0.3);
};

/** A garment of the upper body. */
export type Cut = {
  /** Metres from the body. */
  ease: number;
  cloth: Vec;
  trim: Vec;
  /** Height of the hem in metres, and how far the rib or band above it goes. */
  hem: number;
  band: number;
  /** Half opening at the front (metres) by share of height. */
  gap?: (t: number) => number;
  sleeves: boolean;
  /** Whether the hem hangs over what is worn below. */
  loose: boolean;
  frontOnly?: boolean;
  /** How much lower the hem hangs at an angle, in metres. */
  dip?: (angle: number) => number;
  /** Relief of the cloth in metres, by height and angle. */
  relief: (y: number, angle: number) => number;
  /** Steps at the hem: outwards, up (metres), shade. */
  edge: readonly (readonly [number, number, number])[];
  /** Steps of the collar: outwards, up (metres), shade. */
  collar: readonly (readonly [number, number, number])[];
  collarEase: number;
  /** Shares of the height between hem and armhole at which rows lie. */
  rows: readonly number[];
};

/** A garment with the grid of its rows, from hem to neck, on which details are laid. */
export type Garment = { mesh: Mesh; rings: number[][] };

/** Makes the trunk, neck and sleeves of a garment, in the T-pose. */
export const garment = (person: Person, cut: Cut): Garment => {
  const mesh = emptyMesh();
  const j = joints(person);
  const { ease, cloth, trim } = cut;
  const s = j.shoulderY;
  const trunk = trunkOf(person);
  const radius = armRadius(person) + ease * 0.5;
  const under = s - (0.036 + radius);
  const over = s + 0.036 + ease * 0.3;
  const heights = [
    ...cut.rows.map((t) => mix(cut.hem, under, t)),
    ...[0.25, 0.5, 0.75, 1].map((t) => mix(under, over, t)),
  ];
  const collarY = j.neckBase[1] + 0.01;
  const angles = (y: number, wide: number) => {
    const x = cut.gap ? cut.gap((y - cut.hem) / (collarY - cut.hem)) : 0;
    const g = Math.asin((x / wide) ** (1 / 0.85));
    return Array.from({ length: COLUMNS + 1 }, (_, c) => g + (c / COLUMNS) * 2 * (Math.PI - g));
  };
  const pit = (p: Vec): Skin => {
    const ax = Math.abs(p[0]);
    const high = Math.hypot((p[1] - s + 0.022) / 0.062, (p[2] + 0.02) / 0.058);
    const far = Math.hypot(Math.max(0, j.shoulderX - 0.006 - ax), 0.058 * Math.max(0, high - 1));
    const side = p[0] >= 0 ? 'left' : 'right';
    return cut.sleeves || ax > 0.05
      ? blendSkin(trunkSkin(person, p, cut.loose), [[`${side}UpperArmHalf`, 1]], 0.42 * smooth(0.075, 0, far))
      : trunkSkin(person, p, cut.loose);
  };
  const rings: number[][] = [];
  for (const y of heights) {
    const [wide, front, back, z] = trunk(y);
    const inBand = y < cut.hem + cut.band;
    rings.push(
      angles(y, wide + ease).map((angle) => {
        const [x, dz] = oval(angle, wide + ease, front + ease, back + ease);
        const fold = cut.relief(y, angle);
        const grow = 1 + (fold + trunkRelief(person, x, y, dz > 0)) / Math.hypot(x, dz);
        const low = (cut.dip?.(angle) ?? 0) * smooth(cut.hem + 0.14, cut.hem + 0.03, y);
        const p: Vec = [x * grow, y - low, z + dz * grow];
        return put(mesh, p, scale(inBand ? trim : cloth, 1 + 18 * Math.min(0, fold)), pit(p));
      }),
    );
  }
  const collarR = 0.0625 * person.face.neck ** 0.5 + cut.collarEase;
  const [lastWide, lastFront, lastBack, lastZ] = trunk(over);
  for (const [t, sag] of [
    [0.24, 0.001],
    [0.5, 0.004],
    [0.77, 0.004],
    [1, 0],
  ] as const)
    rings.push(
      angles(mix(over, collarY, t), mix(lastWide + ease, collarR, t)).map((angle) => {
        const [x0, z0] = oval(angle, lastWide + ease, lastFront + ease, lastBack + ease);
        const [x1, z1] = oval(angle, collarR, collarR * 1.04, collarR, 1);
        const front = 0.5 + 0.5 * Math.cos(angle);
        const y =
          mix(over, collarY - 0.032 * front * front, t) - sag * Math.abs(Math.sin(angle)) + ease * 0.5 * t;
        const p: Vec = [mix(x0, x1, t), y, mix(lastZ + z0, -0.02 + z1, t)];
        return put(mesh, p, cloth, pit(p));
      }),
    );
  // Cloth runs along the surface: the pattern's rows count the length of each column.
  for (let c = 0; c <= COLUMNS; c++) {
    let along = 0;
    for (const [r, ring] of rings.entries()) {
      if (r > 0) along += distance(mesh.vertices[rings[r - 1]![c]!]!.p, mesh.vertices[ring[c]!]!.p);
      const v = mesh.vertices[ring[c]!]!;
      v.uv = [
        (c / COLUMNS) * 16,
        r < cut.rows.filter((t) => mix(cut.hem, under, t) < cut.hem + cut.band * 0.98).length &&
        cut.band > 0.03
          ? 0
          : along * 16,
      ];
    }
  }
  const grid = [...rings];
  const collar = rings[rings.length - 1]!;
  for (const [out, up, tone] of cut.collar) rings.push(rim(mesh, collar, out, up, scale(trim, tone)));
  for (const [out, up, tone] of cut.edge) rings.unshift(rim(mesh, grid[0]!, out, up, scale(trim, tone)));
  const row = cut.edge.length + cut.rows.length - 1;
  const hole = (r: number, c: number) =>
    cut.sleeves &&
    r >= row &&
    r < row + SLEEVE.rows &&
    ((c >= SLEEVE.from && c < SLEEVE.to) || (c >= COLUMNS - SLEEVE.to && c < COLUMNS - SLEEVE.from));
  for (let r = 0; r + 1 < rings.length; r++)
    for (let c = 0; c < COLUMNS; c++) {
      if (hole(r, c)) continue;
      const shown = r < rings.length - 8 ? 3 : 9;
      if (cut.frontOnly && c >= shown && c < COLUMNS - shown) continue;
      mesh.faces.push([rings[r]![c]!, rings[r]![c + 1]!, rings[r + 1]![c + 1]!, rings[r + 1]![c]!]);
    }
  if (cut.gap)
    for (const end of [0, COLUMNS])
      frontEdge(mesh, rings.slice(0, rings.length - cut.collar.length), end, trim);
  if (cut.sleeves)
    for (const side of [1, -1] as const)
      sleeve(mesh, person, cut, (r, c) => rings[row + r]![side === 1 ? c : COLUMNS - c]!, side);
  relax(mesh, 5, (v) => {
    const ax = Math.abs(v.p[0]);
    const near =
      bell((ax - j.shoulderX - 0.012) / 0.05, 1) *
      smooth(under - 0.05, under, v.p[1]) *
      smooth(0.09, 0.115, ax);
    return cut.sleeves ? 0.5 * near : 0;
  });
  softenSkin(mesh, 4, 0.5);
  spread(person, mesh);
  dropUnused(mesh, [grid]);
  return { mesh, rings: grid };
};

/** A copy of a ring moved outwards (from its own middle) and up. */
const rim = (mesh: Mesh, ring: readonly number[], out: number, up: number, tint: Vec) => {
  const middle = [0, 2].map((c) => ring.reduce((a, k) => a + mesh.vertices[k]!.p[c]!, 0) / ring.length);
  return ring.map((k) => {
    const v = mesh.vertices[k]!;
    const dx = v.p[0] - middle[0]!;
    const dz = v.p[2] - middle[1]!;
    const n = Math.hypot(dx, dz);
    const p: Vec = [v.p[0] + (dx / n) * out, v.p[1] + up, v.p[2] + (dz / n) * out];
    return put(mesh, p, tint, v.skin, v.uv);
  });
};

/** Gives the open front edge of a garment its thickness. */
const frontEdge = (mesh: Mesh, rings: readonly (readonly number[])[], end: number, trim: Vec) => {
  const first = rings.map((ring) => ring[end]!);
  const sign = end === 0 ? 1 : -1;
  const edge = (depth: number, turn: number, tone: number) =>
    first.map((k) => {
      const { p, uv, skin } = mesh.vertices[k]!;
      const q: Vec = [p[0] + sign * turn, p[1], p[2] - depth];
      return put(mesh, q, scale(trim, tone), skin, uv);
    });
  const strip = [first, edge(0.003, -0.0022, 1), edge(0.008, 0.02, 0.5)];
  const from = mesh.faces.length;
  skinRings(mesh, strip, false);
  if (end === 0) for (const f of mesh.faces.slice(from)) f.reverse();
};

/** The first rings of a sleeve: top and underside from the shoulder's joint (for a radius of 47 mm), half depth; shares of trunk, half and whole arm. */
const SHOULDER = [
  [0.021, 0.034, -0.008, -0.082, 0.055, 0.2, 0.7, 0.1],
  [0.044, 0.018, -0.002, -0.09, 0.053, 0, 0.68, 0.32],
  [0.064, -0.012, 0.009, -0.104, 0.0515, 0, 0.34, 0.66],
] as const;

const sleeve = (
  mesh: Mesh,
  person: Person,
  cut: Cut,
  node: (row: number, column: number) => number,
  side: 1 | -1,
) => {
  const j = joints(person);
  const { from, to, rows } = SLEEVE;
  const name = side === 1 ? 'left' : 'right';
  const q = Math.PI / 2;
  const wide = to - from;
  const border: [number, number][] = [];
  for (let k = 0; k < rows; k++) border.push([node(k, to), -q / 2 + (q * k) / rows]);
  for (let k = 0; k < wide; k++) border.push([node(rows, to - k), q / 2 + (q * k) / wide]);
  for (let k = 0; k < rows; k++) border.push([node(rows - k, from), (3 * q) / 2 + (q * k) / rows]);
  for (let k = 0; k < wide; k++) border.push([node(0, from + k), (5 * q) / 2 + (q * k) / wide]);
  const loop = border.map(([k]) => k);
  const turns = border.map(([, a]) => a);
  const end = sleeveEnd(person) - j.shoulderX;
  const arm = person.body.arm;
  const r0 = armRadius(person) + cut.ease * 0.35;
  const big = r0 / 0.047;
  const knit = person.clothes === 'sweater';
  const folds: Fold[] = [
    { at: 0.1, from: 1.6, to: 4.4, slope: 0.03, high: 0.007 * arm, wide: 0.015 },
    { at: 0.16, from: -0.6, to: 2.4, slope: -0.03, high: 0.006 * arm, wide: 0.017 },
    { at: j.arm - 0.052, from: 2, to: 4.8, slope: 0.014, high: 0.008 * arm, wide: 0.013 },
    { at: j.arm - 0.008, from: 1.7, to: 4.4, slope: -0.012, high: 0.009 * arm, wide: 0.012 },
    { at: j.arm + 0.03, from: 2.2, to: 5.2, slope: 0.014, high: 0.008 * arm, wide: 0.012 },
    ...(knit
      ? [
          { at: end - 0.048, from: -1, to: 3, slope: 0.008, high: 0.007, wide: 0.011 },
          { at: end - 0.056, from: 2.4, to: 5.6, slope: -0.008, high: 0.007, wide: 0.011 },
        ]
      : []),
  ];
  const c = Math.cos(ARMS_DOWN);
  const d = Math.sin(ARMS_DOWN);
  const width = [
    [0, 1],
    [j.arm * 0.55, 0.95],
    [j.arm, 0.93],
    [j.arm + 0.06, 0.92],
    [end, knit ? 0.84 : 0.89],
  ] as const;
  const point = (x: number, y: number, z: number): Vec => [
    side * (j.shoulderX + x),
    j.shoulderY + y,
    -0.016 + z,
  ];
  const all: (readonly number[])[] = [loop];
  for (const [tx, ty, bx, by, deep, trunk, half, full] of SHOULDER)
    all.push(
      turns.map((a, k) => {
        const [u, v] = [Math.sin(a), Math.cos(a)];
        const p = point(
          big * mix((tx + bx) / 2, u > 0 ? tx : bx, Math.abs(u)),
          big * mix((ty + by) / 2, u > 0 ? ty : by, Math.abs(u)),
          -v * deep * big,
        );
        const skin: Skin = [
          [`${name}Shoulder`, trunk],
          [`${name}UpperArmHalf`, half],
          [`${name}UpperArm`, full],
        ];
        return put(mesh, p, cut.cloth, skin, [(k / turns.length) * 6, big * tx * 16]);
      }),
    );
  const ring = (l: number, grow: number, tint: Vec, rib = false) =>
    turns.map((a, k) => {
      const r = r0 * curve(width, l) + grow + (rib ? 0 : relief(folds, l, a));
      const up = r * Math.sin(a);
      // Cloth hangs: the underside lies a little lower than the arm.
      const low = 0.004 * Math.max(0, -Math.sin(a));
      const x = l * c + (up - low) * d;
      const y = -l * d + (up - low) * c;
      const p = point(x, y, -r * Math.cos(a));
      const skin = blendSkin(
        [[`${name}UpperArmHalf`, 1]],
        armSkin(person, j.shoulderX + l, name),
        smooth(0.04, 0.125, l),
      );
      return put(mesh, p, tint, skin, [(k / turns.length) * 6, rib && knit ? 0 : l * 16]);
    });
  const lengths = [
    0.1 * big,
    0.128 * big,
    ...[0.62].map((t) => j.arm * t),
    ...[-0.056, -0.03, -0.006, 0.018, 0.042].map((x) => j.arm + x),
    ...(knit ? [end - 0.058, end - 0.046] : []),
  ];
  const cuff = end - (knit ? 0.038 : 0.052);
  const first0 = 0.1 * big;
  for (const l of lengths
    .filter((x, k) => k === 0 || (x > first0 + 0.012 && x < cuff - 0.004))
    .sort((a, b) => a - b))
    all.push(ring(l, 0, cut.cloth));
  for (const [dx, grow, tone] of knit
    ? ([
        [-0.036, 0.001, 0.85],
        [-0.034, 0.006, 1],
        [-0.006, 0.0065, 1],
        [0, 0.004, 0.95],
        [-0.002, -0.0015, 0.7],
        [-0.04, -0.006, 0.4],
      ] as const)
    : ([
        [-0.05, 0.0005, 0.8],
        [-0.049, 0.0055, 1.06],
        [-0.003, 0.006, 1.06],
        [0, 0.0045, 1],
        [-0.001, 0.0005, 0.7],
        [-0.045, -0.004, 0.4],
      ] as const))
    all.push(ring(end + dx, grow, scale(cut.trim, tone), true));
  const first = mesh.faces.length;
  skinRings(mesh, all);
  if (side === -1) for (const f of mesh.faces.slice(first)) f.reverse();
};

/** Removes vertices that no face uses, and renumbers the grids that refer to them (-1: gone). */
const dropUnused = (mesh: Mesh, grids: readonly number[][][]) => {
  const used = new Set(mesh.faces.flat());
  const place = new Map<number, number>();
  mesh.vertices = mesh.vertices.filter((_, k) => {
    if (!used.has(k)) return false;
    place.set(k, place.size);
    return true;
  });
  mesh.faces = mesh.faces.map((f) => f.map((k) => place.get(k)!));
  for (const grid of grids)
    for (const ring of grid) for (const [c, k] of ring.entries()) ring[c] = place.get(k) ?? -1;
};
