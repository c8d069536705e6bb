import { around, put } from './limbs.ts';
import {
  add,
  bell,
  colour,
  cross,
  curve,
  mix,
  mixVec,
  normalize,
  scale,
  smooth,
  sub,
  type Vec,
} from './math.ts';
import { bridge, emptyMesh, fan, type Mesh, relax, type Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { FINGERS, fingerJoints, joints } from './skeleton.ts';
import { torsoSkin } from './weights.ts';

/** Columns of the forearm and palm: four fingers of three cells above and below, two cells on each edge. */
const COUNT = 28;
const FINGER_ANGLES = [42, 76, 104, 138, 180, 222, 256, 284, 318, 360].map((d) => (d * Math.PI) / 180);

/** Place of column `k` around the hand: across (+1 index side … -1 little side) and up (+1 back … -1 palm). */
const column = (k: number): [across: number, up: number] => {
  if (k <= 12) return [1 - k / 6, 1];
  if (k === 13) return [-1.12, 0];
  if (k <= 26) return [-1 + (k - 14) / 6, -1];
  return [1.12, 0];
};

const fingerSkin = (finger: number, t: number): Skin => {
  const f = FINGERS[finger]!;
  const name = (k: number) => `left${f.name}${f.bones[k]}`;
  const [a, b] = finger === 0 ? [0.38, 0.7] : [0.46, 0.76];
  const first = smooth(a - 0.09, a + 0.09, t);
  const second = smooth(b - 0.08, b + 0.08, t);
  const root = finger === 0 ? smooth(-0.12, 0.2, t) : smooth(-0.08, 0.1, t);
  return [
    ['leftHand', 1 - root],
    [name(0), root * (1 - first)],
    [name(1), root * first * (1 - second)],
    [name(2), root * first * second],
  ];
};

/** The left forearm from inside the sleeve and the left hand, palm down, fingers along +X. */
export const buildHand = (person: Person, sleeveEnd: number): Mesh => {
  const mesh = emptyMesh();
  const j = joints(person);
  const l = person.body.hand;
  const wristX = j.shoulderX + j.arm + j.forearm;
  const skin = colour(person.colours.skin);
  const blush = colour(person.colours.blush);
  const palm = mixVec(mixVec(skin, colour('#e8b090'), 0.5), blush, 0.2);
  const tint = (up: number, warm: number) => mixVec(mixVec(skin, palm, smooth(0.2, -0.8, up)), blush, warm);
  const fingers = fingerJoints(person);
  const arm = person.body.arm;

  const palmRing = (x: number, half: number, thick: number, flat: number, drop: number, arc: number) =>
    Array.from({ length: COUNT }, (_, k) => {
      const [across, up] = column(k);
      const angle = Math.atan2(up * (1 - 0.35 * Math.abs(across)), across);
      const round: Vec = [0, thick * Math.sin(angle), half * Math.cos(angle)];
      const box: Vec = [0, thick * up * (1 - 0.25 * across * across), half * across * 0.94];
      const z = mix(round[2], box[2], flat);
      const bend = arc * (1 - (z / half) ** 2) - arc * 0.5;
      const p: Vec = [x, j.shoulderY + drop + mix(round[1], box[1], flat) + bend, -0.012 + z];
      const t = (x - wristX) / l;
      const owner: Skin = t > 0.05 ? [['leftHand', 1]] : torsoSkin(person, p);
      return put(mesh, p, tint(up, t > 0.4 ? 0.18 : 0), owner);
    });
  const rings: number[][] = [];
  const elbow = j.shoulderX + j.arm;
  for (const x of [
    sleeveEnd,
    mix(sleeveEnd, wristX, 0.35),
    mix(sleeveEnd, wristX, 0.7),
    mix(sleeveEnd, wristX, 0.9),
  ]) {
    const t = (x - elbow) / j.forearm;
    const r =
      curve(
        [
          [0, 0.041],
          [0.25, 0.042],
          [0.6, 0.035],
          [0.9, 0.0285],
          [1, 0.028],
        ],
        t,
      ) * arm;
    rings.push(palmRing(x, r, mix(r, r * 0.8, t), 0, 0, 0));
  }
  rings.push(palmRing(wristX, 0.0305 * arm ** 0.6, 0.0215 * arm ** 0.6, 0.25, 0, 0));
  const thumbRow = rings.length;
  const palmRows = [
    [0.1, 0.178, 0.125, 0.5],
    [0.19, 0.2, 0.132, 0.6],
    [0.28, 0.215, 0.126, 0.7],
    [0.37, 0.222, 0.112, 0.8],
    [0.435, 0.224, 0.098, 0.9],
  ] as const;
  for (const [t, half, thick, flat] of palmRows)
    rings.push(palmRing(wristX + t * l, half * l, thick * l * 0.93, flat, -0.003, 0.016 * l));
  const knuckles = palmRing(wristX + 0.485 * l, 0.224 * l, 0.078 * l, 1, -0.003, 0.02 * l);
  for (const k of knuckles) {
    const [across] = column(knuckles.indexOf(k));
    mesh.vertices[k]!.p[0] -= 0.035 * l * across * across + (across < 0 ? 0.03 * l * -across : 0);
  }
  rings.push(knuckles);

  const inThumb = (row: number, k: number) => row >= thumbRow && row < thumbRow + 3 && (k === 26 || k === 27);
  for (let r = 0; r + 1 < rings.length; r++)
    for (let k = 0; k < COUNT; k++) {
      if (inThumb(r, k)) continue;
      const n = (k + 1) % COUNT;
      mesh.faces.push([rings[r + 1]![k]!, rings[r + 1]![n]!, rings[r]![n]!, rings[r]![k]!]);
    }

  const web = [knuckles[27]!];
  for (let f = 1; f < 4; f++) {
    const a = mesh.vertices[knuckles[3 * f]!]!.p;
    const b = mesh.vertices[knuckles[26 - 3 * f]!]!.p;
    const p = add(scale(add(a, b), 0.5), [0.012 * l, -0.006 * l, 0]);
    web.push(put(mesh, p, tint(-0.3, 0.25), [['leftHand', 1]]));
  }
  web.push(knuckles[13]!);
  for (let f = 0; f < 4; f++) {
    const loop = [
      ...[0, 1, 2, 3].map((k) => knuckles[3 * f + k]!),
      web[f + 1]!,
      ...[3, 2, 1, 0].map((k) => knuckles[26 - 3 * f - k]!),
      web[f]!,
    ];
    finger(mesh, loop, fingers[f + 1]!, f + 1, [0.098, 0.1, 0.094, 0.08][f]! * l * 0.5, [0, 1, 0], tint);
  }
  const side = [0, 1, 2, 3].map((r) => rings[thumbRow + r]!);
  const border = [
    side[0]![0]!,
    side[1]![0]!,
    side[2]![0]!,
    side[3]![0]!,
    side[3]![27]!,
    side[3]![26]!,
    side[2]![26]!,
    side[1]![26]!,
    side[0]![26]!,
    side[0]![27]!,
  ];
  finger(mesh, border, fingers[0]!, 0, 0.118 * l * 0.5, normalize([0.25, 0.75, 0.6]), tint);
  const knuckleX = wristX + 0.47 * l;
  relax(mesh, 3, (v) => 0.5 * bell((v.p[0] - knuckleX) / (0.07 * l), 1));
  return mesh;
};

const STEPS = [0.12, 0.26, 0.38, 0.46, 0.54, 0.66, 0.76, 0.85, 0.94, 0.985] as const;

const finger = (
  mesh: Mesh,
  loop: readonly number[],
  path: readonly Vec[],
  index: number,
  radius: number,
  nail: Vec,
  tint: (up: number, warm: number) => Vec,
) => {
  const thumb = index === 0;
  const knots = thumb ? [0, 0.38, 0.7, 1] : [0, 0.46, 0.76, 1];
  const pointAt = (t: number): Vec =>
    [0, 1, 2].map((c) =>
      curve(
        path.map((p, k) => [knots[k]!, p[c]!] as const),
        t,
      ),
    ) as Vec;
  let ring = loop;
  let order: readonly number[] = FINGER_ANGLES;
  for (const t of STEPS) {
    if (thumb && t < 0.2) continue;
    const centre = pointAt(t);
    const along = normalize(sub(pointAt(Math.min(1, t + 0.04)), pointAt(t - 0.04)));
    const right = normalize(cross(along, nail));
    const up = cross(right, along);
    if (thumb && ring === loop) {
      // The border of the thumb's root is no circle: its columns keep their own order around the axis.
      const middle = scale(
        loop.reduce((a, k) => add(a, mesh.vertices[k]!.p), [0, 0, 0] as Vec),
        1 / loop.length,
      );
      const first = sub(mesh.vertices[loop[0]!]!.p, middle);
      const begin = Math.atan2(
        first[0] * up[0] + first[1] * up[1] + first[2] * up[2],
        first[0] * right[0] + first[1] * right[1] + first[2] * right[2],
      );
      order = loop.map((_, k) => begin + (k / loop.length) * 2 * Math.PI);
    }
    const joint = Math.max(0, 1 - Math.min(...knots.slice(1, 3).map((k) => Math.abs(k - t))) / 0.1);
    const round = t > 0.8 ? Math.sqrt(Math.max(0.02, 1 - ((t - 0.8) / 0.205) ** 2)) : 1;
    const r = radius * mix(1.08, 0.82, t) * (1 + 0.06 * joint) * (t > 0.8 ? mix(1, round, 0.92) : 1);
    const next = order.map((a) => {
      const p = around(centre, scale(right, r), scale(up, r * 0.92), a);
      const isNail = t > 0.8 && Math.sin(a) > 0.6;
      return put(
        mesh,
        p,
        isNail ? tint(-0.4, 0.08) : tint(Math.sin(a), 0.12 + 0.2 * joint + 0.2 * smooth(0.75, 1, t)),
        fingerSkin(index, t),
      );
    });
    bridge(mesh, next, ring);
    ring = next;
  }
  const end = pointAt(1);
  const tip = put(mesh, end, tint(0, 0.35), fingerSkin(index, 1));
  fan(mesh, [...ring].reverse(), tip);
};
