/** Turns of normalised bones: radians about X, Y, Z. */
export type Pose = Readonly<Record<string, readonly [number, number, number]>>;

const FOUR = ['Index', 'Middle', 'Ring', 'Little'] as const;
const BONES = ['Proximal', 'Intermediate', 'Distal'] as const;
type Side = 'left' | 'right';
type Digits = Partial<Record<(typeof FOUR)[number], number>>;

/** How far a thumb rolls under the palm, bends at its two joints, swings towards the fingers and sinks. */
type Thumb = readonly [under: number, bend: number, tip: number, swing?: number, sink?: number];

/** A thumb laid over curled fingers: over all four, and over three while the index finger points. */
const OVER: Thumb = [0, 0.52, 1.17, 0.09, 0.34];
const UNDER_INDEX: Thumb = [-0.2, 0.6, 0.8, 0.35, 0.25];

/** A hand: how far each finger is curled (0 straight … 1 fist), how they fan, and how the thumb lies. */
const hand = (side: Side, curl: Digits | number, thumb: Thumb, fan = 0): Pose => {
  const turn = side === 'left' ? -1 : 1;
  const out: Record<string, [number, number, number]> = {};
  for (const [k, f] of FOUR.entries()) {
    const c = typeof curl === 'number' ? curl : (curl[f] ?? 0);
    for (const [i, bone] of BONES.entries())
      out[`${side}${f}${bone}`] = [0, i === 0 ? turn * fan * (1.5 - k) : 0, turn * c * [1.35, 1.6, 1.15][i]!];
  }
  const [under, bend, tip, swing = 0, sink = 0] = thumb;
  const flex = (by: number): [number, number, number] => [0.53 * by, -turn * 0.67 * by, turn * 0.5 * by];
  out[`${side}ThumbMetacarpal`] = [under, -turn * swing, turn * sink];
  out[`${side}ThumbProximal`] = flex(bend);
  out[`${side}ThumbDistal`] = flex(tip);
  return out;
};
const hands = (curl: Digits | number, thumb: Thumb = [0, 0, 0], fan = 0): Pose => ({
  ...hand('left', curl, thumb, fan),
  ...hand('right', curl, thumb, fan),
});

const EASY = hands({ Index: 0.16, Middle: 0.22, Ring: 0.26, Little: 0.28 }, [0.15, 0.15, 0.15]);
const OPEN = hands({ Index: 0.02, Middle: 0.06, Ring: 0.1, Little: 0.08 }, [0, 0, 0], 0.06);

/** Weight on one leg, the other at ease; arms by the sides. */
const stand = (lean: 1 | -1): Pose => {
  const [firm, loose] = lean > 0 ? (['left', 'right'] as const) : (['right', 'left'] as const);
  return {
    ...EASY,
    hips: [0, 0.06 * lean, 0.05 * lean],
    spine: [0.02, -0.02 * lean, -0.05 * lean],
    chest: [-0.02, -0.03 * lean, -0.05 * lean],
    neck: [0.02, 0, 0.03 * lean],
    [`${firm}UpperLeg`]: [0.01, 0, -0.02 * lean],
    [`${loose}UpperLeg`]: [-0.16, -0.2 * lean, -0.1 * lean],
    [`${loose}LowerLeg`]: [0.27, 0, 0],
    [`${loose}Foot`]: [-0.11, -0.1 * lean, 0.02 * lean],
    leftUpperArm: [0.04, 0.1, -1.37],
    rightUpperArm: [0.04, -0.1, 1.36],
    leftLowerArm: [0.1, -0.3, 0],
    rightLowerArm: [0.1, 0.34, 0],
    leftHand: [0, -0.05, -0.1],
    rightHand: [0, 0.05, 0.1],
  };
};

/** How each of the two stands at rest. */
export const REST: Readonly<Record<string, Pose>> = { ada: stand(1), bo: stand(-1) };

const listening: Pose = {
  ...stand(-1),
  head: [0.06, -0.2, 0.12],
  leftUpperArm: [-0.25, -0.1, -1.25],
  rightUpperArm: [-0.25, 0.1, 1.25],
  leftLowerArm: [0.3, -1.35, 0],
  rightLowerArm: [0.3, 1.3, 0],
  leftHand: [0.2, -0.2, 0],
  rightHand: [0.2, 0.2, 0],
};

