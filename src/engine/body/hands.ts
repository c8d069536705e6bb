import { HAND_NUMBERS } from '../motion.ts';
import type { Numbers } from './rotation.ts';

const FINGERS = ['Thumb', 'Index', 'Middle', 'Ring', 'Little'] as const;

/** The finger joints of one hand without its side, thumb first, each from the palm outwards: VRM humanoid bones. */
export const FINGER_JOINTS = FINGERS.flatMap((finger) =>
  (finger === 'Thumb'
    ? (['Metacarpal', 'Proximal', 'Distal'] as const)
    : (['Proximal', 'Intermediate', 'Distal'] as const)
  ).map((segment) => `${finger}${segment}`),
);

/** Flexion (rad) of the three segments of a finger in a fist. */
const FIST_RAD = [1.35, 1.65, 1.05] as const;
/** Sideways turn (rad) of index, middle, ring and little finger when the hand is spread. */
const SPREAD_RAD = [0.26, 0.05, -0.13, -0.3] as const;
/**
 * Turns (rad) of the left thumb's three segments about x, y, z. In the T-pose the thumb points forward and outward, so
 * it flexes towards the palm about y and about the level axis across itself.
 */
const THUMB_CURL_RAD = [
  [0.1, 0.2, -0.1],
  [0.35, 0.45, -0.35],
  [0.5, 0.55, -0.5],
] as const;
const THUMB_OPPOSED_RAD = [0.45, 0.25, -0.35] as const;

/**
 * Writes the exp-maps [15, 3] of {@link FINGER_JOINTS} that the seven numbers of a hand at `body[at…]` stand for; `side`
 * is 1 for the left hand, −1 for the right.
 */
export function fingersInto(target: Numbers, body: Numbers, at: number, side: 1 | -1): void {
  const spread = body[at + 5];
  const opposition = body[at + HAND_NUMBERS - 1];
  for (let k = 0; k < 3; k++)
    for (let i = 0; i < 3; i++) {
      const mirror = i === 0 ? 1 : side;
      const opposed = k === 0 ? opposition * THUMB_OPPOSED_RAD[i] : 0;
      target[3 * k + i] = mirror * (body[at] * THUMB_CURL_RAD[k][i] + opposed);
    }
  for (let finger = 1; finger < FINGERS.length; finger++)
    for (let k = 0; k < 3; k++) {
      const j = 3 * (3 * finger + k);
      target[j] = 0;
      // A fist closes: fingers that curl come together.
      const apart = k === 0 ? spread * SPREAD_RAD[finger - 1] * (1 - body[at + finger]) : 0;
      target[j + 1] = -side * apart;
      target[j + 2] = -side * body[at + finger] * FIST_RAD[k];
    }
}
