import { curve, mix, randomFrom, smooth, type Vec } from './math.ts';
import type { Person } from './people.ts';

const SHORT = [
  [0, 6.75],
  [0.3, 6.85],
  [0.52, 6.6],
  [0.7, 5.9],
  [0.86, 4.6],
  [1, 3.2],
  [1.14, 2.2],
  [1.26, 0.6],
  [1.42, -1.5],
  [1.75, -2.6],
  [2.15, -6],
  [Math.PI, -6.8],
] as const;

/** Lowest `b` of the scalp's hair at a longitude. */
export const hairline = (person: Person, lon: number) => {
  const a = Math.abs(lon);
  if (person.hair === 'bob')
    return mix(
      mix(8.3, 6.6, smooth(0.15, 0.85, a)),
      mix(-1, -6.5, smooth(1.5, 2.2, a)),
      smooth(0.86, 1.3, a),
    );
  return curve(SHORT, a);
};

/** Smooth noise of cells of size 1, 0…1. */
export const noiseFrom = (seed: number) => {
  const random = randomFrom(seed);
  const grain = Array.from({ length: 64 * 64 }, () => random());
  return (x: number, y: number) => {
    const at = (i: number, j: number) => grain[(((j % 64) + 64) % 64) * 64 + (((i % 64) + 64) % 64)]!;
    const [i, j] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [smooth(0, 1, x - i), smooth(0, 1, y - j)];
    return mix(mix(at(i, j), at(i + 1, j), u), mix(at(i, j + 1), at(i + 1, j + 1), u), v);
  };
};

/** Cell noise: small near the middle of random cells of size 1, growing to their borders. */
export const cells = (seed: number) => {
  const hash = (x: number, y: number, z: number) => {
    const r = randomFrom(seed + x * 73856093 + y * 19349663 + z * 83492791);
    return [r(), r(), r()] as const;
  };
  return (p: Vec) => {
    const base = p.map(Math.floor);
    let best = 9;
    for (let k = 0; k < 27; k++) {
      const cell = [
        base[0]! + (k % 3) - 1,
        base[1]! + (Math.floor(k / 3) % 3) - 1,
        base[2]! + Math.floor(k / 9) - 1,
      ] as const;
      const [a, b, c] = hash(...cell);
      best = Math.min(best, Math.hypot(cell[0] + a - p[0], cell[1] + b - p[1], cell[2] + c - p[2]));
    }
    return best;
  };
};
