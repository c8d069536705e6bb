import { expect, test } from 'vitest';
import { type Curve, lagOf, leavesRest, quantile, smoothed } from '../../demo/latency/curves.ts';

/** A lively curve at `rateHz` for eight seconds, `lateMs` late. */
const lively = (rateHz: number, lateMs = 0): Curve => {
  const timesMs = Array.from({ length: 8 * rateHz }, (_, i) => (i * 1000) / rateHz);
  const value = (s: number) =>
    Math.max(0, Math.sin(7.3 * s) * Math.sin(1.9 * s + 1) + 0.4 * Math.sin(19 * s));
  return { timesMs, values: timesMs.map((ms) => value((ms - lateMs) / 1000)) };
};

test('a curve that comes after another one, or before it, is found out to a millisecond or two', () => {
  for (const lateMs of [-130, -41, 0, 7, 120]) {
    const { lagMs, r } = lagOf(lively(86), lively(60, lateMs));
    expect(Math.abs(lagMs - lateMs)).toBeLessThan(2);
    expect(r).toBeGreaterThan(0.95);
  }
});

test('curves that share no second have no lag, and a still one has nothing in common with another', () => {
  const short: Curve = { timesMs: [0, 500], values: [0, 1] };
  expect(lagOf(lively(60), short)).toEqual({ lagMs: Number.NaN, r: 0 });
  const still = lively(60);
  expect(lagOf(lively(60), { ...still, values: still.values.map(() => 1) }).r).toBe(0);
});

test('smoothing keeps the time of a curve', () => {
  expect(Math.abs(lagOf(lively(86), smoothed(lively(200), 40)).lagMs)).toBeLessThan(2);
});

test('a curve leaves its rest when it goes further than it ever did there', () => {
  const timesMs = Array.from({ length: 60 }, (_, i) => i * 33);
  const values = timesMs.map((ms, i) => (i % 2 ? 0.011 : 0.009) + (ms >= 1000 ? 0.3 : 0));
  expect(leavesRest({ timesMs, values }, 900, 700, 0.001)).toBe(1023);
  expect(leavesRest({ timesMs, values }, 900, 100, 0.001)).toBeNaN();
  expect(leavesRest({ timesMs, values }, 900, 700, 0.5)).toBeNaN();
  expect(leavesRest({ timesMs, values }, 10, 700, 0.001)).toBeNaN();
});

test('quantiles leave out what is no number', () => {
  expect(quantile([3, Number.NaN, 1, 2], 0.5)).toBe(2);
  expect(quantile([], 0.5)).toBeNaN();
});
