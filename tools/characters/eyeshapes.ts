import { closingLine, lidOutline } from './eyes.ts';
import { bell, curve, mix, smooth, type Vec } from './math.ts';
import type { Person } from './people.ts';
import type { Shape } from './shapes.ts';
import { eyeCentre } from './skull.ts';

const STILL: Vec = [0, 0, 0];

/** How far the skin between the brows rises and comes forward at a height, when the inner brows go up. */
const INNER_RISE = [
  [-3.6, 0],
  [-2, 0.13],
  [0, 0.32],
  [1.4, 0.8],
  [2.4, 1.02],
  [3.4, 0.9],
  [4.8, 0.42],
  [6, -0.14],
  [7.2, -0.2],
  [8.8, -0.1],
  [10, 0],
] as const;
const INNER_DEPTH = [
  [-2, 0],
  [2.4, -0.08],
  [5, 0.04],
  [6.4, 0.2],
  [8.6, 0.16],
  [10, 0],
] as const;

/** Slides a lid vertex over the eyeball by `dx`, `dy`, keeping its distance from the ball's centre. */
const slide = (centre: Vec, q: Vec, dx: number, dy: number, lift = 0): Vec => {
  const x = q[0] - centre[0];
  const y = q[1] - centre[1];
  const z = q[2] - centre[2];
  const r2 = x * x + y * y + z * z + lift;
  const after = Math.sqrt(Math.max(0.05, r2 - (x + dx) ** 2 - (y + dy) ** 2));
  return [dx, dy, after - Math.sqrt(Math.max(0.05, z * z))];
};

