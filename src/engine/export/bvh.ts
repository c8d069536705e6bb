import { FINGER_JOINTS, fingersInto } from '../body/hands.ts';
import { matrixInto, type Numbers, quaternionInto, relativeInto } from '../body/rotation.ts';
import { BODY_AT, Figure, JOINTS, OFFSETS_M, PARENTS } from '../body/skeleton.ts';
import { BODY_NUMBERS, FRAME_RATE_HZ, PERSONS } from '../motion.ts';

type Bone = {
  readonly name: string;
  readonly parent: number;
  /** Metres against the parent in T-pose. */
  readonly offset: readonly [number, number, number];
  /** Length of the end site, for bones without children. */
  readonly end?: readonly [number, number, number];
};

/** Where fingers begin against the wrist, and the lengths of their segments, of the left hand in T-pose (m). */
const KNUCKLES_M = [
  [0.03, -0.01, 0.025],
  [0.09, 0, 0.028],
  [0.094, 0, 0.007],
  [0.088, 0, -0.013],
  [0.08, 0, -0.031],
] as const;
const SEGMENTS_M = [
  [0.04, 0.032, 0.026],
  [0.04, 0.024, 0.02],
  [0.044, 0.027, 0.021],
  [0.041, 0.026, 0.021],
  [0.033, 0.02, 0.019],
] as const;
/** The thumb points outwards and to the front. */
const THUMB_ALONG = [Math.SQRT1_2, 0, Math.SQRT1_2] as const;
const END_M: Readonly<Record<string, readonly [number, number, number]>> = {
  head: [0, 0.18, 0],
  leftToes: [0, 0, 0.07],
  rightToes: [0, 0, 0.07],
};

const BONES = makeBones();
const HANDS = [
  { at: BODY_AT.leftHand, side: 1 },
  { at: BODY_AT.rightHand, side: -1 },
] as const;

/**
 * Writes one person's body [n, 75] as a BVH file: the reference skeleton with fingers, centimetres, 30 frames/s, turns
 * in degrees in the order Y X Z. `partner` [n, 75] is the other person, whom the head is turned to.
 */
export function bvh(own: Float32Array, partner: Float32Array): string {
  const frames = own.length / BODY_NUMBERS;
  const lines = ['HIERARCHY', ...hierarchy(0, 0), 'MOTION', `Frames: ${frames}`];
  lines.push(`Frame Time: ${(1 / FRAME_RATE_HZ).toFixed(7)}`);
  const figure = new Figure();
  const pair = new Float32Array(PERSONS * BODY_NUMBERS);
  const fingers = new Float64Array(3 * FINGER_JOINTS.length);
  const turn = new Float64Array(4);
  for (let k = 0; k < frames; k++) {
    pair.set(own.subarray(k * BODY_NUMBERS, (k + 1) * BODY_NUMBERS));
    pair.set(partner.subarray(k * BODY_NUMBERS, (k + 1) * BODY_NUMBERS), BODY_NUMBERS);
    figure.pose(pair, 0, BODY_NUMBERS);
    const { positions, rotations } = figure;
    const row = [number(100 * positions[0]), number(100 * positions[1]), number(100 * positions[2])];
    const turns: string[] = [];
    for (let j = 0; j < JOINTS.length; j++) {
      if (j === 0) turn.set(rotations.subarray(0, 4));
      else relativeInto(turn, 0, rotations, 4 * PARENTS[j], rotations, 4 * j);
      turns.push(degreesOf(turn));
    }
    for (const { at, side } of HANDS) {
      fingersInto(fingers, pair, at, side);
      for (let f = 0; f < FINGER_JOINTS.length; f++) {
        quaternionInto(turn, 0, fingers, 3 * f);
        turns.push(degreesOf(turn));
      }
    }
    lines.push([...row, ...ORDER.map((bone) => turns[bone])].join(' '));
  }
  return `${lines.join('\n')}\n`;
}

function makeBones(): readonly Bone[] {
  const bones: Bone[] = JOINTS.map((name, j) => {
    const [x, y, z] = OFFSETS_M.subarray(3 * j, 3 * j + 3);
    const end = END_M[name];
    return { name, parent: PARENTS[j], offset: [x, y, z], ...(end && { end }) };
  });
  for (const side of [1, -1] as const) {
    const name = side === 1 ? 'left' : 'right';
    FINGER_JOINTS.forEach((joint, i) => {
      const finger = Math.floor(i / 3);
      const segment = i % 3;
      const along = (length: number): [number, number, number] => {
        const [x, y, z] = finger === 0 ? THUMB_ALONG : [1, 0, 0];
        return [x * length * side, y * length, z * length];
      };
      const [x, y, z] = KNUCKLES_M[finger];
      bones.push({
        name: `${name}${joint}`,
        parent: segment === 0 ? JOINTS.indexOf(`${name}Hand`) : bones.length - 1,
        offset: segment === 0 ? [x * side, y, z] : along(SEGMENTS_M[finger][segment - 1]),
        ...(segment === 2 && { end: along(SEGMENTS_M[finger][2]) }),
      });
    });
  }
  return bones;
}

const childrenOf = (bone: number) => BONES.flatMap(({ parent }, child) => (parent === bone ? [child] : []));

/** The bones in the order of the hierarchy, each before its children. */
const ORDER: readonly number[] = walk(0);

function walk(bone: number): number[] {
  return [bone, ...childrenOf(bone).flatMap(walk)];
}

function hierarchy(bone: number, depth: number): string[] {
  const { name, offset, end } = BONES[bone];
  const pad = '  '.repeat(depth);
  const centimetres = (metres: readonly number[]) => metres.map((x) => number(100 * x)).join(' ');
  const channels =
    bone === 0
      ? 'CHANNELS 6 Xposition Yposition Zposition Yrotation Xrotation Zrotation'
      : 'CHANNELS 3 Yrotation Xrotation Zrotation';
  return [
    `${pad}${bone === 0 ? 'ROOT' : 'JOINT'} ${name}`,
    `${pad}{`,
    // The hips' place is given by every frame.
    `${pad}  OFFSET ${bone === 0 ? '0 0 0' : centimetres(offset)}`,
    `${pad}  ${channels}`,
    ...childrenOf(bone).flatMap((child) => hierarchy(child, depth + 1)),
    ...(end ? [`${pad}  End Site`, `${pad}  {`, `${pad}    OFFSET ${centimetres(end)}`, `${pad}  }`] : []),
    `${pad}}`,
  ];
}

const matrix = new Float64Array(9);

/** Degrees about Y, X and Z, applied in this order from the outside in (R = Ry·Rx·Rz). */
function degreesOf(quaternion: Numbers): string {
  matrixInto(matrix, quaternion, 0);
  const sine = Math.min(1, Math.max(-1, -matrix[5]));
  const upright = Math.abs(sine) < 1 - 1e-9;
  const y = upright ? Math.atan2(matrix[2], matrix[8]) : Math.atan2(-matrix[6], matrix[0]);
  const z = upright ? Math.atan2(matrix[3], matrix[4]) : 0;
  return [y, Math.asin(sine), z].map((angle) => number((angle * 180) / Math.PI)).join(' ');
}

/** Four decimals, no negative zero. */
const number = (value: number) => String(Math.round(value * 1e4) / 1e4 + 0);
