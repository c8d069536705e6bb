import { mix, randomFrom, smooth, type Vec } from './math.ts';

/** What a cloth is made of: the height of its threads and how bright they are, over one tile (0…1 each way). */
export type Weave = { height: (x: number, y: number) => number; bright: (x: number, y: number) => number };

/** Smooth noise (0…1) over a lattice of `n` by `m` cells that repeats at the edges of the tile. */
const noise = (seed: number, n: number, m = n) => {
  const random = randomFrom(seed);
  const grain = Array.from({ length: n * m }, () => random());
  const at = (i: number, j: number) => grain[(((j % m) + m) % m) * n + (((i % n) + n) % n)]!;
  return (x: number, y: number) => {
    const [u, v] = [x * n, y * m];
    const [i, j] = [Math.floor(u), Math.floor(v)];
    const [s, t] = [smooth(0, 1, u - i), smooth(0, 1, v - j)];
    return mix(mix(at(i, j), at(i + 1, j), s), mix(at(i, j + 1), at(i + 1, j + 1), s), t);
  };
};

/** Rows of V stitches. */
export const knit = (seed: number, repeat: number): Weave => {
  const soft = noise(seed, 5);
  const fine = noise(seed + 1, 40);
  const height = (x: number, y: number) => {
    const leg = Math.abs(((((x * repeat) % 1) + 1) % 1) - 0.5) * 2;
    const across = Math.sin(Math.PI * leg) ** 0.6;
    const turn = y * repeat - 0.5 * leg;
    return across * (0.5 + 0.5 * Math.cos(2 * Math.PI * turn));
  };
  return {
    height,
    bright: (x, y) => 0.8 + 0.13 * height(x, y) + 0.05 * soft(x, y) + 0.05 * (fine(x, y) - 0.5),
  };
};

/** Diagonal ribs of threads of uneven strength. */
export const twill = (seed: number, repeat: number, uneven: number): Weave => {
  const soft = noise(seed, 4);
  const slub = noise(seed + 1, 64, 4);
  const weft = noise(seed + 2, 4, 64);
  const height = (x: number, y: number) => 0.5 + 0.5 * Math.sin(2 * Math.PI * repeat * (x + y));
  return {
    height: (x, y) => height(x, y) + uneven * 2 * slub(x, y),
    bright: (x, y) =>
      0.9 + 0.03 * height(x, y) + uneven * (0.4 * soft(x, y) + slub(x, y) + 0.5 * weft(x, y) - 0.95),
  };
};

/** Normal map of a weave, from the slope of its threads. */
export const normalPixel =
  ({ height }: Weave, strength: number, size: number) =>
  (x: number, y: number): Vec => {
    const e = 0.5 / size;
    const wrap = (t: number) => (t + 1) % 1;
    const dx = (height(wrap(x + e), y) - height(wrap(x - e), y)) * strength;
    const dy = (height(x, wrap(y + e)) - height(x, wrap(y - e))) * strength;
    const n = Math.hypot(dx, dy, 1);
    return [0.5 - dx / n / 2, 0.5 + dy / n / 2, 0.5 + 1 / n / 2];
  };

/** Brightness of a weave, to be multiplied with the colour of the cloth (sRGB). */
export const brightPixel =
  ({ bright }: Weave) =>
  (x: number, y: number): Vec => {
    const b = bright(x, y);
    return [b, b, b];
  };
