import type { RingPoint } from './head.ts';
import { bell, mix, smooth, type Vec } from './math.ts';
import type { Person } from './people.ts';
import type { Field } from './sdf.ts';
import { frontAt } from './skull.ts';

/**
 * Where a vertex lies around the mouth: `t` > 1 skin (1 + distance from the lip's border), 1…0 the red from border to
 * the line where the lips meet, < 0 inside; `side` is +1 on the upper lip, -1 on the lower, between them at the corners.
 */
export type MouthTag = { angle: number; t: number; side: number };

/** Height of the line where the lips meet at x. */
export const lipLine = (person: Person, x: number) => {
  const { y, width, corner, bow } = person.face.mouth;
  const s = Math.min(1, Math.abs(x) / width);
  return y + corner * s * s - 0.07 * bow * bell(s, 0.24) + 0.03 * bow * bell(s - 0.45, 0.25);
};

const SKIN = [1.75, 1.35, 1, 0.7, 0.45, 0.24, 0.1] as const;
const RED = [1, 0.8, 0.6, 0.4, 0.22, 0.08, 0] as const;
/** Rings inside the mouth: depth behind the lips, half height and width they have reached. */
const BAG = [
  [0.35, 0.06, 0.97],
  [0.8, 0.4, 0.95],
  [1.5, 1.1, 0.94],
  [3, 1.7, 0.9],
  [4.6, 1.5, 0.7],
] as const;

/** Ring points at one angle, from the block's border over the lips to the back of the mouth bag. */
export const lipRings = (person: Person, field: Field, angle: number): RingPoint[] => {
  const m = person.face.mouth;
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const side = smooth(-0.12, 0.12, s) * 2 - 1;
  const arch = Math.abs(s);
  const bow = 1 + m.bow * (0.16 * bell(Math.abs(c) - 0.3, 0.22) - 0.2 * bell(c, 0.16));
  const red = (s > 0 ? m.upper * bow : m.lower) * arch ** 1.15;
  const tag = (t: number) => ({ angle, t, side });
  const meet = (x: number) => lipLine(person, x) + 0.002 * side;
  const at = (x: number, y: number, push: number): Vec => {
    const q = frontAt(field, x, y);
    return [q[0], q[1], q[2] + push];
  };
  const corner = smooth(1, 0.72, Math.abs(c));

  const out: RingPoint[] = SKIN.map((d) => {
    const x = (m.width + d * 0.9) * c;
    const y = lipLine(person, x) + Math.sign(s) * (red + d * arch ** mix(0.9, 1, d));
    const roll = 0.12 * bell(d, 0.3) * corner - 0.12 * bell(d - 0.25, 0.4) * (1 - corner);
    const philtrum =
      s > 0 ? -0.12 * bell(c * (m.width + d), 0.42) * smooth(0, 0.5, d) * smooth(1.8, 1.2, d) : 0;
    const crease = s < 0 ? -0.16 * bell(d - 0.45, 0.3) * corner : 0;
    return { q: at(x, y, roll + philtrum + crease), part: 'skin', mouth: tag(1 + d) };
  });
  const peak = (t: number) => {
    const full = s > 0 ? 0.3 : 0.4;
    return 0.12 + full * Math.sin(Math.PI * Math.min(1, 0.12 + 0.9 * (1 - t)) ** 1.15);
  };
  for (const t of RED) {
    const x = (m.width - 0.02 * (1 - t)) * c;
    const y = meet(x) + Math.sign(s) * red * t;
    const inward = t < 0.25 ? 0.24 * (1 - t / 0.25) : 0;
    out.push({ q: at(x, y, peak(t) * corner - inward - 0.16 * (1 - corner)), part: 'skin', mouth: tag(t) });
  }
  const front = out[out.length - 1]!.q;
  for (const [k, [depth, high, wide]] of BAG.entries()) {
    const x = front[0] * wide;
    const y = meet(front[0]) + high * side * (0.35 + 0.65 * arch);
    out.push({ q: [x, y, front[2] - depth], part: 'mouth', mouth: tag(-(k + 1) / BAG.length) });
  }
  return out;
};
