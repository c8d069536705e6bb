import { add, clamp, cross, normalize, scale, sub, type Vec } from './math.ts';
import type { Field } from './sdf.ts';

/** The field's direction of growth: the surface normal of what it describes. */
export const slope = (field: Field, q: Vec, step: number): Vec =>
  normalize(
    [0, 1, 2].map((c) => {
      const d: Vec = [0, 0, 0];
      d[c] = step;
      return field(add(q, d)) - field(sub(q, d));
    }) as Vec,
  );

const COUNT = 24;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/** Directions around +Z, denser where a matt surface sees more. */
const HEMISPHERE = Array.from({ length: COUNT }, (_, k): Vec => {
  const r = Math.sqrt((k + 0.5) / COUNT);
  return [r * Math.cos(k * GOLDEN), r * Math.sin(k * GOLDEN), Math.sqrt(1 - r * r)];
});

/** How much of the sky (0…1) a surface point sees past `field`, looking `far`. */
export const openness = (field: Field, q: Vec, far: number): number => {
  const n = slope(field, q, 0.12);
  const side = normalize(cross(n, Math.abs(n[1]) < 0.9 ? [0, 1, 0] : [1, 0, 0]));
  const up = cross(n, side);
  const from = add(q, scale(n, 0.12));
  let seen = 0;
  for (const h of HEMISPHERE) {
    const d = add(add(scale(side, h[0]), scale(up, h[1])), scale(n, h[2]));
    let open = 1;
    for (let t = 0.25; t < far && open > 0; ) {
      const gap = field(add(from, scale(d, t)));
      open = Math.min(open, clamp((gap / t) * 3.2 + 0.05));
      t += Math.max(0.25, gap * 0.8);
    }
    seen += open / COUNT;
  }
  return seen;
};
