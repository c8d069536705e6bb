import { at, oval, put, skinRings } from './limbs.ts';
import { bell, colour, curve, distance, mix, scale, smooth, type Vec } from './math.ts';
import { emptyMesh, type Mesh, relax } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';
import { torsoSkin } from './weights.ts';

const COLUMNS = 36;
/** Columns and rows of the hole from which the left sleeve grows, and the first of its rows. */
const SLEEVE = { from: 6, to: 12, row: 10, rows: 4 };

/** Where the left sleeve ends, in metres along X. */
export const sleeveEnd = (person: Person) => {
  const j = joints(person);
  return j.shoulderX + j.arm + j.forearm * (person.clothes === 'sweater' ? 0.4 : 0.26);
};

/** A garment of the upper body: distance from the body, half opening at the front (radians, by share of height), collar. */
type Cut = {
  ease: number;
  cloth: Vec;
  trim: Vec;
  gap?: (t: number) => number;
  sleeves: boolean;
  frontOnly?: boolean;
  hem: number;
  /** Steps of the collar: outwards, up (metres), shade. */
  collar: readonly (readonly [number, number, number])[];
  collarEase: number;
};

/** What a person wears above the waist: the knit or woven outer layer, and what shows beneath it. */
export const buildTop = (person: Person): { outer: Mesh; inner: Mesh } => {
  const c = person.colours;
  if (person.clothes === 'sweater')
    return {
      inner: emptyMesh(),
      outer: garment(person, {
        ease: 0.014,
        cloth: colour(c.top),
        trim: colour(c.trim),
        sleeves: true,
        hem: -0.035,
        collar: [
          [0.006, 0.002, 1],
          [0.0085, 0.014, 1],
          [0.006, 0.026, 1],
          [0, 0.029, 1],
          [-0.004, 0.02, 0.7],
          [-0.006, -0.02, 0.5],
        ],
        collarEase: 0.004,
      }),
    };
  const inner = garment(person, {
    ease: 0.006,
    cloth: colour(c.shirt),
    trim: scale(colour(c.shirt), 0.94),
    sleeves: false,
    frontOnly: true,
    hem: -0.02,
    collar: [
      [0.003, 0.002, 1],
      [0.004, 0.01, 1],
      [0.0015, 0.013, 1],
      [-0.004, 0.008, 0.7],
      [-0.006, -0.015, 0.5],
    ],
    collarEase: 0.002,
  });
  const outer = garment(person, {
    ease: 0.021,
    cloth: colour(c.top),
    trim: colour(c.trim),
    gap: (t) =>
      curve(
        [
          [0, 0.4],
          [0.3, 0.34],
          [0.7, 0.3],
          [0.9, 0.36],
          [1, 0.62],
        ],
        t,
      ),
    sleeves: true,
    hem: -0.06,
    collar: [
      [0.001, 0.012, 1],
      [0.003, 0.026, 1],
      [0.009, 0.031, 1],
      [0.018, 0.024, 1],
      [0.03, 0.002, 1],
      [0.028, -0.001, 0.8],
      [0.014, 0.014, 0.6],
    ],
    collarEase: 0.013,
  });
  return { inner, outer };
};

