import { put } from './limbs.ts';
import { add, cross, distance, mixVec, normalize, scale, sub, type Vec } from './math.ts';
import { type Mesh, normalsOf, type Skin } from './mesh.ts';
import { blendSkin } from './weights.ts';

/** A place on cloth: where, which way is out, and how it is skinned. */
export type Spot = { p: Vec; n: Vec; skin: Skin };

/** The surface of a grid of a mesh's vertices (rows by columns), to lay details on. */
export class Surface {
  readonly #mesh: Mesh;
  readonly #rows: readonly (readonly number[])[];
  readonly #normals: readonly Vec[];
  readonly #around: number;

  /** `closed`: the last column is followed by the first. */
  constructor(mesh: Mesh, rows: readonly (readonly number[])[], closed: boolean) {
    this.#mesh = mesh;
    this.#rows = rows;
    this.#around = closed ? rows[0]!.length : 0;
    this.#normals = normalsOf(
      mesh.vertices.map((v) => v.p),
      mesh.faces,
    );
  }

  #node(r: number, c: number): Spot {
    const row = this.#rows[Math.max(0, Math.min(this.#rows.length - 1, r))]!;
    const n = this.#around;
    const k = row[n > 0 ? ((c % n) + n) % n : Math.max(0, Math.min(row.length - 1, c))]!;
    const v = this.#mesh.vertices[k]!;
    return { p: v.p, n: this.#normals[k]!, skin: v.skin };
  }

  /** The place at fractional row and column. */
  at(row: number, column: number): Spot {
    const r = Math.max(0, Math.min(this.#rows.length - 2, Math.floor(row)));
    const c = Math.floor(column);
    const [u, v] = [row - r, column - c];
    const lerp = (a: Spot, b: Spot, t: number): Spot => ({
      p: mixVec(a.p, b.p, t),
      n: normalize(mixVec(a.n, b.n, t)),
      skin: blendSkin(a.skin, b.skin, t),
    });
    return lerp(
      lerp(this.#node(r, c), this.#node(r, c + 1), v),
      lerp(this.#node(r + 1, c), this.#node(r + 1, c + 1), v),
      u,
    );
  }

  /** The row at which a column has a height. */
  rowAt(column: number, y: number): number {
    for (let r = 0; r + 1 < this.#rows.length; r++) {
      const [a, b] = [this.at(r, column).p[1], this.at(r + 1, column).p[1]];
      if ((y - a) * (y - b) <= 0 && a !== b) return r + (y - a) / (b - a);
    }
    return y > this.at(0, column).p[1] === this.at(1, column).p[1] > this.at(0, column).p[1]
      ? this.#rows.length - 1
      : 0;
  }

  /** The row that lies a way (metres) below the last along a column. */
  below(column: number, way: number): number {
    let left = way;
    for (let r = this.#rows.length - 1; r > 0; r--) {
      const step = distance(this.at(r, column).p, this.at(r - 1, column).p);
      if (left <= step) return r - left / step;
      left -= step;
    }
    return 0;
  }
}

const raised = (spot: Spot, by: number): Vec => add(spot.p, scale(spot.n, by));

/** A raised band along a path of spots: half width and height in metres, across its middle three vertices. */
export const strip = (
  mesh: Mesh,
  path: readonly Spot[],
  half: number,
  high: number,
  tint: Vec,
  edge: Vec,
) => {
  const rows = path.map((spot, k) => {
    const along = normalize(sub(path[Math.min(path.length - 1, k + 1)]!.p, path[Math.max(0, k - 1)]!.p));
    const side = normalize(cross(spot.n, along));
    return ([-1, -0.7, 0.7, 1] as const).map((u) => {
      const top = Math.abs(u) < 1;
      const p = add(raised(spot, top ? high : -0.001), scale(side, u * half));
      return put(mesh, p, top ? tint : edge, spot.skin);
    });
  });
  for (let k = 0; k + 1 < rows.length; k++)
    for (let i = 0; i < 3; i++)
      mesh.faces.push([rows[k]![i + 1]!, rows[k]![i]!, rows[k + 1]![i]!, rows[k + 1]![i + 1]!]);
};

/** A patch of cloth (rows by columns of spots) that stands off by `high`, its rim turned down. */
export const patch = (
  mesh: Mesh,
  spots: readonly (readonly Spot[])[],
  high: number,
  tint: (row: number) => Vec,
  edge: Vec,
) => {
  const last = spots.length - 1;
  const wide = spots[0]!.length - 1;
  const top = spots.map((row, r) =>
    row.map((s) => put(mesh, raised(s, high), tint(r), s.skin, [s.p[0] * 16, s.p[1] * 16])),
  );
  for (let r = 0; r < last; r++)
    for (let c = 0; c < wide; c++)
      mesh.faces.push([top[r]![c + 1]!, top[r]![c]!, top[r + 1]![c]!, top[r + 1]![c + 1]!]);
  const rim: [number, number][] = [];
  for (let c = 0; c <= wide; c++) rim.push([0, c]);
  for (let r = 1; r <= last; r++) rim.push([r, wide]);
  for (let c = wide - 1; c >= 0; c--) rim.push([last, c]);
  for (let r = last - 1; r > 0; r--) rim.push([r, 0]);
  const outer = rim.map(([r, c]) => {
    const s = spots[r]![c]!;
    const middle = spots[last >> 1]![wide >> 1]!.p;
    const away = normalize(sub(s.p, middle));
    return put(mesh, add(raised(s, -0.001), scale(away, 0.0012)), edge, s.skin);
  });
  const inner = rim.map(([r, c]) => {
    const v = mesh.vertices[top[r]![c]!]!;
    return put(mesh, v.p, edge, v.skin);
  });
  for (let k = 0; k < rim.length; k++) {
    const n = (k + 1) % rim.length;
    mesh.faces.push([outer[n]!, outer[k]!, inner[k]!, inner[n]!]);
  }
};

/** A round button with a dished middle. */
export const button = (mesh: Mesh, spot: Spot, radius: number, tint: Vec) => {
  const side = normalize(cross(spot.n, [0, 1, 0]));
  const up = cross(side, spot.n);
  const ring = (r: number, high: number, tone: number) =>
    Array.from({ length: 7 }, (_, k) => {
      const a = (k / 7) * 2 * Math.PI;
      const p = add(raised(spot, high), add(scale(side, r * Math.cos(a)), scale(up, r * Math.sin(a))));
      return put(mesh, p, scale(tint, tone), spot.skin);
    });
  const rings = [ring(radius, 0, 0.6), ring(radius, 0.0028, 1), ring(radius * 0.6, 0.0022, 0.8)];
  for (let k = 0; k + 1 < rings.length; k++)
    for (let i = 0; i < 7; i++) {
      const n = (i + 1) % 7;
      mesh.faces.push([rings[k]![n]!, rings[k]![i]!, rings[k + 1]![i]!, rings[k + 1]![n]!]);
    }
  mesh.faces.push([...rings[2]!].reverse());
};
