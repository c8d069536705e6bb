/** A point, direction or linear colour. */
export type Vec = [number, number, number];

export const add = (a: Vec, b: Vec): Vec => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const sub = (a: Vec, b: Vec): Vec => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a: Vec, s: number): Vec => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a: Vec, b: Vec) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const length = (a: Vec) => Math.sqrt(dot(a, a));
export const distance = (a: Vec, b: Vec) => length(sub(a, b));
export const cross = (a: Vec, b: Vec): Vec => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const normalize = (a: Vec): Vec => {
  const n = length(a);
  return n > 1e-12 ? scale(a, 1 / n) : [0, 1, 0];
};
export const mix = (a: number, b: number, t: number) => a + (b - a) * t;
export const mixVec = (a: Vec, b: Vec, t: number): Vec => [
  mix(a[0], b[0], t),
  mix(a[1], b[1], t),
  mix(a[2], b[2], t),
];
export const clamp = (x: number, low = 0, high = 1) => Math.min(high, Math.max(low, x));

/** 0 at `a`, 1 at `b` (either order), with flat ends. */
export const smooth = (a: number, b: number, x: number) => {
  const t = clamp((x - a) / (b - a));
  return t * t * (3 - 2 * t);
};

/** A bell of height 1 and width `sigma`. */
export const bell = (x: number, sigma: number) => Math.exp(-((x / sigma) ** 2));

/** Turns `p` about an axis through `pivot` parallel to X; positive angles lower what lies in front (+Z). */
export const turnX = (p: Vec, pivot: Vec, angle: number): Vec => {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const y = p[1] - pivot[1];
  const z = p[2] - pivot[2];
  return [p[0], pivot[1] + y * c - z * s, pivot[2] + y * s + z * c];
};

/** Piecewise linear look-up in a table of [x, y] rows sorted by x. */
export const lookup = (table: readonly (readonly [number, number])[], x: number) => {
  let k = 1;
  while (k < table.length - 1 && x > table[k]![0]) k++;
  const [x0, y0] = table[k - 1]!;
  const [x1, y1] = table[k]!;
  return mix(y0, y1, clamp((x - x0) / (x1 - x0)));
};

/** Smooth look-up: monotone-ish cubic (Catmull–Rom) through a table of [x, y] rows sorted by x. */
export const curve = (table: readonly (readonly [number, number])[], x: number) => {
  const n = table.length;
  let k = 1;
  while (k < n - 1 && x > table[k]![0]) k++;
  const at = (i: number) => table[Math.min(n - 1, Math.max(0, i))]!;
  const [p0, p1, p2, p3] = [at(k - 2), at(k - 1), at(k), at(k + 1)];
  const span = p2[0] - p1[0];
  const t = clamp((x - p1[0]) / span);
  const slope = (a: readonly [number, number], b: readonly [number, number]) =>
    b[0] > a[0] ? (b[1] - a[1]) / (b[0] - a[0]) : 0;
  const m1 = slope(p0, p2) * span;
  const m2 = slope(p1, p3) * span;
  const t2 = t * t;
  const t3 = t2 * t;
  return p1[1] * (2 * t3 - 3 * t2 + 1) + m1 * (t3 - 2 * t2 + t) + p2[1] * (3 * t2 - 2 * t3) + m2 * (t3 - t2);
};

/** Seeded uniform numbers in [0, 1) (mulberry32). */
export const randomFrom = (seed: number) => {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

/** `#rrggbb` (sRGB) as linear RGB. */
export const colour = (hex: string): Vec => {
  const at = (k: number) => {
    const c = Number.parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [at(0), at(1), at(2)];
};