const garment = (person: Person, cut: Cut): Mesh => {
  const mesh = emptyMesh();
  const j = joints(person);
  const b = person.body;
  const { ease, cloth, trim } = cut;
  const s = j.shoulderY;
  const shoulderW = j.shoulderX + ease - 0.002;
  const deep = ease - 0.014;
  const bottom = j.hipY + cut.hem;
  // height, half width, depth in front, depth behind, centre z
  const table = [
    [j.hipY - 0.09, b.hip + ease + 0.006, 0.114 * b.depth + deep, 0.13 * b.depth + deep, -0.004],
    [j.hipY - 0.01, b.hip + ease, 0.114 * b.depth + deep, 0.128 * b.depth + deep, -0.004],
    [j.hipY + 0.09, b.waist + ease + 0.01, b.belly + deep, 0.106 * b.depth + deep, -0.006],
    [j.hipY + 0.2, b.chest + ease - 0.01, b.belly * 0.97 + deep, 0.102 * b.depth + deep, -0.01],
    [s - 0.15, b.chest + ease + 0.004, 0.12 * b.depth + deep, 0.112 * b.depth + deep, -0.014],
    [s - 0.075, shoulderW - 0.01, 0.112 * b.depth + deep, 0.11 * b.depth + deep, -0.017],
    [s - 0.01, shoulderW, 0.096 * b.depth + deep, 0.1 * b.depth + deep, -0.019],
    [s + 0.046, shoulderW - 0.012, 0.076 * b.depth + deep, 0.084 * b.depth + deep, -0.02],
  ] as const;
  const under = s - 0.075;
  const heights = [
    ...[0, 0.03, 0.05, 0.13, 0.23, 0.34, 0.46, 0.58, 0.71, 0.84, 1].map((t) => mix(bottom, under, t)),
    ...[0.25, 0.5, 0.75, 1].map((t) => mix(under, s + 0.046, t)),
  ];
  const collarY = j.neckBase[1] + 0.012;
  const angles = (y: number) => {
    const g = cut.gap ? cut.gap(smooth(0, 1, (y - bottom) / (collarY - bottom))) : 0;
    return Array.from({ length: COLUMNS + 1 }, (_, c) => g + (c / COLUMNS) * 2 * (Math.PI - g));
  };
  const rings: number[][] = [];
  for (const [r, y] of heights.entries()) {
    const [wide, front, back, z] = at(table, y) as [number, number, number, number];
    const rib = r < 3 ? 0.0035 : 0;
    rings.push(
      angles(y).map((angle) => {
        const [x, dz] = oval(angle, wide, front, back);
        const slack = bell((y - j.hipY - 0.06) / 0.08, 1);
        const side = Math.abs(Math.sin(angle));
        const fold = 0.0045 * slack * side * Math.sin((y - j.hipY) * 85 + 1.5 * Math.cos(angle * 2));
        const bust =
          0.006 * bell((y - s + 0.16) / 0.07, 1) * Math.max(0, Math.cos(angle)) * (0.4 + 0.6 * side);
        const grow = 1 + (fold + bust + rib) / Math.hypot(x, dz);
        const p: Vec = [x * grow, y, z + dz * grow];
        return put(mesh, p, r < 3 ? trim : cloth, torsoSkin(person, p));
      }),
    );
  }
  const collarR = 0.0625 * person.face.neck ** 0.5 + cut.collarEase;
  const last = at(table, s + 0.046) as [number, number, number, number];
  for (const [t, lift] of [
    [0.22, 0.004],
    [0.48, 0.007],
    [0.75, 0.007],
    [1, 0],
  ] as const)
    rings.push(
      angles(mix(s + 0.046, collarY, t)).map((angle) => {
        const [x0, z0] = oval(angle, last[0], last[1], last[2]);
        const [x1, z1] = oval(angle, collarR, collarR * 1.04, collarR, 1);
        const front = 0.5 + 0.5 * Math.cos(angle);
        const y =
          mix(s + 0.046, collarY - 0.03 * front * front, t) + lift * Math.abs(Math.sin(angle)) + deep * t;
        const p: Vec = [mix(x0, x1, t), y, mix(last[3] + z0, -0.02 + z1, t)];
        return put(mesh, p, cloth, torsoSkin(person, p));
      }),
    );
  // Cloth runs along the surface: the pattern's rows count the length of each column.
  for (let c = 0; c <= COLUMNS; c++) {
    let along = 0;
    for (const [r, ring] of rings.entries()) {
      if (r > 0) along += distance(mesh.vertices[rings[r - 1]![c]!]!.p, mesh.vertices[ring[c]!]!.p);
      mesh.vertices[ring[c]!]!.uv = [(c / COLUMNS) * 16, along * 16];
    }
  }
  const collar = rings[rings.length - 1]!;
  for (const [out, up, tone] of cut.collar) rings.push(rim(mesh, person, collar, out, up, scale(trim, tone)));
  for (const [out, up, tone] of [
    [-0.003, -0.004, 1],
    [-0.009, -0.003, 0.7],
    [-0.012, 0.05, 0.4],
  ] as const)
    rings.unshift(rim(mesh, person, rings[0]!, out, up, scale(trim, tone)));
  const row = SLEEVE.row + 3;

  const hole = (r: number, c: number) =>
    cut.sleeves &&
    r >= row &&
    r < row + SLEEVE.rows &&
    ((c >= SLEEVE.from && c < SLEEVE.to) || (c >= COLUMNS - SLEEVE.to && c < COLUMNS - SLEEVE.from));
  for (let r = 0; r + 1 < rings.length; r++)
    for (let c = 0; c < COLUMNS; c++) {
      if (hole(r, c)) continue;
      if (cut.frontOnly && r < rings.length - 7 && c > 6 && c < COLUMNS - 7) continue;
      mesh.faces.push([rings[r]![c]!, rings[r]![c + 1]!, rings[r + 1]![c + 1]!, rings[r + 1]![c]!]);
    }
  if (cut.gap)
    for (const end of [0, COLUMNS]) {
      placket(mesh, person, rings.slice(0, rings.length - cut.collar.length), end, trim);
      mesh.faces.push(rings.slice(-cut.collar.length - 1).map((ring) => ring[end]!));
    }
  if (cut.sleeves)
    for (const side of [1, -1] as const)
      sleeve(mesh, person, cut, (r, c) => rings[row + r]![side === 1 ? c : COLUMNS - c]!, side);
  // Soft dark in the armpits and over the small of the back.
  for (const v of mesh.vertices) {
    const pit =
      bell((Math.abs(v.p[0]) - j.shoulderX - 0.01) / 0.045, 1) * bell((v.p[1] - s + 0.085) / 0.05, 1);
    const small = bell((v.p[1] - j.hipY - 0.1) / 0.07, 1) * bell(v.p[0] / 0.06, 1) * smooth(0, -0.06, v.p[2]);
    v.colour = scale(v.colour, 1 - 0.4 * pit - 0.12 * small);
  }
  dropUnused(mesh);
  relax(mesh, 6, (v) => {
    const ax = Math.abs(v.p[0]);
    const near = bell((ax - shoulderW) / 0.07, 1) * bell((v.p[1] - s) / 0.12, 1);
    return cut.sleeves ? 0.55 * near * smooth(0.1, 0.13, ax) : 0;
  });
  return mesh;
};

