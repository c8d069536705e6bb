import { people } from './people.ts';
import { SHAPE_NAMES } from './shapes.ts';
import type { Sheet, Shot } from './studio.ts';
import { PRESETS } from './vrm.ts';

const names = people.map((p) => p.name);
const grid = (columns: number, width: number, height: number, shots: readonly Shot[]): Sheet => ({
  columns,
  width,
  height,
  shots,
});
const body = { away: 4.6, look: 0.5, tilt: 2, fov: 24 };

type Pose = NonNullable<Shot['pose']>;
const fist: Pose = Object.fromEntries(
  ['left', 'right'].flatMap((side) => {
    const turn = side === 'left' ? -1 : 1;
    return [
      ...['Index', 'Middle', 'Ring', 'Little'].flatMap((f) =>
        ['Proximal', 'Intermediate', 'Distal'].map((b) => [`${side}${f}${b}`, [0, 0, turn * 1.35]] as const),
      ),
      [`${side}ThumbProximal`, [0, turn * -0.6, 0]] as const,
      [`${side}ThumbDistal`, [0, turn * -0.8, 0]] as const,
    ];
  }),
);

/** Poses that strain the skin: angles in radians about X, Y, Z. */
const POSES: Record<string, Pose> = {
  gesture: {
    leftUpperArm: [0, -0.5, -1],
    leftLowerArm: [0, -1.6, 0],
    rightUpperArm: [0.1, 0, 1.25],
    rightLowerArm: [0, 0.4, 0],
    head: [0.1, 0.5, 0.1],
    neck: [0, 0.3, 0],
  },
  raised: {
    leftUpperArm: [0, 0, 1],
    rightUpperArm: [0, 0, -0.9],
    leftLowerArm: [0, -0.6, 0],
    rightLowerArm: [0, 2.2, 0],
  },
  sitting: {
    leftUpperLeg: [-1.5, 0.1, 0],
    rightUpperLeg: [-1.5, -0.1, 0],
    leftLowerLeg: [1.5, 0, 0],
    rightLowerLeg: [1.5, 0, 0],
    leftUpperArm: [0, -0.4, -1.2],
    rightUpperArm: [0, 0.4, 1.2],
    leftLowerArm: [0, -0.9, 0],
    rightLowerArm: [0, 0.9, 0],
  },
  walking: {
    leftUpperLeg: [-0.5, 0, 0],
    rightUpperLeg: [0.4, 0, 0],
    rightLowerLeg: [0.9, 0, 0],
    rightToes: [-0.4, 0, 0],
    leftUpperArm: [0.5, 0, -1.25],
    rightUpperArm: [-0.5, 0, 1.25],
    spine: [0.05, 0.15, 0],
  },
  fists: {
    ...fist,
    leftLowerArm: [0, -1.2, 0],
    rightLowerArm: [0, 1.2, 0],
    leftUpperArm: [0, -0.6, -0.9],
    rightUpperArm: [0, 0.6, 0.9],
  },
  bow: {
    spine: [0.5, 0, 0],
    chest: [0.3, 0, 0],
    head: [-0.4, 0.3, 0],
    leftUpperArm: [0, 0, -1.2],
    rightUpperArm: [0, 0, 1.2],
  },
};

