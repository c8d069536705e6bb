/** A curve sampled at given times, in seconds. */
export type Curve = { readonly times: readonly number[]; readonly values: readonly number[] };

/** What one test conversation gave: each person's loudness as an outside observer measured it, and both jaws. */
export type Observed = { readonly loudness: readonly [Curve, Curve]; readonly jaw: readonly [Curve, Curve] };

const FRAME_S = 1 / 30;

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Pearson's correlation; 0 where one of them does not move. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((v, i) => {
    ab += (v - ma) * (b[i] - mb);
    aa += (v - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  });
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** Mean of the curve's values within half a frame of `time`; NaN where there is none. */
function at({ times, values }: Curve, time: number): number {
  let [sum, n] = [0, 0];
  times.forEach((t, i) => {
    if (Math.abs(t - time) <= FRAME_S / 2) {
      sum += values[i];
      n++;
    }
  });
  return n ? sum / n : Number.NaN;
}

/** The lag in ms at which `late` follows `early` best (negative: it leads), within ±400 ms, and the correlation there. */
export function bestLag(early: Curve, late: Curve): { lagMs: number; r: number } {
  let best = { lagMs: 0, r: Number.NEGATIVE_INFINITY };
  for (let step = -24; step <= 24; step++) {
    const lagS = (step * FRAME_S) / 2;
    const pairs = late.times
      .map((time, i) => [at(early, time - lagS), late.values[i]] as const)
      .filter(([e]) => !Number.isNaN(e));
    const r = correlation(
      pairs.map(([e]) => e),
      pairs.map(([, l]) => l),
    );
    if (r > best.r) best = { lagMs: lagS * 1000, r };
  }
  return best;
}

/** The part of a curve between two times. */
export function between({ times, values }: Curve, from: number, to: number): Curve {
  const kept = times.map((t) => t >= from && t <= to);
  return { times: times.filter((_, i) => kept[i]), values: values.filter((_, i) => kept[i]) };
}

/** The value below which `share` of a curve lies. */
export const quantile = ({ values }: Curve, share: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))];

/** Loudness as the ear has it: RMS to dB, silence cut off at −60 dB. */
export const decibels = ({ times, values }: Curve): Curve => ({
  times,
  values: values.map((rms) => Math.max(-60, 20 * Math.log10(rms + 1e-9))),
});

/** The times where a curve of loudness begins and ends to sound, in seconds. */
export function soundingSpan(loudness: Curve): [number, number] {
  const heard = loudness.times.filter((_, i) => loudness.values[i] > 0.01);
  return [heard[0] ?? Number.NaN, heard[heard.length - 1] ?? Number.NaN];
}

/**
 * What a viewer would object to, in words; nothing when each jaw moves with its own voice and only with it.
 * r ≥ 0.5 at a lag within ±100 ms while the person speaks, shut in silence and while only the other speaks.
 */
export function objections({ loudness, jaw }: Observed): string[] {
  const found: string[] = [];
  for (const person of [0, 1] as const) {
    const name = `person ${person}`;
    const [begin, end] = soundingSpan(loudness[person]);
    if (Number.isNaN(begin)) {
      found.push(`${name} was never heard`);
      continue;
    }
    const own = between(jaw[person], begin - 0.2, end + 0.3);
    if (own.times.length === 0) {
      found.push(`${name}: no frames were seen while it spoke`);
      continue;
    }
    const { lagMs, r } = bestLag(decibels(loudness[person]), own);
    if (!(r >= 0.5))
      found.push(`${name}: jaw follows loudness with r = ${r.toFixed(2)}, expected at least 0.5`);
    if (!(Math.abs(lagMs) <= 100))
      found.push(`${name}: jaw lags the sound by ${lagMs.toFixed(0)} ms, expected ±100`);
    if (!(quantile(own, 0.95) >= 0.15))
      found.push(
        `${name}: jaw opens to ${quantile(own, 0.95).toFixed(2)} while speaking, expected at least 0.15`,
      );
    const first = jaw[person].times[0];
    const last = jaw[person].times[jaw[person].times.length - 1];
    const quiet = [between(jaw[person], first, begin - 0.4), between(jaw[person], end + 0.6, last)];
    const resting = { times: quiet.flatMap((c) => c.times), values: quiet.flatMap((c) => c.values) };
    if (resting.times.length < 30)
      found.push(`${name}: only ${resting.times.length} frames of silence were seen`);
    else if (!(quantile(resting, 0.95) <= 0.08))
      found.push(
        `${name}: jaw stands at ${quantile(resting, 0.95).toFixed(2)} while silent, expected at most 0.08`,
      );
  }
  return found;
}