/** Five gestures of talk. */
export const GESTURES: Readonly<Record<string, Pose>> = {
  explain: {
    ...stand(1),
    ...OPEN,
    leftUpperArm: [-0.3, 0, -1.22],
    rightUpperArm: [-0.12, 0, 1.2],
    leftLowerArm: [-0.35, -1.45, 0],
    rightLowerArm: [-0.3, 1.2, 0],
    leftHand: [-0.3, 0.2, 0.2],
    rightHand: [-0.3, -0.2, -0.2],
    head: [0, 0.15, 0.06],
  },
  point: {
    ...stand(-1),
    ...hand('right', { Index: 0, Middle: 0.92, Ring: 0.95, Little: 0.97 }, UNDER_INDEX),
    rightUpperArm: [-0.9, 0.3, 0.85],
    rightLowerArm: [-0.2, 0.75, 0],
    rightHand: [-0.3, 0, 0],
    head: [0, -0.3, 0],
    chest: [0, 0.12, 0],
  },
  heart: {
    ...stand(1),
    rightUpperArm: [-0.3, 0.25, 1.22],
    rightLowerArm: [0.55, 1.95, 0],
    rightHand: [0, 0.15, 0],
    ...hand('right', 0.12, [0, 0.2, 0.1], 0.05),
    head: [0.08, 0, -0.12],
  },
  shrug: {
    ...stand(1),
    ...OPEN,
    leftShoulder: [0, 0, 0.2],
    rightShoulder: [0, 0, -0.2],
    leftUpperArm: [0.05, 0, -1.2],
    rightUpperArm: [0.05, 0, 1.2],
    leftLowerArm: [-0.75, -1.45, 0],
    rightLowerArm: [-0.75, 1.45, 0],
    leftHand: [-0.5, 0.3, 0.3],
    rightHand: [-0.5, -0.3, -0.3],
    head: [-0.05, 0, 0.18],
  },
  think: {
    ...stand(-1),
    rightUpperArm: [-0.46, 0.4, 1.41],
    rightLowerArm: [0.37, 2.43, 0],
    rightHand: [-0.34, 0.16, -0.1],
    ...hand('right', { Index: 0.3, Middle: 0.7, Ring: 0.8, Little: 0.8 }, [0.2, 0.2, 0.2]),
    leftUpperArm: [-0.15, -0.3, -1.25],
    leftLowerArm: [0.75, -1.6, 0],
    leftHand: [0.3, -0.1, 0],
    head: [0.1, -0.1, 0.1],
  },
};

const LEGS_SEATED: Pose = {
  leftUpperLeg: [-1.52, 0.1, 0],
  rightUpperLeg: [-1.5, -0.12, 0],
  leftLowerLeg: [1.5, 0, 0],
  rightLowerLeg: [1.42, 0, 0],
};

/** Sitting: hands on the thighs, and leaning into the talk. */
export const SEATED: Readonly<Record<string, Pose>> = {
  upright: {
    ...EASY,
    ...LEGS_SEATED,
    leftUpperArm: [-0.14, -0.28, -1.22],
    rightUpperArm: [-0.15, 0.31, 1.2],
    leftLowerArm: [0.81, -1.03, 0],
    rightLowerArm: [0.82, 1.02, 0],
    leftHand: [0.56, 0.33, 0.56],
    rightHand: [0.53, -0.36, -0.57],
  },
  leaning: {
    ...EASY,
    ...OPEN,
    ...LEGS_SEATED,
    hips: [0.12, 0, 0],
    leftUpperLeg: [-1.64, 0.1, 0],
    rightUpperLeg: [-1.62, -0.12, 0],
    spine: [0.12, 0.05, 0],
    chest: [0.08, 0.05, 0],
    leftUpperArm: [-0.5, -0.05, -1.15],
    rightUpperArm: [0.06, 0.14, 1.17],
    leftLowerArm: [-0.1, -1.35, 0],
    rightLowerArm: [0.59, 1.42, 0],
    rightHand: [0.91, -0.47, -0.57],
    ...hand('right', { Index: 0.12, Middle: 0.16, Ring: 0.18, Little: 0.2 }, [0.1, 0.1, 0.1]),
    head: [-0.12, 0.1, 0.05],
  },
};

const step = (
  left: readonly [thigh: number, knee: number, foot: number],
  right: readonly [thigh: number, knee: number, foot: number],
  swing: number,
): Pose => ({
  ...EASY,
  leftUpperLeg: [-left[0], 0, 0],
  leftLowerLeg: [left[1], 0, 0],
  leftFoot: [left[2], 0, 0],
  rightUpperLeg: [-right[0], 0, 0],
  rightLowerLeg: [right[1], 0, 0],
  rightFoot: [right[2], 0, 0],
  rightToes: [right[2] > 0.3 ? -0.4 : 0, 0, 0],
  hips: [0.03, -0.1 * swing, 0],
  chest: [0.02, 0.22 * swing, 0],
  leftUpperArm: [0.5 * swing, 0, -1.28],
  rightUpperArm: [-0.5 * swing, 0, 1.28],
  leftLowerArm: [0.1, -0.35 + 0.15 * swing, 0],
  rightLowerArm: [0.1, 0.35 + 0.15 * swing, 0],
});

