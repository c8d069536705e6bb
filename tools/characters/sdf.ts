import { add, clamp, dot, length, mix, scale, sub, type Vec } from './math.ts';

/** Signed distance (roughly; negative inside) of a point. */
export type Field = (p: Vec) => number;

/** An axis-aligned ellipsoid. */
export const ellipsoid =
  (centre: Vec, radii: Vec): Field =>
  (p) => {
    const q = sub(p, centre);
    const k0 = length([q[0] / radii[0], q[1] / radii[1], q[2] / radii[2]]);
    const k1 = length([q[0] / radii[0] ** 2, q[1] / radii[1] ** 2, q[2] / radii[2] ** 2]);
    return k1 < 1e-9 ? -Math.min(...radii) : (k0 * (k0 - 1)) / k1;
  };

/** A round cone from `a` (radius `ra`) to `b` (radius `rb`). */
export const bone = (a: Vec, b: Vec, ra: number, rb = ra): Field => {
  const ab = sub(b, a);
  const n = dot(ab, ab);
  return (p) => {
    const t = clamp(dot(sub(p, a), ab) / n);
    return length(sub(p, add(a, scale(ab, t)))) - mix(ra, rb, t);
  };
};

/** The same shape on both sides of x = 0. */
export const mirrored =
  (field: Field): Field =>
  (p) =>
    field([Math.abs(p[0]), p[1], p[2]]);

/** Smooth union over a width of `k`. */
export const join = (k: number, a: number, b: number) => {
  const h = Math.max(k - Math.abs(a - b), 0) / k;
  return Math.min(a, b) - h * h * k * 0.25;
};

/** Smooth removal of `b` from `a` over a width of `k`. */
export const carve = (k: number, a: number, b: number) => -join(k, -a, b);

/** The outermost surface point of `field` on the ray from `origin` along the unit vector `direction`, seen from outside. */
export const cast = (field: Field, origin: Vec, direction: Vec, far = 30): Vec => {
  let t = far;
  let outside = t;
  for (let k = 0; k < 160; k++) {
    const d = field(add(origin, scale(direction, t)));
    if (d < 1e-4) break;
    outside = t;
    t -= Math.max(d * 0.7, 0.003);
    if (t < 0) return origin;
  }
  for (let k = 0; k < 24; k++) {
    const m = (t + outside) / 2;
    if (field(add(origin, scale(direction, m))) < 0) t = m;
    else outside = m;
  }
  return add(origin, scale(direction, (t + outside) / 2));
};