/** A copy of a ring moved outwards (from its own middle) and up. */
const rim = (mesh: Mesh, person: Person, ring: readonly number[], out: number, up: number, tint: Vec) => {
  const middle = [0, 2].map((c) => ring.reduce((a, k) => a + mesh.vertices[k]!.p[c]!, 0) / ring.length);
  return ring.map((k) => {
    const v = mesh.vertices[k]!;
    const dx = v.p[0] - middle[0]!;
    const dz = v.p[2] - middle[1]!;
    const n = Math.hypot(dx, dz);
    const p: Vec = [v.p[0] + (dx / n) * out, v.p[1] + up, v.p[2] + (dz / n) * out];
    return put(mesh, p, tint, torsoSkin(person, p), v.uv);
  });
};

/** Gives the open front edge of a garment its thickness. */
const placket = (
  mesh: Mesh,
  person: Person,
  rings: readonly (readonly number[])[],
  end: number,
  trim: Vec,
) => {
  const first = rings.map((ring) => ring[end]!);
  const edge = (depth: number, turn: number, tone: number) =>
    first.map((k) => {
      const { p, uv } = mesh.vertices[k]!;
      const q: Vec = [p[0] * (1 + turn), p[1], p[2] - depth];
      return put(mesh, q, scale(trim, tone), torsoSkin(person, q), uv);
    });
  const strip = [first, edge(0.002, -0.06, 1), edge(0.012, -0.03, 0.8), edge(0.014, 0.12, 0.5)];
  const from = mesh.faces.length;
  skinRings(mesh, strip, false);
  if (end === 0) for (const f of mesh.faces.slice(from)) f.reverse();
};