/** Four phases of a step. */
export const WALKING: Readonly<Record<string, Pose>> = {
  contact: step([0.45, 0.05, -0.2], [-0.35, 0.25, 0.35], 1),
  down: step([0.38, 0.4, 0.02], [-0.42, 0.5, 0.5], 0.7),
  passing: step([0.02, 0.05, 0], [0.35, 0.95, 0.15], 0),
  up: step([-0.2, 0.05, 0.15], [0.6, 0.75, -0.05], -0.6),
};

/** Poses that strain cloth and skin. */
export const POSES: Readonly<Record<string, Pose>> = {
  raised: {
    leftShoulder: [0, 0, 0.25],
    leftUpperArm: [0, 0, 1],
    rightUpperArm: [0, 0, -0.9],
    leftLowerArm: [0, -0.6, 0],
    rightLowerArm: [0, 2.2, 0],
  },
  crossed: {
    ...EASY,
    leftUpperArm: [-0.35, -0.35, -1.2],
    rightUpperArm: [-0.45, 0.35, 1.2],
    leftLowerArm: [0.9, -1.7, 0],
    rightLowerArm: [0.8, 1.75, 0],
  },
  forward: {
    leftUpperArm: [0, -1.5, 0],
    rightUpperArm: [0, 1.3, 0.2],
    rightLowerArm: [0, 1.2, 0],
  },
  twist: {
    ...EASY,
    hips: [0, -0.25, 0],
    spine: [0, 0.3, 0],
    chest: [0, 0.35, 0],
    upperChest: [0, 0.2, 0],
    head: [0, 0.4, 0],
    leftUpperArm: [0.3, 0, -1.1],
    rightUpperArm: [-0.5, 0, 1.1],
    rightLowerArm: [0, 0.8, 0],
    leftLowerArm: [0, -0.5, 0],
  },
  bow: {
    hips: [0.25, 0, 0],
    leftUpperLeg: [-0.25, 0, 0],
    rightUpperLeg: [-0.25, 0, 0],
    spine: [0.4, 0, 0],
    chest: [0.3, 0, 0],
    head: [-0.4, 0.3, 0],
    leftUpperArm: [-0.3, 0, -1.25],
    rightUpperArm: [-0.3, 0, 1.25],
  },
  squat: {
    hips: [0.3, 0, 0],
    spine: [0.2, 0, 0],
    leftUpperLeg: [-1.85, 0.3, 0],
    rightUpperLeg: [-1.85, -0.3, 0],
    leftLowerLeg: [2.2, 0, 0],
    rightLowerLeg: [2.2, 0, 0],
    leftFoot: [-0.6, 0, 0],
    rightFoot: [-0.6, 0, 0],
    leftUpperArm: [-0.6, 0, -1],
    rightUpperArm: [-0.6, 0, 1],
    leftLowerArm: [0, -0.8, 0],
    rightLowerArm: [0, 0.8, 0],
  },
  elbows: {
    leftUpperArm: [-0.2, 0, -1.1],
    rightUpperArm: [-0.2, 0, 1.1],
    leftLowerArm: [0, -2.27, 0],
    rightLowerArm: [0, 1.57, 0],
  },
};

/** The left hand in five shapes, held before the camera. */
export const FINGERS_SHOWN: Readonly<Record<string, Pose>> = Object.fromEntries(
  Object.entries({
    open: hand('left', 0, [-0.2, 0, 0], 0.12),
    fist: hand('left', 1, OVER),
    pointing: hand('left', { Index: 0, Middle: 0.95, Ring: 1, Little: 1 }, UNDER_INDEX),
    OK: hand(
      'left',
      { Index: 0.4, Middle: 0.2, Ring: 0.12, Little: 0.06 },
      [-0.08, 0.56, 0.57, 0.05, 0.2],
      0.05,
    ),
    'thumbs-up': hand('left', 1, [0.35, -0.55, -0.25, -0.38, -0.06]),
  }).map(([name, shape]) => [
    name,
    {
      ...shape,
      leftUpperArm: [0, -0.5, -0.35],
      rightUpperArm: [0, 0, 1.25],
      leftHand: [-1.3, 0, 0],
      leftLowerArm: [-0.27, 0, 0],
    },
  ]),
);

/** A talk caught in the middle: the first speaks, the second listens. */
export const TALK: readonly [Pose, Pose] = [
  {
    ...GESTURES.explain,
    hips: [0, -0.1, 0.04],
    // The near hand stays on her side.
    leftUpperArm: [0, 0, -1.32],
    leftLowerArm: [-0.5, -2.15, 0],
    head: [-0.02, 0.28, 0.08],
    neck: [0, 0.16, 0],
  },
  { ...listening, hips: [0, 0.1, -0.04] },
];
