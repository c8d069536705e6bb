import { bell, smooth } from './math.ts';

/** One sculpted fold of cloth: it runs along the way round (radians) from `from` to `to`, at height `at` (metres) rising by `slope`. */
export type Fold = {
  at: number;
  from: number;
  to: number;
  slope: number;
  /** Height and half width in metres. */
  high: number;
  wide: number;
};

/** The relief of folds at a height and an angle: each a soft ridge with a sharper valley beneath it. */
export const relief = (folds: readonly Fold[], y: number, angle: number) => {
  let sum = 0;
  for (const f of folds) {
    const middle = (f.from + f.to) / 2;
    const half = (f.to - f.from) / 2;
    let d = angle - middle;
    d -= 2 * Math.PI * Math.round(d / (2 * Math.PI));
    const fade = smooth(1, 0.35, Math.abs(d) / half);
    if (fade === 0) continue;
    const off = y - f.at - f.slope * d;
    sum += f.high * fade * (bell(off / f.wide, 1) - 0.7 * bell((off + 1.5 * f.wide) / (0.75 * f.wide), 1));
  }
  return sum;
};
