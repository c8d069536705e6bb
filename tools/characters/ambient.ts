import { add, dot, length, normalize, scale, sub, type Vec } from './math.ts';
import { type Mesh, neighbours, triangles } from './mesh.ts';

/** How far a surface looks for what shades it, in metres, and with how many rays. */
const REACH = 0.24;
const RAYS = 48;

type Node = { low: Vec; high: Vec; left?: Node; right?: Node; from: number; to: number };

/** Finds the nearest hit of short rays among triangles. */
class Scene {
  readonly #corners: Float64Array;
  readonly #order: Uint32Array;
  readonly #root: Node;

  constructor(soup: readonly Vec[]) {
    this.#corners = Float64Array.from(soup.flat());
    const count = soup.length / 3;
    this.#order = Uint32Array.from({ length: count }, (_, k) => k);
    this.#root = this.#split(0, count);
  }

  #split(from: number, to: number): Node {
    const low: Vec = [1e9, 1e9, 1e9];
    const high: Vec = [-1e9, -1e9, -1e9];
    for (let i = from; i < to; i++)
      for (let k = 0; k < 9; k++) {
        const x = this.#corners[9 * this.#order[i]! + k]!;
        low[k % 3] = Math.min(low[k % 3]!, x);
        high[k % 3] = Math.max(high[k % 3]!, x);
      }
    const node: Node = { low, high, from, to };
    if (to - from <= 4) return node;
    const size = sub(high, low);
    const axis = size[0] > size[1] && size[0] > size[2] ? 0 : size[1] > size[2] ? 1 : 2;
    const middle = (t: number) => {
      const at = 9 * t + axis;
      return this.#corners[at]! + this.#corners[at + 3]! + this.#corners[at + 6]!;
    };
    this.#order.subarray(from, to).sort((a, b) => middle(a) - middle(b) || a - b);
    const half = (from + to) >> 1;
    node.left = this.#split(from, half);
    node.right = this.#split(half, to);
    return node;
  }

  /** Distance to the nearest triangle along a unit direction, or `far`. */
  near(origin: Vec, direction: Vec, far: number): number {
    let best = far;
    const stack = [this.#root];
    while (stack.length > 0) {
      const node = stack.pop()!;
      let enter = 0;
      let leave = best;
      for (let c = 0; c < 3; c++) {
        const inverse = 1 / direction[c]!;
        const a = (node.low[c]! - origin[c]!) * inverse;
        const b = (node.high[c]! - origin[c]!) * inverse;
        enter = Math.max(enter, Math.min(a, b));
        leave = Math.min(leave, Math.max(a, b));
      }
      if (enter > leave) continue;
      if (node.left) {
        stack.push(node.left, node.right!);
        continue;
      }
      for (let i = node.from; i < node.to; i++) best = this.#hit(this.#order[i]!, origin, direction, best);
    }
    return best;
  }

  #hit(t: number, o: Vec, d: Vec, best: number) {
    const p = this.#corners;
    const k = 9 * t;
    const [e0, e1, e2] = [p[k + 3]! - p[k]!, p[k + 4]! - p[k + 1]!, p[k + 5]! - p[k + 2]!];
    const [f0, f1, f2] = [p[k + 6]! - p[k]!, p[k + 7]! - p[k + 1]!, p[k + 8]! - p[k + 2]!];
    const [h0, h1, h2] = [d[1] * f2 - d[2] * f1, d[2] * f0 - d[0] * f2, d[0] * f1 - d[1] * f0];
    const det = e0 * h0 + e1 * h1 + e2 * h2;
    if (Math.abs(det) < 1e-14) return best;
    const [s0, s1, s2] = [o[0] - p[k]!, o[1] - p[k + 1]!, o[2] - p[k + 2]!];
    const u = (s0 * h0 + s1 * h1 + s2 * h2) / det;
    if (u < 0 || u > 1) return best;
    const [q0, q1, q2] = [s1 * e2 - s2 * e1, s2 * e0 - s0 * e2, s0 * e1 - s1 * e0];
    const v = (d[0] * q0 + d[1] * q1 + d[2] * q2) / det;
    if (v < 0 || u + v > 1) return best;
    const far = (f0 * q0 + f1 * q1 + f2 * q2) / det;
    return far > 1e-5 && far < best ? far : best;
  }
}

/** Directions over the hemisphere, denser around the middle as light falls. */
const FAN: readonly Vec[] = Array.from({ length: RAYS }, (_, k) => {
  const up = Math.sqrt(1 - (k + 0.5) / RAYS);
  const out = Math.sqrt(1 - up * up);
  const turn = k * Math.PI * (3 - Math.sqrt(5));
  return [out * Math.cos(turn), out * Math.sin(turn), up];
});

/** A mesh to shade: where its vertices and normals lie in the pose that is shaded, and how deep (0…1) by channel. */
export type Shaded = {
  mesh: Mesh;
  places: readonly Vec[];
  normals: readonly Vec[];
  depth: Vec;
  wear: number;
};

/** Multiplies ambient occlusion, cast among all meshes and `others` (triangle corners), and worn edges into the vertex colours. */
export const occlude = (parts: readonly Shaded[], others: readonly Vec[]) => {
  const soup = [...others];
  for (const { mesh, places } of parts) for (const k of triangles(mesh)) soup.push(places[k]!);
  const scene = new Scene(soup);
  for (const { mesh, places, normals, depth, wear } of parts) {
    const near = neighbours(mesh);
    const known = new Map<string, number>();
    const open = places.map((p, k) => {
      const n = normals[k]!;
      const key = [...p, ...n].map((x) => Math.round(x * 1e4)).join();
      const found = known.get(key);
      if (found !== undefined) return found;
      const value = openness(scene, p, n);
      known.set(key, value);
      return value;
    });
    for (const [k, v] of mesh.vertices.entries()) {
      const ring = near[k]!;
      let even = open[k]! * 2;
      let bend = 0;
      for (const m of ring) {
        even += open[m]!;
        const edge = sub(places[m]!, places[k]!);
        bend += dot(edge, normals[k]!) / Math.max(1e-4, length(edge)) / ring.length;
      }
      const light = even / (ring.length + 2);
      const edge = 1 - wear * Math.max(-0.5, Math.min(0.6, bend));
      v.colour = v.colour.map((c, i) => Math.min(1, c * (1 - depth[i]! * (1 - light)) * edge)) as Vec;
    }
  }
};

const openness = (scene: Scene, p: Vec, n: Vec) => {
  const side = normalize(Math.abs(n[1]) < 0.9 ? [n[2], 0, -n[0]] : [0, -n[2], n[1]]);
  const other: Vec = [
    n[1] * side[2] - n[2] * side[1],
    n[2] * side[0] - n[0] * side[2],
    n[0] * side[1] - n[1] * side[0],
  ];
  const origin = add(p, scale(n, 0.0015));
  let sum = 0;
  for (const [x, y, z] of FAN) {
    const far = scene.near(origin, add(add(scale(side, x), scale(other, y)), scale(n, z)), REACH);
    sum += (far / REACH) ** 0.85;
  }
  return sum / FAN.length;
};
