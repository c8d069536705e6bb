/** The middle of some numbers. */
export const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Median wall time in milliseconds of `n` runs, after `warmUp` that do not count. */
export async function medianMs(run: () => Promise<unknown>, n: number, warmUp = 3): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < warmUp + n; i++) {
    const begin = performance.now();
    await run();
    if (i >= warmUp) times.push(performance.now() - begin);
  }
  return median(times);
}
