import { Quaternion, Ray, Triangle, Vector3 } from 'three';
import { describe, expect, test } from 'vitest';
import { buildCharacter } from '../../tools/characters/build.ts';
import { buildHand } from '../../tools/characters/hands.ts';
import { distance, dot, sub, type Vec } from '../../tools/characters/math.ts';
import { type Mesh, neighbours, normalsOf } from '../../tools/characters/mesh.ts';
import { people } from '../../tools/characters/people.ts';
import {
  FINGERS_SHOWN,
  GESTURES,
  POSES,
  type Pose,
  REST,
  SEATED,
  WALKING,
} from '../../tools/characters/poses.ts';
import { HELPERS, joints, skeletonOf } from '../../tools/characters/skeleton.ts';
import { sleeveEnd } from '../../tools/characters/top.ts';
import { dress } from '../../tools/characters/wardrobe.ts';
import { hullArea, posed, skinMatrices } from '../posing.ts';

const trianglesOf = (mesh: Mesh) => mesh.faces.reduce((a, f) => a + f.length - 2, 0);
const WORN: Readonly<Record<string, Pose>> = { ...GESTURES, ...POSES, ...WALKING, ...SEATED };

describe.each(people)('$name', (person) => {
  const { outer, inner, trousers, shoes } = dress(person);
  const hand = buildHand(person, sleeveEnd(person) - 0.03);
  const parts = { outer, inner, trousers, shoes, hand };
  const j = joints(person);

  test('body and clothes stay within 9300 triangles', () => {
    const sum = [outer, inner, trousers, shoes, hand, hand].reduce((a, m) => a + trianglesOf(m), 0);
    expect(sum).toBeLessThanOrEqual(9300);
  });

  test('the file holds at most four weights a vertex, and they sum to one', () => {
    const { bytes } = buildCharacter(person);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const start = 20 + view.getUint32(12, true) + 8;
    const json = JSON.parse(new TextDecoder().decode(bytes.subarray(20, start - 8)));
    const names = json.meshes.flatMap((m: { primitives: { attributes: Record<string, number> }[] }) =>
      m.primitives.map((p) => p.attributes),
    );
    for (const attributes of names) {
      expect(Object.keys(attributes)).not.toContain('WEIGHTS_1');
      const { bufferView, count } = json.accessors[attributes.WEIGHTS_0];
      const at = start + json.bufferViews[bufferView].byteOffset;
      for (let k = 0; k < count; k++)
        expect([0, 1, 2, 3].reduce((a, c) => a + bytes[at + 4 * k + c]!, 0)).toBe(255);
    }
  }, 60_000);

  test.each(Object.entries(parts))('%s: weights name bones, and neighbours bend alike', (_name, mesh) => {
    const bones = new Set(skeletonOf(person).map((b) => b.name));
    const shares = mesh.vertices.map((v) => {
      const sum = v.skin.reduce((a, [, w]) => a + w, 0);
      expect(sum).toBeGreaterThan(0);
      const out = new Map<string, number>();
      for (const [name, w] of v.skin) {
        expect(bones.has(name), name).toBe(true);
        out.set(name, (out.get(name) ?? 0) + w / sum);
      }
      return out;
    });
    let worst = 0;
    for (const [k, near] of neighbours(mesh).entries())
      for (const n of near) {
        const names = new Set([...shares[k]!.keys(), ...shares[n]!.keys()]);
        let change = 0;
        for (const name of names)
          change += Math.abs((shares[k]!.get(name) ?? 0) - (shares[n]!.get(name) ?? 0)) / 2;
        worst = Math.max(worst, change);
      }
    expect(worst).toBeLessThanOrEqual(0.75);
  });

  // Points within a band about a joint, seen along the bone that halves the bend: their hull against the hull at rest.
  const kept = (
    mesh: Mesh,
    pose: Pose,
    bone: string,
    along: Vec,
    chosen: (p: Vec, skin: ReadonlyMap<string, number>) => boolean,
  ) => {
    const picks = mesh.vertices.flatMap((v, k) => (chosen(v.p, new Map(v.skin)) ? [k] : []));
    expect(picks.length).toBeGreaterThan(7);
    const flat = (points: readonly Vec[], turn: Quaternion) => {
      const axis = new Vector3(...along).applyQuaternion(turn);
      const u = new Vector3(0, 0, 1).applyQuaternion(turn);
      if (Math.abs(along[2]) > 0.5) u.set(1, 0, 0).applyQuaternion(turn);
      const v = axis.clone().cross(u);
      const at = new Vector3();
      return picks.map((k) => {
        at.set(...points[k]!);
        return [at.dot(u), at.dot(v)] as const;
      });
    };
    const matrices = skinMatrices(person, pose);
    const rest = hullArea(
      flat(
        mesh.vertices.map((v) => v.p),
        new Quaternion(),
      ),
    );
    const turn = new Quaternion().setFromRotationMatrix(matrices.get(bone)!);
    return hullArea(flat(posed(mesh, matrices), turn)) / rest;
  };

  test.each([90, 130])('elbow and knee keep three fifths of their section at %i degrees', (degrees) => {
    const a = (degrees * Math.PI) / 180;
    const elbow = kept(
      outer,
      { leftLowerArm: [0, -a, 0] },
      'leftLowerArmHalf',
      [1, 0, 0],
      (p) => Math.abs(p[0] - j.shoulderX - j.arm) < 0.012,
    );
    const knee = kept(
      trousers,
      { leftLowerLeg: [a, 0, 0] },
      'leftLowerLegHalf',
      [0, 1, 0],
      (p) => p[0] > 0 && Math.abs(p[1] - j.kneeY) < 0.016,
    );
    expect(elbow).toBeGreaterThan(0.6);
    expect(knee).toBeGreaterThan(0.6);
  });

  test('shoulder and hip keep three fifths of their section at 90 degrees', () => {
    const a = Math.PI / 2;
    const carried = (name: string) => (_: Vec, skin: ReadonlyMap<string, number>) =>
      (skin.get(name) ?? 0) > 0.45;
    const shoulders = [
      [0, 0, -a],
      [0, -a, 0],
      [0, 0, a],
    ].map((turn) =>
      kept(outer, { leftUpperArm: turn as Vec }, 'leftUpperArmHalf', [1, 0, 0], carried('leftUpperArmHalf')),
    );
    const hip = kept(
      trousers,
      { leftUpperLeg: [-a, 0, 0] },
      'leftUpperLegHalf',
      [0, 1, 0],
      carried('leftUpperLegHalf'),
    );
    for (const share of [...shoulders, hip]) expect(share).toBeGreaterThan(0.6);
  });

  // A vertex that lies straight under the outer layer at rest must stay on the inner side of the nearest of its faces there.
  const covers = (under: Mesh, over: Mesh) => {
    const normals = normalsOf(
      over.vertices.map((v) => v.p),
      over.faces,
    );
    return under.vertices.map(({ p }) => {
      const near = over.vertices.map((o) => distance(o.p, p));
      const isCovered = over.vertices.some(
        (o, i) => near[i]! < 0.045 && dot(sub(p, o.p), normals[i]!) < -0.9 * near[i]!,
      );
      // Not the linings of hems, which face the body.
      const isOutside = (f: number[]) =>
        f.every((k) => {
          const [x, , z] = over.vertices[k]!.p;
          return near[k]! < 0.12 && normals[k]![0] * x + normals[k]![2] * (z + 0.01) > 0;
        });
      const reach = Math.min(...near) + 0.02;
      return isCovered ? over.faces.filter((f) => f.some((k) => near[k]! < reach) && isOutside(f)) : [];
    });
  };
  const layers = [
    { name: 'trousers', under: trousers, faces: covers(trousers, outer) },
    { name: 'T-shirt', under: inner, faces: covers(inner, outer) },
  ];
  const poke = ({ under, faces }: (typeof layers)[number], pose: Pose): number[] => {
    const matrices = skinMatrices(person, pose);
    const low = posed(under, matrices);
    const high = posed(outer, matrices).map((p) => new Vector3(...p));
    const ray = new Ray();
    // Looked at from outside and a little above, is it still behind the outer layer (in its folds)?
    const isHidden = (k: number) => {
      const [x, , z] = under.vertices[k]!.p;
      ray.set(new Vector3(...low[k]!), new Vector3(x, 0.3 * Math.hypot(x, z), z).normalize());
      return outer.faces.some((f) =>
        f.slice(2).some((c, i) => {
          const hit = ray.intersectTriangle(high[f[0]!]!, high[f[i + 1]!]!, high[c]!, false, foot);
          return hit !== null && hit.distanceTo(ray.origin) < 0.2;
        }),
      );
    };
    const triangle = new Triangle();
    const [at, foot, normal] = [new Vector3(), new Vector3(), new Vector3()];
    return faces.map((list, k) => {
      at.set(...low[k]!);
      let best = Number.POSITIVE_INFINITY;
      let out = Number.NEGATIVE_INFINITY;
      for (const f of list)
        for (let i = 2; i < f.length; i++) {
          triangle.set(high[f[0]!]!, high[f[i - 1]!]!, high[f[i]!]!);
          if (triangle.getArea() < 1e-9) continue;
          triangle.closestPointToPoint(at, foot);
          const d = foot.distanceTo(at);
          if (d >= best) continue;
          best = d;
          out = triangle.getNormal(normal).dot(foot.subVectors(at, foot));
          // Beside the cloth (a hem has moved away), not on it.
          if (Math.abs(out) < 0.7 * d) out = -1;
        }
      return out > 0.004 && isHidden(k) ? 0 : out;
    });
  };
  // What is not inside at rest is not covered; nor is what shows in an open front (its edges are turned in).
  const isOpen = inner.vertices.length > 0;
  for (const layer of layers)
    for (const [k, out] of poke(layer, {}).entries()) {
      const [x, , z] = layer.under.vertices[k]!.p;
      if (out > -0.001 || (isOpen && z > 0 && Math.abs(x) < 0.08)) layer.faces[k] = [];
    }

  test.each(Object.entries(WORN))('%s: trousers and T-shirt stay inside what covers them', (_name, pose) => {
    for (const layer of layers) {
      const out = Math.max(-1, ...poke(layer, pose));
      expect(out, layer.name).toBeLessThan(0.004);
    }
  });

  test('the fingers of a fist lie side by side', () => {
    const at = posed(hand, skinMatrices(person, FINGERS_SHOWN.fist!));
    const middles = ['Index', 'Middle', 'Ring', 'Little'].map((f) => {
      const own = hand.vertices.flatMap((v, k) =>
        v.skin.some(([n, w]) => n === `left${f}Intermediate` && w > 0.6) ? [at[k]!] : [],
      );
      return [0, 1, 2].map((c) => own.reduce((a, p) => a + p[c]!, 0) / own.length) as Vec;
    });
    const wide = person.body.hand * 0.09;
    for (let k = 1; k < 4; k++) expect(distance(middles[k]!, middles[k - 1]!)).toBeGreaterThan(0.8 * wide);
  });

  test('every helper bone follows a bone of the humanoid', () => {
    const names = skeletonOf(person).map((b) => b.name);
    for (const { name, source, parent } of HELPERS) {
      expect(names.indexOf(parent)).toBeLessThan(names.indexOf(name));
      expect(names).toContain(source);
    }
    expect(Object.keys(REST)).toContain(person.name);
  });
});
