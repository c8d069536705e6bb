import { add, cross, dot, length, normalize, scale, sub, type Vec } from './math.ts';

/** Bone names with weights; they are normalised and cut to four when written. */
export type Skin = readonly (readonly [bone: string, weight: number])[];

/** One vertex: position in metres, linear colour, texture coordinate, skin. */
export type Vertex = { p: Vec; colour: Vec; uv: [number, number]; skin: Skin };

/** A polygon mesh of quads and triangles over shared vertices; `faces` wind counter-clockwise seen from outside. */
export type Mesh<V extends Vertex = Vertex> = { vertices: V[]; faces: number[][] };

/** An empty mesh. */
export const emptyMesh = <V extends Vertex = Vertex>(): Mesh<V> => ({ vertices: [], faces: [] });

/** Appends `more` to `mesh`. */
export const append = <V extends Vertex>(mesh: Mesh<V>, more: Mesh<V>) => {
  const first = mesh.vertices.length;
  for (const v of more.vertices) mesh.vertices.push(v);
  for (const f of more.faces) mesh.faces.push(f.map((k) => k + first));
};

/** Triangle indices of a mesh. */
export const triangles = (mesh: Mesh) => {
  const out: number[] = [];
  for (const f of mesh.faces) for (let k = 2; k < f.length; k++) out.push(f[0]!, f[k - 1]!, f[k]!);
  return out;
};

/** Area-weighted vertex normals of `positions` over `faces`. */
export const normalsOf = (positions: readonly Vec[], faces: readonly number[][]): Vec[] => {
  const out: Vec[] = positions.map(() => [0, 0, 0]);
  for (const f of faces) {
    const [a, b, c] = [positions[f[0]!]!, positions[f[1]!]!, positions[f[2]!]!];
    const d = f.length > 3 ? positions[f[3]!]! : c;
    const n = cross(sub(c, a), sub(d === c ? c : d, b));
    const face = f.length > 3 ? n : cross(sub(b, a), sub(c, a));
    for (const k of f) out[k] = add(out[k]!, face);
  }
  return out.map(normalize);
};

/** Vertex tangents for normal maps: along growing u, with the sign for a bitangent towards falling v (glTF's up). */
export const tangentsOf = (mesh: Mesh, normals: readonly Vec[]): [number, number, number, number][] => {
  const along: Vec[] = normals.map(() => [0, 0, 0]);
  const upward: Vec[] = normals.map(() => [0, 0, 0]);
  const t = triangles(mesh);
  for (let k = 0; k < t.length; k += 3) {
    const [a, b, c] = [mesh.vertices[t[k]!]!, mesh.vertices[t[k + 1]!]!, mesh.vertices[t[k + 2]!]!];
    const [e, f] = [sub(b.p, a.p), sub(c.p, a.p)];
    const [u1, v1, u2, v2] = [b.uv[0] - a.uv[0], b.uv[1] - a.uv[1], c.uv[0] - a.uv[0], c.uv[1] - a.uv[1]];
    const turn = Math.sign(u1 * v2 - u2 * v1);
    for (const i of [t[k]!, t[k + 1]!, t[k + 2]!]) {
      along[i] = add(along[i]!, sub(scale(e, v2 * turn), scale(f, v1 * turn)));
      upward[i] = add(upward[i]!, sub(scale(e, u2 * turn), scale(f, u1 * turn)));
    }
  }
  return normals.map((n, k) => {
    const flat = sub(along[k]!, scale(n, dot(n, along[k]!)));
    const side = length(flat) > 1e-12 ? flat : cross(n, Math.abs(n[1]) < 0.9 ? [0, 1, 0] : [1, 0, 0]);
    const out = normalize(side);
    return [...out, dot(cross(n, out), upward[k]!) < 0 ? -1 : 1];
  });
};

/** Makes the normals of vertices at the same place equal, so that seams of the texture do not show. */
export const weldNormals = (mesh: Mesh, normals: Vec[]) => {
  const places = new Map<string, number[]>();
  for (const [k, v] of mesh.vertices.entries()) {
    const key = v.p.map((x) => Math.round(x * 1e5)).join();
    places.set(key, [...(places.get(key) ?? []), k]);
  }
  for (const same of places.values()) {
    if (same.length < 2) continue;
    const mean = normalize(same.reduce((sum, k) => add(sum, normals[k]!), [0, 0, 0] as Vec));
    for (const k of same) normals[k] = mean;
  }
  return normals;
};

/** Adds the quads between two rings of vertex indices of equal length; `closed` joins last to first. */
export const bridge = (mesh: Mesh, a: readonly number[], b: readonly number[], closed = true) => {
  const n = a.length;
  for (let k = 0; k < (closed ? n : n - 1); k++) {
    const next = (k + 1) % n;
    mesh.faces.push([a[k]!, a[next]!, b[next]!, b[k]!]);
  }
};

/** Closes a ring with a fan around one new centre vertex. */
export const fan = (mesh: Mesh, ring: readonly number[], centre: number) => {
  for (let k = 0; k < ring.length; k++) mesh.faces.push([ring[k]!, ring[(k + 1) % ring.length]!, centre]);
};

/** For each vertex the vertices that share an edge with it. */
export const neighbours = (mesh: Mesh): number[][] => {
  const near: Set<number>[] = mesh.vertices.map(() => new Set());
  for (const f of mesh.faces)
    for (let k = 0; k < f.length; k++) {
      const a = f[k]!;
      const b = f[(k + 1) % f.length]!;
      near[a]!.add(b);
      near[b]!.add(a);
    }
  return near.map((set) => [...set]);
};

/** Moves the chosen vertices towards the mean of their neighbours. */
export const relax = (mesh: Mesh, rounds: number, amount: (v: Vertex, k: number) => number) => {
  const near = neighbours(mesh);
  const weights = mesh.vertices.map(amount);
  for (let r = 0; r < rounds; r++) {
    const before = mesh.vertices.map((v) => v.p);
    for (const [k, v] of mesh.vertices.entries()) {
      const w = weights[k]!;
      if (w <= 0 || near[k]!.length === 0) continue;
      let mean: Vec = [0, 0, 0];
      for (const j of near[k]!) mean = add(mean, before[j]!);
      const n = near[k]!.length;
      v.p = [0, 1, 2].map((c) => before[k]![c]! * (1 - w) + (mean[c]! / n) * w) as Vec;
    }
  }
};
