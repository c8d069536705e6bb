import type { FaceVertex } from './head.ts';
import { bell, clamp, mix, scale, smooth, sub, turnX, type Vec } from './math.ts';
import { lipLine } from './mouth.ts';
import type { Person } from './people.ts';
import type { Shape } from './shapes.ts';

/** The jaw's hinge in face units and its angle at jawOpen 1 in radians. */
export const HINGE: Vec = [0, -2.4, 0.6];
export const JAW_ANGLE = 0.405;

/** Parts that no shape of mouth or jaw moves. */
const STAYING: ReadonlySet<FaceVertex['part']> = new Set(['upperTeeth', 'brow', 'ear', 'lash']);

/** How far a face vertex follows the jaw: 1 at the chin, the lower lip and the lower teeth, 0 above the mouth. */
export const jawShare = (person: Person, v: FaceVertex): number => {
  if (v.part === 'lowerTeeth' || v.part === 'tongue') return 1;
  if (STAYING.has(v.part)) return 0;
  const m = person.face.mouth;
  const [x, y, z] = v.q;
  if (v.mouth && v.mouth.t <= 1) {
    const inward = smooth(0, 2.2, m.width - Math.abs(m.width * Math.cos(v.mouth.angle)));
    return mix(mix(0.36, 1, inward), mix(0.36, 0.05, inward), (v.mouth.side + 1) / 2);
  }
  const dx = Math.abs(x) - m.width;
  const dy = y - lipLine(person, x);
  const turn = smooth(1.75, -1.75, Math.atan2(dy, dx));
  const own = mix(0.36, mix(0.03, 1, turn), smooth(0, 2, Math.hypot(dx, dy)));
  return own * smooth(-1.4, -5, y) * smooth(-2.5, 2.6, z) * smooth(-20.5, -11.4, v.b);
};

/** The move of a point fixed to the jaw at jawOpen 1. */
export const jawMove = (q: Vec): Vec => sub(turnX(q, HINGE, JAW_ANGLE), q);

