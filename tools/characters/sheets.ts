import { people } from './people.ts';
import { FINGERS_SHOWN, GESTURES, POSES, type Pose, REST, SEATED, TALK, WALKING } from './poses.ts';
import { SHAPE_NAMES } from './shapes.ts';
import type { Sheet, Shot } from './studio.ts';
import { VISEMES } from './visemes.ts';
import { PRESETS } from './vrm.ts';

const names = people.map((p) => p.name);
const grid = (columns: number, width: number, height: number, shots: readonly Shot[]): Sheet => ({
  columns,
  width,
  height,
  shots,
});
const standing = names.map((name) => REST[name]!);
const both: Shot = { who: names, poses: standing, camera: { away: 4.6, look: 0.5, tilt: 2, fov: 25 } };
const talk: Shot = {
  who: names,
  poses: TALK,
  turns: [52, -52],
  camera: { away: 2.75, look: 0.75, tilt: 3, fov: 25 },
  morphs: { mouthSmileLeft: 0.3, mouthSmileRight: 0.35, jawOpen: 0.1 },
};
const body = { away: 4.6, look: 0.5, tilt: 2, fov: 24 };

const byLabel = (a: Shot, b: Shot) => (b.label ?? '').localeCompare(a.label ?? '');

/** All contact sheets by name. */
export const SHEETS: Record<string, Sheet> = {
  together: grid(1, 1000, 800, [both]),
  grey: grid(1, 1000, 800, [{ ...both, grey: true }]),
  chat: grid(1, 1600, 900, [talk]),
  phone: grid(1, 390, 844, [{ ...talk, apart: 0.68, camera: { away: 6, look: 0.56, tilt: 3, fov: 24 } }]),
};
/** The picture that each character's file carries, by name. */
export const THUMBNAILS: Record<string, Sheet> = Object.fromEntries(
  names.map((who) => [
    who,
    {
      ...grid(1, 256, 256, [
        {
          who: [who],
          settle: 2,
          camera: { turn: 16, away: 0.9, look: 0.905 },
          morphs: { mouthSmileLeft: 0.4, mouthSmileRight: 0.45, cheekSquintLeft: 0.2, cheekSquintRight: 0.2 },
        },
      ]),
      jpeg: true,
    },
  ]),
);

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
  SHEETS[`${who}-bald`] = grid(3, 420, 520, [
    { who: [who], without: ['Hair'], camera: { turn: 0, away: 0.85 } },
    { who: [who], without: ['Hair'], camera: { turn: 40, away: 0.85 } },
    { who: [who], without: ['Hair'], camera: { turn: 90, away: 0.85 } },
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
    [0, 45, 90, 135, 180, 225, 270, 315].map((turn) => ({
      who: [who],
      pose: REST[who]!,
      camera: { ...body, turn },
    })),
  );
  SHEETS[`${who}-shapes`] = grid(9, 230, 260, [
    { who: [who], label: 'neutral', camera: { turn: 14, away: 0.68, look: 0.902 } },
    ...SHAPE_NAMES.map((name) => ({
      who: [who],
      label: name,
      morphs: { [name]: 1 },
      camera: { turn: 14, away: 0.68, look: 0.902 },
    })),
    {
      who: [who],
      label: 'jawOpen + mouthClose',
      morphs: { jawOpen: 1, mouthClose: 1 },
      camera: { turn: 14, away: 0.68, look: 0.902 },
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
      camera: { turn: 14, away: 0.68, look: 0.902 },
    })),
  );
  const shown = (
    poses: Readonly<Record<string, Pose>>,
    camera: NonNullable<Shot['camera']>,
    seat = false,
  ): Shot[] =>
    Object.entries(poses).map(([label, pose]) => ({ who: [who], label, pose, seat, settle: 2, camera }));
  SHEETS[`${who}-poses`] = grid(4, 400, 520, shown(POSES, { ...body, away: 4.2, turn: 30 }));
  SHEETS[`${who}-gestures`] = grid(5, 360, 520, shown(GESTURES, { ...body, away: 4.2, turn: 15 }));
  SHEETS[`${who}-walk`] = grid(
    4,
    360,
    520,
    [60, 20].flatMap((turn) => shown(WALKING, { ...body, away: 4.4, turn })),
  );
  SHEETS[`${who}-seated`] = grid(
    3,
    460,
    560,
    [0, 90, 40]
      .flatMap((turn) => shown(SEATED, { ...body, look: 0.36, away: 3.8, turn }, true))
      .sort(byLabel),
  );
  SHEETS[`${who}-armpit`] = grid(
    3,
    480,
    400,
    [-55, 10, 55].map((turn) => ({
      who: [who],
      pose: POSES.forward!,
      camera: { away: 1.7, look: 0.76, turn },
    })),
  );
  SHEETS[`${who}-lap`] = grid(
    3,
    480,
    400,
    [0, 90, 40].map((turn) => ({
      who: [who],
      pose: SEATED.upright!,
      seat: true,
      settle: 2,
      camera: { away: 2, look: 0.36, tilt: 12, turn },
    })),
  );
  SHEETS[`${who}-fingers`] = grid(
    5,
    340,
    380,
    [-25, 155].flatMap((turn) => shown(FINGERS_SHOWN, { at: 'leftHand', away: 0.62, turn, tilt: 8 })),
  );
  SHEETS[`${who}-visemes`] = grid(
    5,
    300,
    300,
    Object.entries(VISEMES).map(([label, morphs]) => ({
      who: [who],
      label,
      morphs: morphs as Readonly<Record<string, number>>,
      camera: { turn: 14, away: 0.62, look: 0.885 },
    })),
  );
  SHEETS[`${who}-clothes`] = grid(4, 480, 560, [
    { who: [who], pose: REST[who]!, camera: { away: 1.7, look: 0.72, turn: 12 } },
    { who: [who], pose: REST[who]!, camera: { away: 1.7, look: 0.72, turn: 160, tilt: 8 } },
    { who: [who], pose: REST[who]!, camera: { away: 1.7, look: 0.46, turn: 20 } },
    { who: [who], pose: REST[who]!, camera: { away: 1.2, look: 0.08, turn: 30, tilt: 15 } },
  ]);
  SHEETS[`${who}-tpose`] = grid(2, 620, 620, [
    { who: [who], camera: { ...body, fov: 26 }, pose: {} },
    { who: [who], camera: { ...body, fov: 26, turn: 30, tilt: 30 }, pose: {} },
    { who: [who], camera: { away: 1.1, look: 0.79, side: 0.7, turn: 20, tilt: 35 }, pose: {} },
    { who: [who], camera: { away: 1.1, look: 0.79, side: 0.7, turn: 20, tilt: -35 }, pose: {} },
  ]);
}
