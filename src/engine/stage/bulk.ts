import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import { type Mesh, type Object3D, type SkinnedMesh, Vector3 } from 'three';
import type { Character } from './character.ts';

/** Rows and directions in which the section of a part of the body is kept. */
const ROWS = 24;
const WAYS = 32;
/** What is inside is pushed away from a point so far (share of the half depth) behind the middle: rather forwards. */
const BEHIND = 0.45;

/** Bones whose flesh is asked for: trunk, head, hands, thighs and feet. */
const WANTED = /^(hips|spine|chest|upperChest|head|jaw|(left|right)(Hand|UpperLeg|Foot|Toes|MiddleDistal))$/;

/** Where flesh is, in the T-pose of a body that faces +Z: x, y, z in metres, one after the other. */
export type Flesh = ReadonlyMap<VRMHumanBoneName, readonly number[]>;

/** What of a character a mesh shows: the flesh of each human bone. Hair and cloth that swing by themselves are left out. */
export function fleshOf(character: Character): Flesh {
  const { scene, humanoid, springBoneManager } = character.vrm;
  const flip = character.facesMinusZ ? -1 : 1;
  const flesh = new Map<VRMHumanBoneName, number[]>();
  const names = new Map<Object3D, VRMHumanBoneName | undefined>();
  for (const { bone } of springBoneManager?.joints ?? []) names.set(bone, undefined);
  for (const [name, bone] of Object.entries(humanoid.humanBones))
    if (bone) names.set(bone.node, name as VRMHumanBoneName);
  const nameOf = (node: Object3D | null): VRMHumanBoneName | undefined => {
    if (!node) return undefined;
    if (!names.has(node)) names.set(node, nameOf(node.parent));
    return names.get(node);
  };
  const at = new Vector3();
  const put = (name: VRMHumanBoneName | undefined, mesh: Mesh, vertex: number) => {
    if (!name || !WANTED.test(name)) return;
    scene.worldToLocal(mesh.localToWorld(mesh.getVertexPosition(vertex, at)));
    const row = flesh.get(name) ?? [];
    if (row.length === 0) flesh.set(name, row);
    row.push(at.x * flip, at.y, at.z * flip);
  };
  scene.updateWorldMatrix(true, false);
  // Unlike the other, this also tells skinned meshes where they are now.
  scene.updateMatrixWorld(true);
  scene.traverse((object) => {
    const mesh = object as Mesh;
    if (!mesh.isMesh || !mesh.geometry.attributes.position) return;
    const { position, skinIndex, skinWeight } = mesh.geometry.attributes;
    const skeleton = (mesh as SkinnedMesh).isSkinnedMesh ? (mesh as SkinnedMesh).skeleton : undefined;
    const rigid = skeleton ? undefined : nameOf(mesh);
    if (!skeleton && !rigid) return;
    const carriers = skeleton?.bones.map(nameOf);
    for (let vertex = 0; vertex < position.count; vertex++) {
      if (!carriers || !skinIndex || !skinWeight) {
        put(rigid, mesh, vertex);
        continue;
      }
      let most = 0;
      for (let c = 1; c < 4; c++)
        if (skinWeight.getComponent(vertex, c) > skinWeight.getComponent(vertex, most)) most = c;
      put(carriers[skinIndex.getComponent(vertex, most)], mesh, vertex);
    }
  });
  return flesh;
}

/** A part of the body as a stack of convex sections across the vertical, in the T-pose. */
export class Mould {
  /** Radii in rows from the bottom up, by direction from the row's middle; 0 where nothing is. */
  readonly #radii = new Float64Array(ROWS * WAYS);
  readonly #middle = new Float64Array(2 * ROWS);
  readonly #bottom: number;
  readonly #step: number;
  /** No section reaches further from its middle (m). */
  readonly widest: number;

