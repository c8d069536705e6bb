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
import { armSkin, softenSkin } from './weights.ts';

/** Columns of forearm and palm: four fingers of two cells above and below, two cells on each edge. */
const COUNT = 20;
const FINGER_ANGLES = [42, 90, 138, 180, 222, 270, 318, 360].map((d) => (d * Math.PI) / 180);

/** Place of column `k` around the hand: across (+1 index side … -1 little side) and up (+1 back … -1 palm). */
const column = (k: number): [across: number, up: number] => {
  if (k <= 8) return [1 - k / 4, 1];
  if (k === 9) return [-1.12, 0];
  if (k <= 18) return [-1 + (k - 10) / 4, -1];
  return [1.12, 0];
};

const fingerSkin = (finger: number, t: number): Skin => {
  const f = FINGERS[finger]!;
  const name = (k: number) => `left${f.name}${f.bones[k]}`;
  const [a, b] = finger === 0 ? [0.38, 0.7] : [0.46, 0.76];
  const first = finger === 0 ? smooth(a - 0.14, a + 0.14, t) : smooth(a - 0.09, a + 0.09, t);
  const second = smooth(b - 0.08, b + 0.08, t);
  const root = finger === 0 ? smooth(-0.14, 0.28, t) : smooth(-0.18, 0.28, t);
  return [
    ['leftHand', 1 - root],
    [name(0), root * (1 - first)],
    [name(1), root * first * (1 - second)],
    [name(2), root * first * second],
  ];
};

/** Colour by how far a place faces up (back of the hand), how warm it is, and as a nail. */
type Tint = (up: number, warm: number, nail?: number) => Vec;

/** The left forearm from inside the sleeve and the left hand, palm down, fingers along +X. */
export const buildHand = (person: Person, sleeveEnd: number): Mesh => {
  const mesh = emptyMesh();
  const j = joints(person);
  const l = person.body.hand;
  const wristX = j.shoulderX + j.arm + j.forearm;
  const skin = colour(person.colours.skin);
  const blush = colour(person.colours.blush);
  const palm = mixVec(mixVec(skin, colour('#e8b090'), 0.5), blush, 0.2);
  const shell = scale(mixVec(mixVec(skin, palm, 0.5), blush, 0.2), 1.1);
  const tint: Tint = (up, warm, nail = 0) =>
    mixVec(mixVec(mixVec(skin, palm, smooth(0.2, -0.8, up)), blush, warm), shell, nail);
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
      const t = (x - wristX) / l;
      // Balls of thumb and little finger, the hollow between them.
      const ball = up < 0 ? 0.03 * bell((across - 0.62) / 0.34, 1) * bell((t - 0.22) / 0.14, 1) : 0;
      const heel = up < 0 ? 0.018 * bell((across + 0.7) / 0.3, 1) * bell((t - 0.2) / 0.16, 1) : 0;
      // Tendons fan out to the knuckles over the back of the hand.
      const tendon = up > 0 ? smooth(0.16, 0.42, t) * (k % 2 === 1 ? 0.012 : -0.01) : 0;
      const p: Vec = [
        x,
        j.shoulderY + drop + mix(round[1], box[1], flat) + bend - (ball + heel - tendon) * l,
        -0.012 + z,
      ];
      // The ball of the thumb goes with the thumb.
      const share = across > 0.4 && up <= 0 ? 0.45 * smooth(0.4, 1, across) * bell((t - 0.24) / 0.13, 1) : 0;
      const owner: Skin =
        t > 0.05
          ? [
              ['leftHand', 1 - share],
              ['leftThumbMetacarpal', share],
            ]
          : armSkin(person, x);
      return put(mesh, p, scale(tint(up, t > 0.4 ? 0.12 : 0), 1 + 4 * tendon), owner);
    });
  const rings: number[][] = [];
  const elbow = j.shoulderX + j.arm;
  for (const x of [0, 0.55].map((t) => mix(sleeveEnd, wristX, t))) {
    const t = (x - elbow) / j.forearm;
    const r =
      curve(
        [
          [0, 0.041],
          [0.25, 0.0415],
          [0.6, 0.035],
          [0.9, 0.0275],
          [1, 0.027],
        ],
        t,
      ) * arm;
    rings.push(palmRing(x, r, mix(r, r * 0.8, t), 0, 0, 0));
  }
  rings.push(palmRing(wristX - 0.012, 0.0285 * arm ** 0.6, 0.0205 * arm ** 0.6, 0.2, 0, 0));
  rings.push(palmRing(wristX + 0.006, 0.0295 * arm ** 0.6, 0.0205 * arm ** 0.6, 0.3, 0, 0));
  const thumbRow = rings.length;
  const palmRows = [
    [0.1, 0.182, 0.122, 0.5],
    [0.2, 0.206, 0.126, 0.6],
    [0.3, 0.22, 0.116, 0.72],
    [0.41, 0.226, 0.098, 0.86],
  ] as const;
  for (const [t, half, thick, flat] of palmRows)
    rings.push(palmRing(wristX + t * l, half * l, thick * l * 0.93, flat, -0.003, 0.016 * l));
  const knuckles = palmRing(wristX + 0.485 * l, 0.226 * l, 0.078 * l, 1, -0.003, 0.022 * l);
  for (const [i, k] of knuckles.entries()) {
    const [across, up] = column(i);
    const v = mesh.vertices[k]!;
    v.p[0] -= 0.035 * l * across * across + (across < 0 ? 0.03 * l * -across : 0);
    // Each finger's knuckle rises, the cells between sink.
    if (up > 0) {
      v.colour = i % 2 === 1 ? scale(tint(1, 0.34), 1.04) : scale(tint(1, 0.3), 0.8);
      v.p[1] += (i % 2 === 1 ? 0.04 : -0.022) * l;
    }
  }
  rings.push(knuckles);

  const inThumb = (row: number, k: number) => row >= thumbRow && row < thumbRow + 3 && (k === 18 || k === 19);
  for (let r = 0; r + 1 < rings.length; r++)
    for (let k = 0; k < COUNT; k++) {
      if (inThumb(r, k)) continue;
      const n = (k + 1) % COUNT;
      mesh.faces.push([rings[r + 1]![k]!, rings[r + 1]![n]!, rings[r]![n]!, rings[r]![k]!]);
    }

  const web = [knuckles[19]!];
  for (let f = 1; f < 4; f++) {
    const a = mesh.vertices[knuckles[2 * f]!]!.p;
    const b = mesh.vertices[knuckles[18 - 2 * f]!]!.p;
    const p = add(scale(add(a, b), 0.5), [0.02 * l, -0.006 * l, 0]);
    web.push(put(mesh, p, tint(-0.3, 0.25), [['leftHand', 1]]));
  }
  web.push(knuckles[9]!);
  for (let f = 0; f < 4; f++) {
    const loop = [
      ...[0, 1, 2].map((k) => knuckles[2 * f + k]!),
      web[f + 1]!,
      ...[2, 1, 0].map((k) => knuckles[18 - 2 * f - k]!),
      web[f]!,
    ];
    finger(mesh, loop, fingers[f + 1]!, f + 1, [0.102, 0.104, 0.098, 0.084][f]! * l * 0.5, [0, 1, 0], tint);
  }
  const side = [0, 1, 2, 3].map((r) => rings[thumbRow + r]!);
  const border = [
    side[0]![0]!,
    side[1]![0]!,
    side[2]![0]!,
    side[3]![0]!,
    side[3]![19]!,
    side[3]![18]!,
    side[2]![18]!,
    side[1]![18]!,
    side[0]![18]!,
    side[0]![19]!,
  ];
  finger(mesh, border, fingers[0]!, 0, 0.122 * l * 0.5, normalize([0.25, 0.75, 0.6]), tint);
  const knuckleX = wristX + 0.47 * l;
  relax(mesh, 1, (v) => 0.25 * bell((v.p[0] - knuckleX) / (0.06 * l), 1));
  softenSkin(mesh, 2, 0.35);
  return mesh;
};

