import { ARKIT_51 } from '../src/engine/motion.ts';
import { ownNames, readNpz } from './ict.ts';

/** A point or a displacement. */
export type Point = readonly [number, number, number];

/** Places that every face has, by their index in the 68 Multi-PIE landmarks (character's right first). */
export const LANDMARKS = {
  rightEyeOuter: 36,
  rightEyeInner: 39,
  leftEyeInner: 42,
  leftEyeOuter: 45,
  rightBrowOuter: 17,
  rightBrowInner: 21,
  leftBrowInner: 22,
  leftBrowOuter: 26,
  noseTip: 30,
  noseBase: 33,
  mouthRight: 48,
  mouthLeft: 54,
  upperLip: 51,
  lowerLip: 57,
  chin: 8,
} as const;

/** Of the largest displacement in the model: what moves less says nothing about direction. */
const MOVING = 0.2;

/** The ICT face, bent so that its landmarks lie on those of another face, with its displacements. */
export class IctShapes {
  readonly #deltas: Map<string, Float32Array>;
  readonly #at: Point[];

  /** Reads `ict_arkit.npz` and lays it over a face with these landmarks (any unit; +Y up, +Z forward). */
  constructor(path: string, marks: Readonly<Record<keyof typeof LANDMARKS, Point>>) {
    const { neutral, delta, names, landmarks68 } = readNpz(path);
    const count = neutral!.shape[0]!;
    const point = (k: number): Point =>
      [0, 1, 2].map((c) => neutral!.at(k * 3 + c) as number) as unknown as Point;
    const from = Object.values(LANDMARKS).map((mark) => point(landmarks68!.at(mark) as number));
    const bend = bending(
      from,
      (Object.keys(LANDMARKS) as (keyof typeof LANDMARKS)[]).map((name) => marks[name]),
    );
    this.#at = Array.from({ length: count }, (_, k) => bend(point(k)));
    const shapes = Array.from({ length: names!.shape[0]! }, (_, i) => names!.at(i) as string);
    this.#deltas = new Map(
      ARKIT_51.map((channel) => {
        const sum = new Float32Array(count * 3);
        for (const name of ownNames(channel, shapes)) {
          const first = shapes.indexOf(name) * count * 3;
          for (let k = 0; k < sum.length; k++) sum[k]! += delta!.at(first + k) as number;
        }
        return [channel, sum];
      }),
    );
  }

  /** For each point the model's nearest vertex. */
  nearest(points: readonly Point[]): Int32Array {
    return Int32Array.from(points, (p) => {
      let best = 0;
      let least = Number.POSITIVE_INFINITY;
      for (const [k, q] of this.#at.entries()) {
        const d = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2;
        if (d < least) {
          least = d;
          best = k;
        }
      }
      return best;
    });
  }

  /**
   * Median cosine between displacements and the model's, over the points where the model moves by a fifth of its most;
   * a point that stays where the model moves counts as 0.
   */
  cosine(channel: string, near: Int32Array, moves: readonly Point[]): number {
    const delta = this.#deltas.get(channel)!;
    const length = (k: number) => Math.hypot(delta[3 * k]!, delta[3 * k + 1]!, delta[3 * k + 2]!);
    const limit = MOVING * near.reduce((most, k) => Math.max(most, length(k)), 0);
    const cosines = moves.flatMap((m, i) => {
      const k = near[i]!;
      if (length(k) < limit) return [];
      const own = Math.hypot(...m);
      if (own < 1e-6) return [0];
      return [
        (m[0] * delta[3 * k]! + m[1] * delta[3 * k + 1]! + m[2] * delta[3 * k + 2]!) / (own * length(k)),
      ];
    });
    return cosines.sort((a, b) => a - b)[cosines.length >> 1]!;
  }
}

/** An affine map with a radial part (kernel r) that takes the points `from` exactly to `to`. */
function bending(from: readonly Point[], to: readonly Point[]): (p: Point) => Point {
  const n = from.length;
  const size = n + 4;
  const r = (p: Point, q: Point) => Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
  const rows = Array.from({ length: size }, (_, i) => {
    const row = new Array<number>(size + 3).fill(0);
    for (let j = 0; j < n; j++) row[j] = i < n ? r(from[i]!, from[j]!) : i === n ? 1 : from[j]![i - n - 1]!;
    if (i < n) {
      // Marks need not be met to the last millimetre: a stiffer map keeps the surface in order.
      row[i]! -= 0.4;
      row.splice(n, 4, 1, ...from[i]!);
      row.splice(size, 3, ...to[i]!);
    }
    return row;
  });
  for (let c = 0; c < size; c++) {
    const pivot = rows
      .slice(c)
      .reduce((best, row, k) => (Math.abs(row[c]!) > Math.abs(rows[best]![c]!) ? c + k : best), c);
    [rows[c], rows[pivot]] = [rows[pivot]!, rows[c]!];
    for (let i = 0; i < size; i++) {
      if (i === c) continue;
      const f = rows[i]![c]! / rows[c]![c]!;
      if (f !== 0) for (let j = c; j < size + 3; j++) rows[i]![j]! -= f * rows[c]![j]!;
    }
  }
  const weight = (i: number, axis: number) => rows[i]![size + axis]! / rows[i]![i]!;
  return (p) =>
    [0, 1, 2].map((axis) => {
      let sum = weight(n, axis);
      for (let c = 0; c < 3; c++) sum += weight(n + 1 + c, axis) * p[c]!;
      for (let j = 0; j < n; j++) sum += weight(j, axis) * r(p, from[j]!);
      return sum;
    }) as unknown as Point;
}
