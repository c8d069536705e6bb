import { STRAND_JOINTS, STRANDS } from './hair.ts';
import { add, type Vec } from './math.ts';
import type { Person } from './people.ts';
import { eyeCentre } from './skull.ts';

/** One bone at rest: its place in metres; rotations are identity in the T-pose. */
export type Bone = { name: string; parent: string | null; p: Vec };

/** The fingers of a hand, from the thumb, with VRM's names of their three bones. */
export const FINGERS = [
  { name: 'Thumb', bones: ['Metacarpal', 'Proximal', 'Distal'] },
  { name: 'Index', bones: ['Proximal', 'Intermediate', 'Distal'] },
  { name: 'Middle', bones: ['Proximal', 'Intermediate', 'Distal'] },
  { name: 'Ring', bones: ['Proximal', 'Intermediate', 'Distal'] },
  { name: 'Little', bones: ['Proximal', 'Intermediate', 'Distal'] },
] as const;

/** Metres per face unit. */
export const faceScale = (person: Person) => person.head / 24;

/** A point of face space in metres. */
export const faceToWorld = (person: Person, q: Vec): Vec => {
  const s = faceScale(person);
  return [q[0] * s, person.height - person.head / 2 + q[1] * s, 0.012 + q[2] * s];
};

/** Heights and joints of the body in metres. */
export const joints = (person: Person) => {
  const h = person.height;
  const neckBase = faceToWorld(person, [0, -15.6, -2.2]);
  const shoulderY = neckBase[1] - 0.062;
  const hipY = h * 0.508;
  const arm = h * 0.158;
  const forearm = h * 0.142;
  return {
    hipY,
    shoulderY,
    neckBase,
    shoulderX: person.body.shoulder - 0.028,
    arm,
    forearm,
    hipX: person.body.hip * 0.62,
    kneeY: h * 0.272,
    ankleY: h * 0.05,
    footLength: person.head * 0.98,
  };
};

/** Root and the four joints (last one the tip) of each finger of the left hand, thumb first, in metres. */
export const fingerJoints = (person: Person): Vec[][] => {
  const j = joints(person);
  const wrist: Vec = [j.shoulderX + j.arm + j.forearm, j.shoulderY, -0.012];
  const l = person.body.hand;
  const reach = [0, 0.46, 0.495, 0.47, 0.43];
  const across = [0, 0.148, 0.05, -0.052, -0.148];
  const long = [0, 0.42, 0.47, 0.44, 0.35];
  const spread = [0, 0.09, 0.02, -0.05, -0.13];
  const fingers = reach.map((r, k) => {
    const root = add(wrist, [r * l, -0.003, across[k]! * l]);
    const parts = [0, 0.46, 0.76, 1].map((t) => t * long[k]! * l);
    return parts.map((d, i) =>
      add(root, [d * Math.cos(spread[k]!), -0.0035 * i * i * 0.7, d * Math.sin(spread[k]!)]),
    );
  });
  const base = add(wrist, [0.13 * l, -0.006, 0.13 * l]);
  const steps: Vec[] = [
    [0, 0, 0],
    [0.17 * l, -0.05 * l, 0.135 * l],
    [0.33 * l, -0.075 * l, 0.215 * l],
    [0.475 * l, -0.09 * l, 0.265 * l],
  ];
  fingers[0] = steps.map((s) => add(base, s));
  return fingers;
};

/** A bone that follows a share of another's turn: half of a joint's bend keeps its volume, a share of a roll spreads its twist. */
export type Helper = {
  name: string;
  parent: string;
  /** The bone at whose place it lies, and how far above (metres). */
  at: string;
  lift?: number;
  source: string;
  weight: number;
  roll?: 'X';
};