const STEPS = [0.15, 0.37, 0.46, 0.55, 0.68, 0.76, 0.84, 0.93, 0.985] as const;
const THUMB_STEPS = [0.27, 0.34, 0.42, 0.52, 0.62, 0.7, 0.79, 0.92, 0.985] as const;

const finger = (
  mesh: Mesh,
  loop: readonly number[],
  path: readonly Vec[],
  index: number,
  radius: number,
  nail: Vec,
  tint: Tint,
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
  for (const t of thumb ? THUMB_STEPS : STEPS) {
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
    const joint = Math.max(0, 1 - Math.min(...knots.slice(1, 3).map((k) => Math.abs(k - t))) / 0.08);
    const round = t > 0.82 ? Math.sqrt(Math.max(0.05, 1 - ((t - 0.82) / 0.185) ** 2)) : 1;
    // The thumb grows out of its ball.
    const ball = thumb ? 0.2 * smooth(0.44, 0.22, t) : 0;
    const r = radius * mix(1.08, 0.8, t) * (1 + ball) * round;
    const next = order.map((a) => {
      const above = Math.sin(a);
      // Pads below; above, knuckles high enough that a bent joint stays round, and a flat bed for the nail.
      const pad =
        above < 0
          ? 1 + 0.09 * bell((t - 0.9) / 0.06, 1) + 0.05 * bell((t - 0.61) / 0.07, 1)
          : 1 + 0.17 * joint * above - 0.1 * smooth(0.8, 0.9, t) * above;
      const side = 1 + 0.05 * joint;
      const p = around(centre, scale(right, r * side), scale(up, r * 0.94 * pad), a);
      const warm = 0.08 + 0.24 * joint + 0.14 * smooth(0.75, 1, t);
      return put(mesh, p, tint(above, warm), fingerSkin(index, t));
    });
    bridge(mesh, next, ring);
    ring = next;
  }
  const end = pointAt(1);
  const tip = put(mesh, end, tint(0, 0.3, 0.3), fingerSkin(index, 1));
  fan(mesh, [...ring].reverse(), tip);

  const plate = ([0.83, 0.9, 0.985] as const).map((t, row) => {
    const centre = pointAt(t);
    const along = normalize(sub(pointAt(1), pointAt(t - 0.05)));
    const right = normalize(cross(along, nail));
    const up = cross(right, along);
    return [-1, 0, 1].map((u) => {
      const wide = radius * [0.36, 0.44, 0.3][row]! * u;
      const high = radius * ([0.745, 0.69, 0.4][row]! - (u === 0 ? 0 : [0.13, 0.13, 0.06][row]!));
      const p = add(centre, add(scale(right, wide), scale(up, high)));
      return put(mesh, p, tint(1, 0.1, [0.75, 0.9, 1.15][row]!), fingerSkin(index, t));
    });
  });
  for (let r = 0; r < 2; r++)
    for (let c = 0; c < 2; c++)
      mesh.faces.push([plate[r]![c]!, plate[r]![c + 1]!, plate[r + 1]![c + 1]!, plate[r + 1]![c]!]);
};
