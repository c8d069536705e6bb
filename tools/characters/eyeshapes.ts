import { closingLine, lidOutline } from './eyes.ts';
import { bell, mix, smooth, type Vec } from './math.ts';
import type { Person } from './people.ts';
import type { Shape } from './shapes.ts';
import { eyeCentre } from './skull.ts';

const STILL: Vec = [0, 0, 0];

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
      const w = upper > 0 ? smooth(1.45, 0.28, d) : smooth(1.2, 0.1, d);
      if (w === 0) return STILL;
      const dy = w * (upper > 0 ? up(edge, lateral) : low(edge, lateral));
      const dx = sideways * w * (1 - Math.min(1, Math.abs(lateral / f.eye.width)) ** 4);
      const [sx, sy, sz] = slide(e, v.q, dx, dy, lift * w * (upper > 0 ? 1 : 0));
      return [sx, sy, sz * depth];
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
      const below = smooth(0.95, browY - 0.4, y);
      const lid = v.eye ? smooth(0.45, 1.3, v.eye.d) : 1;
      const w = (v.part === 'brow' ? 1 : above * below * lid) * smooth(-1.1 * spread, 0.5, x);
      const m = vector(x);
      return [m[0] * w, m[1] * w, m[2] * w];
    };

  const lean = (x: number, y: number): Vec => [0, y, -0.22 * y - 0.02 * x];

  return {
    browDownLeft: brow((x) => {
      const inner = smooth(4.6, 1.4, x);
      return [-0.32 * bell(x - 2.6, 2), mix(-0.22, -0.85, inner), 0.12 + 0.2 * bell(x - 2.8, 2)];
    }, 0.6),
    browInnerUp: (v) => {
      const one = brow(
        (x) => lean(x, 1.05 * bell(x - 0.9, 2.3)),
        20,
      )({ ...v, q: [Math.abs(v.q[0]), v.q[1], v.q[2]] });
      return one;
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
        const rise = v.eye.upper < 0 && v.eye.side === 1 ? smooth(1.2, 0.1, v.eye.d) * 0.3 * -v.eye.upper : 0;
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
      -0.22,
    ),
    eyeLookOutLeft: lids(
      () => 0,
      () => 0,
      0.22,
    ),
    // Rising lids give up only part of their depth: added to a blink they must not sink into the eye.
    eyeLookUpLeft: lids(
      (_, x) => 0.38 * arch(x),
      (_, x) => 0.16 * arch(x),
      0,
      0,
      0.4,
    ),
    eyeSquintLeft: lids(
      (_, x) => -0.24 * arch(x),
      (_, x) => 0.52 * arch(x),
    ),
    eyeWideLeft: lids(
      (_, x) => 0.46 * arch(x),
      (_, x) => -0.12 * arch(x),
      0,
      0,
      0.4,
    ),
  };
};