/** The helper bones of both sides: VRM's node constraints drive them, wherever the motion comes from. */
export const HELPERS: readonly Helper[] = (['left', 'right'] as const).flatMap((side) => [
  ...(
    [
      ['UpperArm', 'Shoulder'],
      ['LowerArm', 'UpperArm'],
      ['LowerLeg', 'UpperLeg'],
    ] as const
  ).map(([bone, parent]) => ({
    name: `${side}${bone}Half`,
    parent: `${side}${parent}`,
    at: `${side}${bone}`,
    source: `${side}${bone}`,
    weight: 0.5,
  })),
  {
    name: `${side}UpperLegHalf`,
    parent: 'hips',
    at: `${side}UpperLeg`,
    source: `${side}UpperLeg`,
    weight: 0.5,
  },
  // The front of a hem swings from above the hip, so that it lies on the lap of who sits.
  {
    name: `${side}Lap`,
    parent: 'hips',
    at: `${side}UpperLeg`,
    lift: 0.09,
    source: `${side}UpperLeg`,
    weight: 0.55,
  },
  {
    name: `${side}ForearmRoll`,
    parent: `${side}LowerArm`,
    at: `${side}LowerArm`,
    source: `${side}Hand`,
    weight: 0.6,
    roll: 'X' as const,
  },
]);

/** All bones of a person, parents before children; the names are VRM's. */
export const skeletonOf = (person: Person): Bone[] => {
  const j = joints(person);
  const out: Bone[] = [];
  const put = (name: string, parent: string | null, p: Vec) => out.push({ name, parent, p });
  const face = (q: Vec) => faceToWorld(person, q);
  const span = j.neckBase[1] - j.hipY;
  put('hips', null, [0, j.hipY, 0]);
  put('spine', 'hips', [0, j.hipY + span * 0.16, -0.008]);
  put('chest', 'spine', [0, j.hipY + span * 0.4, -0.012]);
  put('upperChest', 'chest', [0, j.hipY + span * 0.66, -0.016]);
  put('neck', 'upperChest', [0, j.neckBase[1], -0.016]);
  put('head', 'neck', face([0, -8.2, -1.6]));
  put('jaw', 'head', face([0, -2.5, 0.8]));
  if (person.hair === 'bob')
    for (const { name, lon } of STRANDS)
      for (const [k, y] of STRAND_JOINTS.entries())
        put(
          `${name}${k + 1}`,
          k === 0 ? 'head' : `${name}${k}`,
          face([8 * Math.sin(lon), y, 8 * Math.cos(lon) - 0.5]),
        );
  for (const side of [1, -1] as const) {
    const name = side === 1 ? 'left' : 'right';
    const at = (p: Vec): Vec => [p[0] * side, p[1], p[2]];
    put(`${name}Eye`, 'head', face(eyeCentre(person, side)));
    put(`${name}Shoulder`, 'upperChest', at([0.03, j.shoulderY + 0.004, -0.014]));
    put(`${name}UpperArm`, `${name}Shoulder`, at([j.shoulderX, j.shoulderY, -0.014]));
    put(`${name}LowerArm`, `${name}UpperArm`, at([j.shoulderX + j.arm, j.shoulderY, -0.016]));
    put(`${name}Hand`, `${name}LowerArm`, at([j.shoulderX + j.arm + j.forearm, j.shoulderY, -0.012]));
    const fingers = fingerJoints(person);
    for (const [k, finger] of FINGERS.entries())
      for (const [i, bone] of finger.bones.entries()) {
        const parent = i === 0 ? `${name}Hand` : `${name}${finger.name}${finger.bones[i - 1]}`;
        put(`${name}${finger.name}${bone}`, parent, at(fingers[k]![i]!));
      }
    put(`${name}UpperLeg`, 'hips', at([j.hipX, j.hipY - 0.03, 0]));
    put(`${name}LowerLeg`, `${name}UpperLeg`, at([j.hipX * 0.98, j.kneeY, 0.004]));
    put(`${name}Foot`, `${name}LowerLeg`, at([j.hipX * 0.96, j.ankleY, -0.018]));
    put(`${name}Toes`, `${name}Foot`, at([j.hipX * 1.02, 0.02, j.footLength * 0.45]));
  }
  for (const { name, parent, at, lift = 0 } of HELPERS) {
    const [x, y, z] = out.find((b) => b.name === at)!.p;
    put(name, parent, [x, y + lift, z]);
  }
  return out;
};
