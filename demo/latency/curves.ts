/** A curve sampled at given times, in milliseconds; times rise. */
export type Curve = { readonly timesMs: readonly number[]; readonly values: readonly number[] };

const GRID_MS = 5;
const LONGEST_LAG_MS = 300;

/** The value below which `share` of the values lie; NaN where there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Pearson's correlation; 0 where one of them does not move. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! - meanA, b[i]! - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** The curve on a grid of {@link GRID_MS} between two times, with straight lines between its points. */
function onGrid({ timesMs, values }: Curve, fromMs: number, toMs: number): number[] {
  const grid: number[] = [];
  let i = 0;
  for (let at = fromMs; at <= toMs; at += GRID_MS) {
    while (i + 2 < timesMs.length && timesMs[i + 1]! <= at) i++;
    const [t0, t1] = [timesMs[i]!, timesMs[i + 1]!];
    const share = Math.min(1, Math.max(0, (at - t0) / (t1 - t0)));
    grid.push(values[i]! + (values[i + 1]! - values[i]!) * share);
  }
  return grid;
}

/** Means of a curve over `widthMs` around each of its points, so that a fast curve can be compared with a slow one. */
export function smoothed({ timesMs, values }: Curve, widthMs: number): Curve {
  let [from, to, sum] = [0, 0, 0];
  const means = timesMs.map((at) => {
    while (to < timesMs.length && timesMs[to]! <= at + widthMs / 2) sum += values[to++]!;
    while (timesMs[from]! < at - widthMs / 2) sum -= values[from++]!;
    return sum / (to - from);
  });
  return { timesMs, values: means };
}

/**
 * By how much `follower` comes after `leader` (ms; negative where it comes before): where they are most alike within
 * ±300 ms, and the correlation there. NaN and 0 where they share less than a second.
 */
export function lagOf(leader: Curve, follower: Curve): { lagMs: number; r: number } {
  const fromMs = Math.max(leader.timesMs[0] ?? 0, follower.timesMs[0] ?? 0) + LONGEST_LAG_MS;
  const toMs = Math.min(leader.timesMs.at(-1) ?? 0, follower.timesMs.at(-1) ?? 0) - LONGEST_LAG_MS;
  if (!(toMs - fromMs >= 1000)) return { lagMs: Number.NaN, r: 0 };
  const follows = onGrid(follower, fromMs, toMs);
  const at = (lagMs: number) => correlation(onGrid(leader, fromMs - lagMs, toMs - lagMs), follows);
  const lags = Array.from(
    { length: (2 * LONGEST_LAG_MS) / GRID_MS + 1 },
    (_, i) => i * GRID_MS - LONGEST_LAG_MS,
  );
  const likeness = lags.map(at);
  const best = likeness.indexOf(Math.max(...likeness));
  const [before, r, after] = [likeness[best - 1], likeness[best]!, likeness[best + 1]];
  if (before === undefined || after === undefined) return { lagMs: lags[best]!, r };
  const bend = before - 2 * r + after;
  return { lagMs: lags[best]! + (bend < 0 ? (GRID_MS * (before - after)) / (2 * bend) : 0), r };
}

/** A curve stays this many standard deviations of its rest within it. */
const DEVIATIONS = 4;

/** How to tell what is rest: so long before, and at least so many points. */
const REST = { restMs: 500, fewest: 2 };

/**
 * When a curve leaves its rest after `onsetMs`: the first time, up to `withinMs` later, at which it is further from the mean of
 * the time before than four standard deviations and `least`; NaN where it does not, or there was no rest.
 */
export function leavesRest(
  { timesMs, values }: Curve,
  onsetMs: number,
  withinMs: number,
  least: number,
  { restMs, fewest } = REST,
): number {
  const rest = values.filter((_, i) => timesMs[i]! >= onsetMs - restMs && timesMs[i]! < onsetMs);
  if (rest.length < fewest) return Number.NaN;
  const level = mean(rest);
  const deviation = Math.sqrt(mean(rest.map((value) => (value - level) ** 2)));
  const most = Math.max(least, DEVIATIONS * deviation);
  const first = timesMs.findIndex(
    (at, i) => at >= onsetMs && at <= onsetMs + withinMs && Math.abs(values[i]! - level) > most,
  );
  return first < 0 ? Number.NaN : timesMs[first]!;
}