const sleeve = (
  mesh: Mesh,
  person: Person,
  cut: Cut,
  node: (row: number, column: number) => number,
  side: 1 | -1,
) => {
  const j = joints(person);
  const { from, to, rows } = SLEEVE;
  const q = Math.PI / 2;
  const wide = to - from;
  const border: [number, number][] = [];
  for (let k = 0; k < rows; k++) border.push([node(k, to), -q / 2 + (q * k) / rows]);
  for (let k = 0; k < wide; k++) border.push([node(rows, to - k), q / 2 + (q * k) / wide]);
  for (let k = 0; k < rows; k++) border.push([node(rows - k, from), (3 * q) / 2 + (q * k) / rows]);
  for (let k = 0; k < wide; k++) border.push([node(0, from + k), (5 * q) / 2 + (q * k) / wide]);
  const loop = border.map(([k]) => k);
  const turns = border.map(([, a]) => a);
  const end = sleeveEnd(person);
  const arm = person.body.arm;
  const elbow = j.shoulderX + j.arm;
  const width = [
    [j.shoulderX, 0.064 * arm],
    [j.shoulderX + 0.06, 0.061 * arm],
    [mix(j.shoulderX, elbow, 0.5), 0.055 * arm],
    [elbow - 0.03, 0.0515 * arm],
    [elbow + 0.01, 0.051 * arm],
    [end - 0.03, 0.0495 * arm],
    [end, 0.0485 * arm],
  ] as const;
  const near = [0.3, 0.45, 0.6, 0.72, 0.82].map((t) => mix(j.shoulderX, elbow, t));
  const bend = [-0.03, -0.014, 0, 0.014, 0.03].map((d) => elbow + d);
  const stations = [
    j.shoulderX + 0.012,
    j.shoulderX + 0.035,
    ...near,
    ...bend.filter((x) => x < end - 0.04),
    end - 0.035,
  ];
  const ring = (x: number, grow: number, tint: Vec) =>
    turns.map((a, k) => {
      const fold =
        0.0035 * bell((x - elbow + 0.01) / 0.05, 1) * Math.sin((x - elbow) * 170 + 1.6 * Math.sin(a)) +
        0.0025 * bell((x - mix(j.shoulderX, elbow, 0.55)) / 0.06, 1) * Math.sin(x * 120 + a * 2);
      const r = curve(width, x) + grow + fold;
      const drop = 0.006 * bell((x - j.shoulderX) / 0.06, 1);
      const p: Vec = [side * x, j.shoulderY - drop + r * 0.97 * Math.sin(a), -0.016 - r * Math.cos(a)];
      return put(mesh, p, tint, torsoSkin(person, p), [(k / turns.length) * 6, x * 16]);
    });
  const all: (readonly number[])[] = [loop, ...stations.map((x) => ring(x, 0, cut.cloth))];
  for (const [dx, grow, tone] of [
    [-0.033, 0.004, 1],
    [-0.03, 0.0065, 1],
    [-0.004, 0.0065, 1],
    [0, 0.004, 0.95],
    [-0.002, -0.002, 0.7],
    [-0.04, -0.006, 0.4],
  ] as const)
    all.push(ring(end + dx, grow, scale(cut.trim, tone)));
  const first = mesh.faces.length;
  skinRings(mesh, all);
  if (side === -1) for (const f of mesh.faces.slice(first)) f.reverse();
};

/** Removes vertices that no face uses. */
const dropUnused = (mesh: Mesh) => {
  const used = new Set(mesh.faces.flat());
  const place = new Map<number, number>();
  mesh.vertices = mesh.vertices.filter((_, k) => {
    if (!used.has(k)) return false;
    place.set(k, place.size);
    return true;
  });
  mesh.faces = mesh.faces.map((f) => f.map((k) => place.get(k)!));
};
