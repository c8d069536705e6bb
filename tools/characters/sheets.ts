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
  SHEETS[`${who}-bust`] = grid(3, 480, 520, [
    { who: [who], camera: { away: 1.5, look: 0.84 } },
    { who: [who], camera: { away: 1.5, look: 0.84, turn: 40, tilt: 20 } },
    { who: [who], camera: { away: 1.5, look: 0.84, turn: 150, tilt: 15 } },
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
  SHEETS[`${who}-tpose`] = grid(2, 620, 620, [
    { who: [who], camera: { ...body, fov: 26 }, pose: {} },
    { who: [who], camera: { ...body, fov: 26, turn: 30, tilt: 30 }, pose: {} },
    { who: [who], camera: { away: 1.1, look: 0.79, side: 0.7, turn: 20, tilt: 35 }, pose: {} },
    { who: [who], camera: { away: 1.1, look: 0.79, side: 0.7, turn: 20, tilt: -35 }, pose: {} },
  ]);
}
