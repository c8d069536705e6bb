import type { Put } from './hair.ts';
import { add, colour, cross, dot, mix, mixVec, normalize, scale, smooth, sub, type Vec } from './math.ts';
import { bridge, fan, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';

type Lock = { wide: number; thick: number; light: number; through: readonly Vec[] };

/** Locks that lie over the edge of a bob beside the face, from the parting to their tips (face units). */
const LOCKS: readonly Lock[] = [
  {
    wide: 1.4,
    thick: 0.42,
    light: 0.65,
    through: [
      [2.3, 9, 6.1],
      [-0.4, 8, 7.75],
      [-3.1, 6.3, 8.35],
      [-5.6, 3.9, 7.5],
      [-6.9, 0.9, 5.95],
      [-7.6, -2.2, 5.4],
      [-7.6, -5.2, 5.5],
    ],
  },
  {
    wide: 1.05,
    thick: 0.45,
    light: 0.35,
    through: [
      [-3.2, 8, 7.1],
      [-6.1, 5.6, 6.6],
      [-8, 2.2, 5.2],
      [-8.6, -1.8, 4.7],
      [-8.5, -6, 4.6],
      [-7.6, -9.8, 4.1],
      [-6.0, -13.5, 3.9],
    ],
  },
  {
    wide: 1,
    thick: 0.45,
    light: 0.55,
    through: [
      [2, 9, 6.1],
      [4.6, 7.9, 6.8],
      [6.6, 5.8, 6.7],
      [7.9, 2.8, 5.7],
      [8.4, -0.8, 5.2],
      [8.5, -4.8, 5.4],
      [7.7, -8.8, 4.8],
      [5.9, -13.1, 4.1],
    ],
  },
  {
    wide: 0.42,
    thick: 0.24,
    light: 0.85,
    through: [
      [4.4, 7.9, 6.7],
      [6.3, 5.4, 6.75],
      [7.3, 2.2, 6],
      [7.4, -1.2, 5.8],
      [6.8, -4.6, 6.3],
    ],
  },
];
const STEPS = 10;
const AROUND = 5;

/** A smooth curve through points at t (0…1). */
const along = (points: readonly Vec[], t: number): Vec => {
  const x = t * (points.length - 1);
  const k = Math.min(points.length - 2, Math.floor(x));
  const f = x - k;
  const at = (i: number) => points[Math.max(0, Math.min(points.length - 1, i))]!;
  return [0, 1, 2].map((c) => {
    const [p, a, b, n] = [at(k - 1)[c]!, at(k)[c]!, at(k + 1)[c]!, at(k + 2)[c]!];
    return a + 0.5 * f * (b - p + f * (2 * p - 5 * a + 4 * b - n + f * (3 * (a - b) + n - p)));
  }) as Vec;
};

/** Tapered locks over the front edge of a bob, that break its line beside the face. */
export const buildLocks = (person: Person, mesh: Mesh, put: Put) => {
  const base = colour(person.colours.hair);
  const tip = colour(person.colours.hairTip);
  for (const [number, { wide, thick, light, through }] of LOCKS.entries()) {
    const rings: number[][] = [];
    for (let k = 0; k < STEPS; k++) {
      const t = k / STEPS;
      const q = along(through, t);
      const way = normalize(
        sub(along(through, Math.min(1, t + 0.03)), along(through, Math.max(0, t - 0.03))),
      );
      const out = sub(q, [0, Math.min(4, q[1]), -0.5]);
      const up = normalize(sub(out, scale(way, dot(out, way))));
      const side = cross(up, way);
      const size = mix(0.35, 1, smooth(0, 0.3, t)) * (1 - t ** 2.4) ** 0.8;
      rings.push(
        Array.from({ length: AROUND }, (_, i) => {
          const a = (i / AROUND) * Math.PI * 2;
          const p = add(
            q,
            add(scale(side, wide * size * Math.cos(a)), scale(up, thick * size * Math.sin(a))),
          );
          const shade = mixVec(base, tip, 0.15 + 0.5 * light + 0.3 * smooth(0.5, 1, t));
          const low = smooth(0.3, -0.8, Math.sin(a));
          return put(p, mixVec(shade, scale(base, 0.25), 0.8 * low), [
            0.37 * number + 0.1 * wide * Math.cos(a),
            t,
          ]);
        }),
      );
    }
    fan(mesh, [...rings[0]!].reverse(), put(through[0]!, base, [0.37 * number, 0]));
    for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k]!, rings[k + 1]!);
    fan(mesh, rings[STEPS - 1]!, put(through[through.length - 1]!, tip, [0.37 * number, 1]));
  }
};