/** All contact sheets by name. */
export const SHEETS: Record<string, Sheet> = {
  together: grid(1, 1000, 800, [{ who: names, camera: { away: 4.6, look: 0.5, tilt: 2, fov: 25 } }]),
  chat: grid(1, 1000, 640, [
    {
      who: names,
      camera: { away: 2.5, look: 0.82, tilt: 1, fov: 25 },
      morphs: { mouthSmileLeft: 0.3, mouthSmileRight: 0.35, jawOpen: 0.1 },
    },
  ]),
};
for (const who of names) {
  SHEETS[`${who}-face`] = grid(3, 560, 640, [
    { who: [who] },
    { who: [who], camera: { turn: 38 } },
    { who: [who], camera: { turn: 88 } },
    {
      who: [who],
      morphs: {
        mouthSmileLeft: 0.8,
        mouthSmileRight: 0.7,
        jawOpen: 0.25,
        cheekSquintLeft: 0.5,
        cheekSquintRight: 0.5,
      },
    },
    { who: [who], camera: { turn: -30 }, morphs: { jawOpen: 1 } },
    {
      who: [who],
      camera: { turn: 20, tilt: 12 },
      morphs: { eyeBlinkLeft: 1, eyeBlinkRight: 1 },
      light: 'side',
    },
  ]);
  SHEETS[`${who}-close`] = grid(2, 640, 720, [
    { who: [who], camera: { turn: 0, away: 0.72, look: 0.922 } },
    { who: [who], camera: { turn: 35, away: 0.72, look: 0.922 } },
  ]);
  const near = { away: 0.42, look: 0.893 };
  SHEETS[`${who}-mouth`] = grid(4, 400, 300, [
    { who: [who], camera: near },
    { who: [who], camera: { ...near, turn: 40 } },
    { who: [who], camera: { ...near, turn: 85 } },
    { who: [who], camera: near, morphs: { jawOpen: 0.5 } },
    { who: [who], camera: { ...near, turn: 30 }, morphs: { jawOpen: 1 } },
    { who: [who], camera: near, expression: 'ee' },
    { who: [who], camera: { ...near, turn: 30 }, expression: 'ou' },
    { who: [who], camera: { ...near, turn: 15 }, expression: 'happy' },
    { who: [who], camera: near, morphs: { jawOpen: 1 } },
    { who: [who], camera: near, morphs: { jawOpen: 1, mouthClose: 1 } },
    { who: [who], camera: near, morphs: { jawOpen: 0.6, mouthSmileLeft: 1, mouthSmileRight: 1 } },
    { who: [who], camera: near, morphs: { jawOpen: 0.6, mouthPucker: 1 } },
    { who: [who], camera: near, morphs: { mouthRollLower: 1, mouthRollUpper: 1 } },
    { who: [who], camera: near, morphs: { mouthPressLeft: 1, mouthPressRight: 1 } },
    { who: [who], camera: near, morphs: { mouthFunnel: 1 } },
    { who: [who], camera: near, morphs: { tongueOut: 1, jawOpen: 0.4 } },
  ]);
  const eye = { away: 0.36, look: 0.925 };
  const lids = (weight: number) => ({ eyeBlinkLeft: weight, eyeBlinkRight: weight });
  SHEETS[`${who}-eyes`] = grid(3, 480, 300, [
    { who: [who], camera: eye },
    { who: [who], camera: eye, morphs: lids(0.5) },
    { who: [who], camera: eye, morphs: lids(1) },
    { who: [who], camera: { ...eye, turn: 50 }, morphs: lids(1) },
    {
      who: [who],
      camera: { ...eye, turn: 30 },
      gaze: [30, 0],
      morphs: { eyeLookOutLeft: 1, eyeLookInRight: 1 },
    },
    { who: [who], camera: eye, gaze: [-25, -15], morphs: { eyeWideLeft: 1, eyeWideRight: 1 } },
    { who: [who], camera: eye, gaze: [0, 25], morphs: { eyeLookDownLeft: 1, eyeLookDownRight: 1 } },
    {
      who: [who],
      camera: eye,
      morphs: { eyeSquintLeft: 1, eyeSquintRight: 1, cheekSquintLeft: 1, cheekSquintRight: 1 },
    },
    { who: [who], camera: eye, morphs: { ...lids(1), eyeWideLeft: 1, eyeSquintLeft: 1 } },
  ]);
  SHEETS[`${who}-bust`] = grid(3, 480, 520, [
    { who: [who], camera: { away: 1.5, look: 0.84 } },
    { who: [who], camera: { away: 1.5, look: 0.84, turn: 40, tilt: 20 } },
    { who: [who], camera: { away: 1.5, look: 0.84, turn: 150, tilt: 15 } },
    { who: [who], camera: { away: 1, look: 0.95, turn: -20, tilt: 40 } },
    { who: [who], camera: { away: 1, look: 0.93, turn: -70, tilt: 5 } },
    { who: [who], camera: { away: 1, look: 0.9, turn: 30, tilt: -30 } },
    { who: [who], settle: 2, camera: { away: 1.3, look: 0.88, turn: 20 } },
    {
      who: [who],
      settle: 2,
      pose: { head: [0.2, 0.9, 0], neck: [0, 0.3, 0] },
      camera: { away: 1.3, look: 0.88 },
    },
    {
      who: [who],
      settle: 2,
      pose: { head: [0.5, 0, 0.3], spine: [0.4, 0, 0] },
      camera: { away: 1.5, look: 0.84, turn: 40 },
    },
  ]);
  SHEETS[`${who}-turn`] = grid(
    4,
    360,
    620,
    [0, 45, 90, 135, 180, 225, 270, 315].map((turn) => ({ who: [who], camera: { ...body, turn } })),
  );
  SHEETS[`${who}-shapes`] = grid(9, 230, 260, [
    { who: [who], label: 'neutral', camera: { turn: 14, away: 0.62, look: 0.915 } },
    ...SHAPE_NAMES.map((name) => ({
      who: [who],
      label: name,
      morphs: { [name]: 1 },
      camera: { turn: 14, away: 0.62, look: 0.915 },
    })),
    {
      who: [who],
      label: 'jawOpen + mouthClose',
      morphs: { jawOpen: 1, mouthClose: 1 },
      camera: { turn: 14, away: 0.62, look: 0.915 },
    },
  ]);
  SHEETS[`${who}-expressions`] = grid(
    6,
    300,
    340,
    Object.keys(PRESETS).map((e) => ({
      who: [who],
      label: e,
      expression: e,
      camera: { turn: 14, away: 0.62, look: 0.915 },
    })),
  );
  SHEETS[`${who}-poses`] = grid(
    4,
    400,
    520,
    Object.entries(POSES).flatMap(([label, pose]): Shot[] =>
      label === 'fists'
        ? [
            { who: [who], label, pose, camera: { away: 2, look: 0.72, turn: 10 } },
            { who: [who], label, pose, camera: { away: 1.2, look: 0.62, turn: 60, side: 0.1 } },
          ]
        : [{ who: [who], label, pose, settle: 2, camera: { ...body, away: 4.2, turn: 30 } }],
    ),
  );
  SHEETS[`${who}-tpose`] = grid(2, 620, 620, [
    { who: [who], camera: { ...body, fov: 26 }, pose: {} },
    { who: [who], camera: { ...body, fov: 26, turn: 30, tilt: 30 }, pose: {} },
    { who: [who], camera: { away: 1.1, look: 0.79, side: 0.7, turn: 20, tilt: 35 }, pose: {} },
    { who: [who], camera: { away: 1.1, look: 0.79, side: 0.7, turn: 20, tilt: -35 }, pose: {} },
  ]);
}