  /** Takes the points x, y, z in metres; no radius is over `mostM`. */
  constructor(points: readonly number[], mostM: number, forwards = BEHIND) {
    let bottom = Number.POSITIVE_INFINITY;
    let top = Number.NEGATIVE_INFINITY;
    for (let i = 1; i < points.length; i += 3) {
      bottom = Math.min(bottom, points[i]);
      top = Math.max(top, points[i]);
    }
    this.#bottom = bottom;
    this.#step = Math.max(1e-3, (top - bottom) / (ROWS - 1));
    let widest = 0;
    for (let row = 0; row < ROWS; row++) {
      const y = bottom + row * this.#step;
      const section: Point[] = [];
      for (let i = 0; i < points.length; i += 3)
        if (Math.abs(points[i + 1] - y) <= this.#step) section.push([points[i], points[i + 2]]);
      const hull = hullOf(section);
      if (hull.length < 3) continue;
      let [left, right, back, front] = [hull[0][0], hull[0][0], hull[0][1], hull[0][1]];
      for (const [x, z] of hull) {
        left = Math.min(left, x);
        right = Math.max(right, x);
        back = Math.min(back, z);
        front = Math.max(front, z);
      }
      const x = (left + right) / 2;
      const z = (front + back) / 2 - (forwards * (front - back)) / 2;
      this.#middle[2 * row] = x;
      this.#middle[2 * row + 1] = z;
      for (let way = 0; way < WAYS; way++) {
        const radius = Math.min(mostM, radiusOf(hull, x, z, (2 * Math.PI * way) / WAYS));
        this.#radii[row * WAYS + way] = radius;
        widest = Math.max(widest, radius);
      }
    }
    this.widest = widest;
  }

  /**
   * Writes into `way` the direction x, z in which a point at `at` (x, y, z) is nearest to the outside, and returns how deep
   * it is in there: negative outside, −Infinity over and under all.
   */
  depth(way: Float64Array, at: Float64Array): number {
    const rows = (at[1] - this.#bottom) / this.#step;
    const row = Math.floor(rows);
    if (row < -1 || row >= ROWS) return Number.NEGATIVE_INFINITY;
    const up = rows - row;
    const low = Math.max(0, row);
    const high = Math.min(ROWS - 1, row + 1);
    const x = at[0] - (this.#middle[2 * low] * (1 - up) + this.#middle[2 * high] * up);
    const z = at[2] - (this.#middle[2 * low + 1] * (1 - up) + this.#middle[2 * high + 1] * up);
    const distance = Math.sqrt(x * x + z * z);
    way[0] = distance > 1e-6 ? x / distance : 0;
    way[1] = distance > 1e-6 ? z / distance : 1;
    if (distance > this.widest + 0.1) return Number.NEGATIVE_INFINITY;
    const turn = ((Math.atan2(x, z) / (2 * Math.PI) + 1) % 1) * WAYS;
    const from = Math.floor(turn) % WAYS;
    const to = (from + 1) % WAYS;
    const share = turn - Math.floor(turn);
    // Over the top and under the bottom it tapers off within a row.
    const below = row < 0 ? 0 : this.#radius(low, from, to, share);
    const above = row + 1 > ROWS - 1 ? 0 : this.#radius(high, from, to, share);
    return below * (1 - up) + above * up - distance;
  }

  #radius(row: number, from: number, to: number, share: number): number {
    return this.#radii[row * WAYS + from] * (1 - share) + this.#radii[row * WAYS + to] * share;
  }
}

type Point = readonly [x: number, z: number];

/** The convex hull of points, counterclockwise (Andrew's monotone chain). */
function hullOf(points: readonly Point[]): readonly Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const turns = (o: Point, a: Point, b: Point) =>
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
  const chain = (all: readonly Point[]) => {
    const out: Point[] = [];
    for (const point of all) {
      while (out.length > 1 && turns(out[out.length - 2], out[out.length - 1], point) <= 0) out.pop();
      out.push(point);
    }
    return out.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}

/** How far the edge of a convex polygon is from a point in it, in a direction (rad from +Z to +X). */
function radiusOf(hull: readonly Point[], x: number, z: number, rad: number): number {
  const dx = Math.sin(rad);
  const dz = Math.cos(rad);
  let radius = Number.POSITIVE_INFINITY;
  for (let i = 0; i < hull.length; i++) {
    const [ax, az] = hull[i];
    const [bx, bz] = hull[(i + 1) % hull.length];
    // The outward normal of an edge; the ray leaves where it first crosses one.
    const nx = bz - az;
    const nz = ax - bx;
    const towards = nx * dx + nz * dz;
    if (towards > 1e-9) radius = Math.min(radius, (nx * (ax - x) + nz * (az - z)) / towards);
  }
  return Number.isFinite(radius) ? Math.max(0, radius) : 0;
}
