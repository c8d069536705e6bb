import { bell, smooth, type Vec } from './math.ts';
import { type Mesh, neighbours, type Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';

const chain = (
  names: readonly string[],
  at: readonly number[],
  width: readonly number[],
  x: number,
): Skin => {
  let k = 0;
  while (k < at.length && x > at[k]! + width[k]!) k++;
  if (k === at.length) return [[names[k]!, 1]];
  const t = smooth(at[k]! - width[k]!, at[k]! + width[k]!, x);
  return [
    [names[k]!, 1 - t],
    [names[k + 1]!, t],
  ];
};

/** One skin faded into another. */
export const blendSkin = (a: Skin, b: Skin, t: number): Skin =>
  t <= 0
    ? a
    : t >= 1
      ? b
      : [...a.map(([n, w]) => [n, w * (1 - t)] as const), ...b.map(([n, w]) => [n, w * t] as const)];

/** Weights along an arm at rest, by the distance from the middle: the elbow's helper bone carries its bend, the forearm's its twist. */
export const armSkin = (person: Person, ax: number, side: 'left' | 'right' = 'left'): Skin => {
  const j = joints(person);
  const elbow = j.shoulderX + j.arm;
  return chain(
    [`${side}UpperArm`, `${side}LowerArmHalf`, `${side}LowerArm`, `${side}ForearmRoll`, `${side}Hand`],
    [elbow - 0.026, elbow + 0.026, elbow + j.forearm * 0.55, elbow + j.forearm],
    [0.026, 0.026, 0.05, 0.024],
    ax,
  );
};

/** Weights of a point of the trunk, without the arms; a `loose` hem swings in front of the thighs. */
export const trunkSkin = (person: Person, p: Vec, loose = false): Skin => {
  const j = joints(person);
  const span = j.neckBase[1] - j.hipY;
  const spine = chain(
    ['hips', 'spine', 'chest', 'upperChest', 'neck'],
    [j.hipY + span * 0.17, j.hipY + span * 0.38, j.hipY + span * 0.61, j.neckBase[1] + 0.014],
    [0.06, 0.06, 0.06, 0.03],
    p[1],
  );
  const ax = Math.abs(p[0]);
  const collar = 0.7 * smooth(0.035, 0.11, ax) * smooth(j.shoulderY - 0.12, j.shoulderY + 0.01, p[1]);
  const up = blendSkin(spine, [[`${p[0] >= 0 ? 'left' : 'right'}Shoulder`, 1]], collar);
  const low = smooth(j.hipY + 0.09, j.hipY + 0.03, p[1]);
  const leg = legSkin(person, p);
  if (!loose) return blendSkin(up, leg, low);
  const right = smooth(0.05, -0.05, p[0]);
  const swing = smooth(j.hipY + 0.09, j.hipY - 0.03, p[1]);
  const lap: Skin = [
    ['hips', 1 - swing],
    ['leftLap', swing * (1 - right)],
    ['rightLap', swing * right],
  ];
  const front = smooth(0, 0.075, p[2]);
  const worn = blendSkin(up, blendSkin(leg, lap, 0.6 * front), low);
  // Between the thighs of who sits, the hem sinks.
  return blendSkin(worn, [['hips', 1]], 0.6 * bell(p[0] / 0.03, 1) * front * low);
};

/** Weights of a point of hips, leg or shoe at rest. */
export const legSkin = (person: Person, p: Vec): Skin => {
  const j = joints(person);
  // The crease of the groin is short in front; behind, the seat stretches over a longer way.
  const behind = smooth(0.04, -0.06, p[2]);
  const joint = j.hipY - 0.03;
  const reach = 0.045 + 0.035 * behind;
  const drop = 0.01 + 0.02 * behind;
  const leg = (side: 'left' | 'right'): Skin => {
    const down = chain(
      [
        'hips',
        `${side}UpperLegHalf`,
        `${side}UpperLeg`,
        `${side}LowerLegHalf`,
        `${side}LowerLeg`,
        `${side}Foot`,
      ],
      [-joint - reach + drop, -joint + reach + drop, -j.kneeY - 0.032, -j.kneeY + 0.032, -j.ankleY],
      [reach, reach, 0.032, 0.032, 0.026],
      -p[1],
    );
    const toes = smooth(j.footLength * 0.38, j.footLength * 0.52, p[2]) * smooth(0.1, 0.06, p[1]);
    return blendSkin(down, [[`${side}Toes`, 1]], toes);
  };
  return blendSkin(leg('right'), leg('left'), smooth(-0.03, 0.03, p[0]));
};

/** Weights of a point of the neck or head, by its place on the unrolled head. */
export const headSkin = (b: number): Skin =>
  chain(['upperChest', 'neck', 'head'], [-19.4, -14.2], [1.6, 2.4], b);

/** Evens the weights of a mesh over its edges, so that neighbours bend alike. */
export const softenSkin = (mesh: Mesh, rounds: number, amount: number) => {
  // Vertices at one place (seams of the texture) count as one.
  const places = new Map<string, number>();
  const one = mesh.vertices.map((v, k) => {
    const key = v.p.map((x) => Math.round(x * 1e5)).join();
    if (!places.has(key)) places.set(key, k);
    return places.get(key)!;
  });
  const near: Set<number>[] = mesh.vertices.map(() => new Set());
  for (const [k, list] of neighbours(mesh).entries())
    for (const n of list) if (one[n] !== one[k]) near[one[k]!]!.add(one[n]!);
  let now = mesh.vertices.map((v) => {
    const sum = v.skin.reduce((a, [, w]) => a + w, 0);
    const out = new Map<string, number>();
    for (const [n, w] of v.skin) out.set(n, (out.get(n) ?? 0) + w / sum);
    return out;
  });
  for (let r = 0; r < rounds; r++)
    now = now.map((own, k) => {
      if (one[k] !== k || near[k]!.size === 0) return own;
      const out = new Map<string, number>();
      for (const [n, w] of own) out.set(n, w * (1 - amount));
      for (const other of near[k]!)
        for (const [n, w] of now[other]!) out.set(n, (out.get(n) ?? 0) + (w * amount) / near[k]!.size);
      return out;
    });
  for (const [k, v] of mesh.vertices.entries()) {
    const top = [...now[one[k]!]!].sort((a, b) => b[1] - a[1]).slice(0, 4);
    const sum = top.reduce((a, [, w]) => a + w, 0);
    v.skin = top.map(([n, w]) => [n, w / sum] as const);
  }
};

/** Lets an inner layer move with the outer one that covers it: as far as `share` says (0…1), by the nearest places of the outer. */
export const followSkin = (under: Mesh, over: Mesh, share: (p: Vec) => number) => {
  for (const v of under.vertices) {
    const t = share(v.p);
    if (t <= 0) continue;
    const near = over.vertices
      .map((o, k) => [(o.p[0] - v.p[0]) ** 2 + (o.p[1] - v.p[1]) ** 2 + (o.p[2] - v.p[2]) ** 2, k] as const)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .slice(0, 4);
    let cover: Skin = [];
    let sum = 0;
    for (const [d, k] of near) {
      const w = 1 / (d + 1e-6);
      sum += w;
      cover = blendSkin(cover, over.vertices[k]!.skin, w / sum);
    }
    v.skin = blendSkin(v.skin, cover, t);
  }
  softenSkin(under, 1, 0.25);
};