/** Jaw, lip, cheek and nose shapes: the left ones, the symmetric ones and both of the pairs that are not mirror images. */
export const mouthShapes = (person: Person): Record<string, Shape> => {
  const m = person.face.mouth;
  const W = m.width;
  const stays = (v: FaceVertex) => STAYING.has(v.part);
  const fixed = (v: FaceVertex) => stays(v) || v.part === 'lowerTeeth' || v.part === 'tongue';

  /** 1 on the lips, falling to 0 at `reach` from them; fades along the mouth bag. */
  const near = (v: FaceVertex, reach = 3): number => {
    if (v.mouth && v.mouth.t < 0) return smooth(-0.95, -0.3, v.mouth.t);
    if (v.mouth && v.mouth.t <= 1) return 1;
    const x = Math.max(0, Math.abs(v.q[0]) - W * 0.78);
    const d = Math.hypot(x, v.q[1] - m.y) - 0.85;
    return smooth(reach, 0.15, d) * smooth(1, 4, v.q[2]);
  };
  /** Share of the upper (+) or lower (-) lip, 0 at the corners. */
  const lip = (v: FaceVertex, sign: 1 | -1): number => {
    if (!v.mouth) return 0;
    const own = clamp(sign * Math.sin(v.mouth.angle));
    return (
      smooth(0, 0.62, own) *
      (v.mouth.t > 1 ? smooth(2.75, 1, v.mouth.t) : v.mouth.t < 0 ? smooth(-0.95, -0.3, v.mouth.t) : 1)
    );
  };
  /** 1 in the middle of the lips, 0 where they end: there both hang together. */
  const middle = (v: FaceVertex) => smooth(0.92 * W, 0.45 * W, Math.abs(v.q[0]));
  const leftSide = (x: number) => smooth(-1.5, 1.7, x);

  /** Pull at the left mouth corner: strong there, dying away like 1/(1 + d²). */
  const corner =
    (vector: Vec, reach = 1.25, extra?: Shape): Shape =>
    (v) => {
      if (fixed(v)) return [0, 0, 0];
      const d = Math.hypot(v.q[0] - W, v.q[1] - m.y - m.corner);
      const w = (near(v, 5) * leftSide(v.q[0]) * smooth(6, 2, d)) / (1 + (d / reach) ** 2);
      const more = extra ? extra(v) : [0, 0, 0];
      return [vector[0] * w + more[0]!, vector[1] * w + more[1]!, vector[2] * w + more[2]!];
    };
  const patch =
    (centre: Vec, radius: number, vector: Vec): Shape =>
    (v) => {
      if (fixed(v) || v.part === 'mouth') return [0, 0, 0];
      const d = Math.hypot(v.q[0] - centre[0], v.q[1] - centre[1], (v.q[2] - centre[2]) * 0.6);
      const lid = v.eye ? smooth(0.7, 1.5, v.eye.d) : 1;
      return scale(vector, bell(d, radius) * smooth(2.4 * radius, 1.4 * radius, d) * lid);
    };
  const sum =
    (...shapes: Shape[]): Shape =>
    (v) => {
      const out: Vec = [0, 0, 0];
      for (const s of shapes) {
        const d = s(v);
        for (let c = 0; c < 3; c++) out[c]! += d[c]!;
      }
      return out;
    };

  const jaw = (v: FaceVertex) => jawShare(person, v);
  /** Red of a lip from its border (1) to the line where the lips meet (0); the skin counts as border, the inside as line. */
  const red = (v: FaceVertex) => (v.mouth ? clamp(v.mouth.t) : 1);

  const roll =
    (sign: 1 | -1, border: Vec, line: Vec): Shape =>
    (v) => {
      if (fixed(v)) return [0, 0, 0];
      const w = middle(v) * lip(v, sign) * (v.mouth && v.mouth.t > 1 ? smooth(2.3, 1, v.mouth.t) : 1);
      const r = red(v);
      return [0, mix(line[1], border[1], r) * w, mix(line[2], border[2], r) * w];
    };
  const shift =
    (sign: 1 | -1): Shape =>
    (v) => {
      if (fixed(v)) return [0, 0, 0];
      const x = v.q[0] * sign;
      const w = near(v, 3.6) * smooth(-1.5, -6, v.q[1]);
      const lead = smooth(0, W, x);
      const trail = smooth(0, -W, x);
      return [sign * w * (1 - 0.42 * lead), w * (0.06 + 0.4 * lead), w * (-0.08 + 0.6 * trail - 0.12 * lead)];
    };

  return {
    jawOpen: (v) => scale(jawMove(v.q), jaw(v)),
    jawForward: (v) => scale([0, -0.12, 1.05], jaw(v)),
    // Both lips go along some way, or the teeth would come out at a corner.
    jawLeft: (v) => scale([0.85, 0.03, 0.02], Math.max(jaw(v), stays(v) ? 0 : 0.36 * near(v, 2.4))),
    mouthClose: (v) => {
      if (fixed(v) || !v.mouth) return [0, 0, 0];
      const t = v.mouth.t;
      const w = t > 1 ? smooth(2.75, 1.05, t) : t >= -0.45 ? 1 : smooth(-0.95, -0.45, t);
      return scale(jawMove(v.q), -(jaw(v) - 0.05) * w);
    },
    mouthSmileLeft: sum(corner([0.85, 1.05, -0.5], 1.75), patch([4.6, -3.4, 6], 2, [0.12, 0.55, 0.4])),
    mouthFrownLeft: sum(corner([0.25, -0.85, -0.2], 1.2), patch([0, -9, 8], 1.5, [0, 0.12, 0.1])),
    mouthStretchLeft: corner([0.9, -0.4, -0.5], 1.6),
    mouthDimpleLeft: sum(
      corner([0.35, 0.3, -0.55], 1.15),
      patch([W + 1, m.y + 0.3, 6.5], 0.9, [0, 0, -0.15]),
    ),
    mouthPressLeft: sum(
      corner([0.02, 0.2, 0.1], 1.2),
      (v) => {
        if (fixed(v)) return [0, 0, 0];
        const w = leftSide(v.q[0]);
        const r = red(v);
        const u = middle(v) * lip(v, 1) * w;
        const l = middle(v) * lip(v, -1) * w;
        return [-0.05 * (u + l), -0.26 * u * r + 0.34 * l * r + 0.03 * l, -0.07 * u + 0.1 * l * r - 0.04 * l];
      },
      patch([0.9, -9.2, 8], 1.5, [-0.04, 0.24, 0.12]),
    ),
    mouthPucker: (v) => {
      if (fixed(v)) return [0, 0, 0];
      const w = near(v, 3.4);
      const u = lip(v, 1);
      const l = lip(v, -1);
      const r = red(v);
      const end = smooth(0.3, 1, Math.abs(v.q[0]) / W);
      return [
        -v.q[0] * 0.36 * w,
        w * (0.12 * end) + u * (0.34 * r - 0.02) - l * (0.22 * r),
        w * (0.95 + 0.3 * end) - 0.1 * r * (u + l),
      ];
    },
    mouthFunnel: (v) => {
      if (fixed(v)) return [0, 0, 0];
      const w = near(v, 3.2);
      const u = lip(v, 1);
      const l = lip(v, -1);
      const r = red(v);
      return [-v.q[0] * 0.2 * w, 0.22 * u - 0.86 * l, w * 0.82 + u * 0.08 * r - l * 0.18 * r];
    },
    mouthLeft: shift(1),
    mouthRight: shift(-1),
    mouthRollLower: roll(-1, [0, 0.66, -0.35], [0, 0.16, -0.75]),
    mouthRollUpper: roll(1, [0, -0.46, -0.45], [0, -0.1, -0.55]),
    mouthShrugLower: sum(
      (v) => {
        if (fixed(v)) return [0, 0, 0];
        const l = middle(v) * lip(v, -1);
        const r = red(v);
        return [0, l * mix(0.22, 0.5, r), l * mix(0.3, 0.42, r)];
      },
      (v) => scale([0, 0.08, 0.06], fixed(v) ? 0 : lip(v, 1)),
      patch([0, -9.8, 8], 1.9, [0, 0.6, 0.35]),
    ),
    mouthShrugUpper: (v) => (fixed(v) ? [0, 0, 0] : scale([0, 0.2, 0.14], lip(v, 1))),
    mouthUpperUpLeft: sum(
      (v) => {
        const side = bell(v.q[0] - 1.25, 1.5) * leftSide(v.q[0]);
        return fixed(v) ? [0, 0, 0] : scale([0.12, 0.46, 0.02], lip(v, 1) * side);
      },
      corner([0.02, 0.24, 0], 0.9),
      patch([1.7, -4.4, 8.4], 1.1, [0.1, 0.36, -0.02]),
    ),
    mouthLowerDownLeft: sum(
      (v) => {
        const side = bell(v.q[0] - 1, 1.6) * leftSide(v.q[0]);
        return fixed(v) ? [0, 0, 0] : scale([0.1, -0.8, -0.18], lip(v, -1) * side);
      },
      patch([0.8, -9.4, 8], 1.4, [0, -0.16, -0.06]),
    ),
    cheekPuff: (v) => {
      if (fixed(v) || v.part === 'mouth') return [0, 0, 0];
      const s = Math.sign(v.q[0]);
      const d = Math.hypot((Math.abs(v.q[0]) - 4.3) / 2.5, (v.q[1] + 6.3) / 2.7);
      const w = bell(d, 1) * smooth(1.9, 1.2, d) * smooth(-1, 3, v.q[2]);
      const lips = near(v, 1.4) * 0.25;
      return [s * 0.95 * w, 0.1 * w, 1.15 * w + lips];
    },
    noseSneerLeft: sum(
      (v) => scale(patch([1.7, -4, 8.4], 1.35, [0.1, 0.46, -0.05])(v), smooth(-0.9, 1.9, v.q[0])),
      patch([1.3, 1.2, 8], 1.3, [-0.08, -0.3, 0.1]),
      (v) =>
        fixed(v) ? [0, 0, 0] : scale([0.04, 0.34, 0], lip(v, 1) * bell(v.q[0] - 1.4, 1.3) * leftSide(v.q[0])),
    ),
    tongueOut: (v) => {
      if (v.part === 'tongue') {
        const u = v.along ?? 0;
        return [0, 0.15 * u - 0.95 * u * u, 3.4 * u];
      }
      if (fixed(v)) return [0, 0, 0];
      const gap = bell(v.q[0], 1.7);
      return [0, 0.12 * lip(v, 1) * gap - 0.55 * lip(v, -1) * gap, 0.1 * (lip(v, 1) + lip(v, -1)) * gap];
    },
  };
};
