import { Euler, Matrix4, Quaternion, Vector3 } from 'three';
import type { Vec } from '../tools/characters/math.ts';
import type { Mesh } from '../tools/characters/mesh.ts';
import type { Person } from '../tools/characters/people.ts';
import type { Pose } from '../tools/characters/poses.ts';
import { HELPERS, skeletonOf } from '../tools/characters/skeleton.ts';

/** How each bone moves its skin in a pose (from rest), helpers turned as VRM's node constraints turn them. */
export function skinMatrices(person: Person, pose: Pose): Map<string, Matrix4> {
  const bones = skeletonOf(person);
  const rest = new Map(bones.map((b) => [b.name, b.p]));
  const turns = new Map(
    bones.map((b) => {
      const [x, y, z] = pose[b.name] ?? [0, 0, 0];
      return [b.name, new Quaternion().setFromEuler(new Euler(x, y, z))] as const;
    }),
  );
  for (const { name, source, weight, roll } of HELPERS) {
    const from = turns.get(source)!;
    const whole = roll ? new Quaternion(from.x, 0, 0, from.w).normalize() : from;
    turns.set(name, new Quaternion().slerp(whole, weight));
  }
  const worlds = new Map<string, Matrix4>();
  const out = new Map<string, Matrix4>();
  for (const { name, parent, p } of bones) {
    const from = parent ? rest.get(parent)! : [0, 0, 0];
    const local = new Matrix4().compose(
      new Vector3(p[0] - from[0]!, p[1] - from[1]!, p[2] - from[2]!),
      turns.get(name)!,
      new Vector3(1, 1, 1),
    );
    const world = parent ? worlds.get(parent)!.clone().multiply(local) : local;
    worlds.set(name, world);
    out.set(name, world.clone().multiply(new Matrix4().makeTranslation(-p[0], -p[1], -p[2])));
  }
  return out;
}

/** Where a mesh's vertices lie in a pose. */
export function posed(mesh: Mesh, matrices: ReadonlyMap<string, Matrix4>): Vec[] {
  const at = new Vector3();
  return mesh.vertices.map((v) => {
    const sum = v.skin.reduce((a, [, w]) => a + w, 0);
    const out: Vec = [0, 0, 0];
    for (const [name, w] of v.skin) {
      at.set(...v.p).applyMatrix4(matrices.get(name)!);
      for (const c of [0, 1, 2] as const) out[c] += (at.getComponent(c) * w) / sum;
    }
    return out;
  });
}

/** Area of the convex hull of points in a plane. */
export function hullArea(points: readonly (readonly [number, number])[]): number {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (list: readonly (readonly [number, number])[]) => {
    const out: (readonly [number, number])[] = [];
    for (const p of list) {
      while (out.length > 1) {
        const [a, b] = [out[out.length - 2]!, out[out.length - 1]!];
        if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        out.pop();
      }
      out.push(p);
    }
    return out.slice(0, -1);
  };
  const hull = [...half(sorted), ...half(sorted.reverse())];
  return Math.abs(
    hull.reduce((a, p, k) => {
      const q = hull[(k + 1) % hull.length]!;
      return a + (p[0] * q[1] - q[0] * p[1]) / 2;
    }, 0),
  );
}
