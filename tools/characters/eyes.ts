import type { RingPoint } from './head.ts';
import { bell, type Vec } from './math.ts';
import type { Person } from './people.ts';
import type { Field } from './sdf.ts';
import { eyeCentre, frontAt } from './skull.ts';

/** Where a vertex lies around an eye: `upper` is the sine of the ring angle, `d` the distance from the lid's edge. */
export type EyeTag = {
  side: 1 | -1;
  angle: number;
  upper: number;
  d: number;
  /** Longitude and height in the texture, where the surface folds back. */
  flat?: [lon: number, b: number];
};

/** The lids' opening at a ring angle, widened by `d` (face units; front view, relative to the eye's centre). */
export const lidOutline = (person: Person, side: 1 | -1, angle: number, d = 0): [number, number] => {
  const { width, upper, lower, tilt } = person.face.eye;
  const c = Math.cos(angle) * side;
  const s = Math.sin(angle);
  const x = (width + d * (c > 0 ? 0.95 : 0.52)) * c;
  const rise = s > 0 ? (upper + d * 0.98) * (1 - 0.12 * c) : (lower + d) * (1 + 0.1 * c);
  const sharp = 1 + 0.12 * Math.max(0, 1 - d / 0.8);
  return [side * x, tilt * c + Math.sign(s) * Math.abs(s) ** sharp * rise];
};

/** The height (relative to the eye's centre) at which the lids meet when they close. */
export const closingLine = (person: Person, lateral: number) => {
  const { width, lower, tilt } = person.face.eye;
  const c = lateral / width;
  return tilt * c - lower * 0.62 * Math.max(0, 1 - c * c) ** 1.5;
};

const OUTWARD = [1.6, 1.28, 1, 0.78, 0.58, 0.4, 0.24, 0.1, 0] as const;

/** Ring points at one angle, from the block's border in to the lid's inner margin. */
export const lidRings = (person: Person, field: Field, side: 1 | -1, angle: number): RingPoint[] => {
  const e = eyeCentre(person, side);
  const upper = Math.sin(angle);
  const tag = (d: number): EyeTag => {
    if (d >= 0) return { side, angle, upper, d };
    const [x, y] = lidOutline(person, side, angle, d * 1.2);
    return { side, angle, upper, d, flat: [Math.atan2(e[0] + x, 8), y] };
  };
  const out: RingPoint[] = OUTWARD.map((d) => {
    const [x, y] = lidOutline(person, side, angle, d);
    const q = frontAt(field, e[0] + x, e[1] + y);
    const crease = upper > 0 ? 0.24 * bell(d - 0.56, 0.18) * upper : 0.08 * bell(d - 0.55, 0.2) * -upper;
    return { q: [q[0], q[1], q[2] - crease], part: 'skin', eye: tag(d) };
  });
  // Towards the corners the inner margin reaches in over the ball, as the caruncle does.
  const end = Math.abs(Math.cos(angle)) ** 8;
  const inner = 1 - (Math.cos(angle) * side < 0 ? 0.09 : 0.05) * end;
  const [x0, y] = lidOutline(person, side, angle, 0.02);
  const x = x0 * inner;
  const onBall = (dx: number, dy: number, r: number): Vec => [
    e[0] + dx,
    e[1] + dy,
    e[2] + Math.sqrt(Math.max(0.2, r * r - dx * dx - dy * dy)),
  ];
  out.push({ q: onBall(x, y, person.face.eye.radius + 0.03), part: 'skin', eye: tag(-0.1) });
  const [bx, by] = lidOutline(person, side, angle, 0.3);
  out.push({ q: onBall(bx, by, person.face.eye.radius - 0.2), part: 'skin', eye: tag(-0.2) });
  return out;
};
