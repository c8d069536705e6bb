import { bell, curve, mix, type Vec } from './math.ts';
import type { Mesh, Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';

/** How far below the horizontal the arms hang in the pose in which tops are shaped, in radians. */
export const ARMS_DOWN = (55 * Math.PI) / 180;

const ARM = /^(left|right)(UpperArm|LowerArm|ForearmRoll|Hand|Thumb|Index|Middle|Ring|Little)/;

/** How much of the arm's and of half the arm's turn a skin takes. */
const armShares = (skin: Skin) => {
  let full = 0;
  let half = 0;
  let sum = 0;
  for (const [name, w] of skin) {
    sum += w;
    if (name.endsWith('UpperArmHalf')) half += w;
    else if (ARM.test(name)) full += w;
  }
  return [full / sum, half / sum] as const;
};

const turned = (person: Person, v: { p: Vec; skin: Skin }, angle: number, back: boolean): Vec => {
  const [full, half] = armShares(v.skin);
  if (full + half === 0) return v.p;
  const j = joints(person);
  const side = v.skin.some(([name]) => name.startsWith('left') && ARM.test(name)) ? 1 : -1;
  const dx = v.p[0] * side - j.shoulderX;
  const dy = v.p[1] - j.shoulderY;
  // The mean of turns about the shoulder is [c, s; -s, c].
  const c = 1 - full - half + full * Math.cos(angle) + half * Math.cos(angle / 2);
  const s = full * Math.sin(angle) + half * Math.sin(angle / 2);
  const n = back ? c * c + s * s : 1;
  const t = back ? -s : s;
  return [side * (j.shoulderX + (c * dx + t * dy) / n), j.shoulderY + (c * dy - t * dx) / n, v.p[2]];
};

/** Where a vertex of the T-pose lies when the arms hang `angle` below the horizontal. */
export const hang = (person: Person, v: { p: Vec; skin: Skin }, angle: number): Vec =>
  turned(person, v, angle, false);

/** Brings a mesh that was shaped with hanging arms into the T-pose. */
export const spread = (person: Person, mesh: Mesh) => {
  for (const v of mesh.vertices) v.p = turned(person, v, ARMS_DOWN, true);
};

/** Radius of a sleeve at the upper arm, without its ease. */
export const armRadius = (person: Person) => 0.046 * person.body.arm;

/** Half width, depth in front, depth behind and middle (z) of the trunk at a height, in metres. */
export const trunkOf = (person: Person) => {
  const j = joints(person);
  const b = person.body;
  const s = j.shoulderY;
  const span = s - j.hipY;
  const d = b.depth;
  const rows = [
    [j.hipY - 0.09, b.hip + 0.002, 0.102 * d, 0.118 * d, -0.002],
    [j.hipY - 0.03, b.hip + 0.006, 0.104 * d, 0.122 * d, -0.002],
    [j.hipY + 0.03, mix(b.waist, b.hip, 0.72), mix(0.104 * d, b.belly, 0.6), 0.108 * d, -0.004],
    [j.hipY + 0.1, mix(b.waist, b.hip, 0.2), b.belly, 0.092 * d, 0],
    [j.hipY + 0.32 * span, b.waist, b.belly * 0.98, 0.085 * d, 0.001],
    [j.hipY + 0.48 * span, mix(b.waist, b.chest, 0.5), mix(b.belly, 0.108 * d, 0.5), 0.092 * d, -0.006],
    [s - 0.16, b.chest - 0.002, 0.113 * d, 0.104 * d, -0.014],
    [s - 0.09, b.chest + 0.004, 0.111 * d, 0.108 * d, -0.017],
    [s - 0.02, j.shoulderX - 0.006, 0.092 * d, 0.098 * d, -0.02],
    [s + 0.036, j.shoulderX - 0.004, 0.066 * d, 0.076 * d, -0.022],
  ] as const;
  const columns = [1, 2, 3, 4].map((c) => rows.map((row) => [row[0], row[c]!] as const));
  return (y: number) => columns.map((column) => curve(column, y)) as [number, number, number, number];
};

/** Relief of the trunk: chest, shoulder blades and the hollow of the spine, in metres outwards. */
export const trunkRelief = (person: Person, x: number, y: number, isFront: boolean) => {
  const j = joints(person);
  const s = j.shoulderY;
  const ax = Math.abs(x);
  if (isFront) {
    const bust = person.clothes === 'sweater' ? 0.021 : 0.011;
    const high = person.clothes === 'sweater' ? 0.15 : 0.12;
    return bust * bell((ax - 0.068) / 0.05, 1) * bell((y - s + high) / 0.055, 1);
  }
  const blade = 0.008 * bell((ax - 0.085) / 0.045, 1) * bell((y - s + 0.085) / 0.06, 1);
  const spine = 0.01 * bell(ax / 0.035, 1) * bell((y - j.hipY - 0.18) / 0.14, 1);
  return blade - spine;
};