/** Brow, lid and upper cheek shapes of the left side (and `browInnerUp`), keyed by ARKit name. */
export const eyeShapes = (person: Person): Record<string, Shape> => {
  const f = person.face;
  const e = eyeCentre(person, 1);
  const browY = f.eyebrow.y;

  /** Lid movement: `up` and `low` give the height change of each lid's edge at a ring angle. */
  const lids =
    (
      up: (edge: number, lateral: number) => number,
      low: (edge: number, lateral: number) => number,
      sideways = 0,
      lift = 0,
      depth = 1,
    ): Shape =>
    (v) => {
      if (v.eye?.side !== 1) return STILL;
      const { angle, upper, d } = v.eye;
      const [lateral, edge] = lidOutline(person, 1, angle, 0);
      // Beside the corners the skin stays.
      const corner = mix(1, smooth(0, 0.4, Math.abs(upper)), smooth(0.05, 0.45, d));
      const w = corner * (upper > 0 ? smooth(1.45, 0.28, d) : smooth(1.2, 0.1, d));
      if (w === 0) return STILL;
      const dy = w * (upper > 0 ? up(edge, lateral) : low(edge, lateral));
      const dx = sideways * w * (d < 0 ? 0.3 : 1) * (1 - Math.min(1, Math.abs(lateral / f.eye.width)) ** 4);
      const [sx, sy, sz] = slide(e, v.q, dx, dy, lift * w * smooth(0, 0.5, upper));
      // Where the ball turns away a slide would run off to the back.
      const limb = mix(0.25, 1, smooth(0.8, 1.9, v.q[2] - e[2])) * (d < 0 ? 0.7 : 1);
      return [sx, sy, sz * depth * limb];
    };
  const close = (lateral: number) => closingLine(person, lateral);
  const arch = (lateral: number) => Math.max(0, 1 - (lateral / f.eye.width) ** 2);

  /** Brow movement: a vector by distance from the middle, faded into forehead and lid. */
  const brow =
    (vector: (x: number) => Vec, spread = 1): Shape =>
    (v) => {
      if (v.part === 'mouth') return STILL;
      const [x, y, z] = v.q;
      if (z < 0 || y > 9 || y < 0) return STILL;
      const above = smooth(8, browY + 0.6, y);
      const below = smooth(0.2, browY - 0.2, y);
      const lid = v.eye ? smooth(0.4, 1.6, v.eye.d) : 1;
      const w = (v.part === 'brow' ? 1 : above * below * lid) * smooth(-1.1 * spread, 0.5, x);
      const m = vector(x);
      return [m[0] * w, m[1] * w, m[2] * w];
    };

  const lidSquint = lids(
    (_, x) => -0.24 * arch(x),
    (_, x) => 0.48 * arch(x),
    -0.2,
  );

  return {
    browDownLeft: brow((x) => {
      const inner = smooth(4.6, 1.4, x);
      return [-0.22 * bell(x - 2.6, 2), mix(-0.2, -0.68, inner), 0.12 + 0.2 * bell(x - 2.8, 2)];
    }, 1.2),
    browInnerUp: (v) => {
      const [x, y, z] = v.q;
      if (v.part === 'mouth' || v.part === 'lash' || z < 0) return STILL;
      const ax = Math.abs(x);
      // Between the brows everything rises, down to the bridge of the nose; above it the forehead bunches.
      const wide = y < 0.8 ? 1.5 : 2.6;
      const lid = v.eye ? mix(0.04, 1, smooth(0.5, 1.5, v.eye.d)) : 1;
      const across = ax < 0.9 ? 1 : bell(ax - 0.9, wide);
      const w = (v.part === 'brow' ? 1 : lid) * across * smooth(6.5, 4.5, ax);
      const rise = v.part === 'brow' ? curve(INNER_RISE, Math.min(y, 3)) : curve(INNER_RISE, y);
      return [0, rise * w, curve(INNER_DEPTH, y) * w];
    },
    browOuterUpLeft: brow((x) => {
      const y = mix(0.18, 1.1, smooth(1.4, 4.2, x)) * smooth(8, 6, x);
      return [0.16 * smooth(1.5, 4, x), y, -0.3 * y];
    }, 0.6),
    cheekSquintLeft: (v) => {
      const [x, y, z] = v.q;
      if (v.part === 'mouth' || z < 2) return STILL;
      const w = bell(Math.hypot((x - 4) / 2.4, (y + 2.6) / 1.7), 1) * smooth(-0.2, 1.4, x);
      if (v.eye && v.eye.d < 1) {
        const rise =
          v.eye.upper < 0 && v.eye.side === 1
            ? smooth(1.2, 0.1, v.eye.d) * 0.24 * smooth(0.1, 0.8, -v.eye.upper)
            : 0;
        const own = slide(e, v.q, 0, rise);
        const share = smooth(0.5, 1, v.eye.d);
        return [mix(own[0], 0.1 * w, share), mix(own[1], 0.65 * w, share), mix(own[2], 0.3 * w, share)];
      }
      return [0.1 * w, 0.65 * w, 0.3 * w];
    },
    eyeBlinkLeft: lids(
      (edge, x) => close(x) - edge - 0.05 * arch(x),
      (edge, x) => close(x) - edge,
      -0.16,
      0.45,
    ),
    eyeLookDownLeft: lids(
      (edge, x) => (close(x) - edge) * 0.52,
      (_, x) => -0.26 * arch(x),
    ),
    eyeLookInLeft: lids(
      () => 0,
      () => 0,
      -0.16,
    ),
    eyeLookOutLeft: lids(
      () => 0,
      () => 0,
      0.16,
    ),
    // Rising lids give up only part of their depth: added to a blink they must not sink into the eye.
    eyeLookUpLeft: lids(
      (_, x) => 0.3 * arch(x),
      (_, x) => 0.14 * arch(x),
      0,
      0,
      0.4,
    ),
    eyeSquintLeft: (v) => {
      const lid = lidSquint(v);
      const [x, y, z] = v.q;
      if (v.part === 'mouth' || v.part === 'lash' || z < 2 || y > -0.6) return lid;
      const free = v.eye ? smooth(0.4, 1.3, v.eye.d) : 1;
      const w = free * bell(Math.hypot((x - f.eye.x - 0.3) / 2.3, (y + 2) / 1.5), 1) * smooth(0.4, 1.4, x);
      return [lid[0] - 0.22 * w, lid[1] + 0.24 * w, lid[2] + 0.1 * w];
    },
    eyeWideLeft: lids(
      (_, x) => 0.36 * arch(x),
      (_, x) => -0.12 * arch(x),
      0,
      0,
      0.4,
    ),
  };
};
