import { readFileSync } from 'node:fs';
import { expect, describe as suite, test } from 'vitest';
import {
  alphaBars,
  ddimSteps,
  denoisingSteps,
  type ScheduleConfig,
  type StepOptions,
  visitedSteps,
} from '../../src/engine/model/schedule.ts';

const diffspeaker = { T: 1000, betaStart: 0.00085, betaEnd: 0.012 };
const dance = { T: 150, betaStart: 0.01, betaEnd: 0.7, betas: 'linear' } as const;
const replacement: StepOptions = { spacing: 'leading', rule: 'x0-replacement' };

suite('schedules', () => {
  test('scaled_linear spaces the roots, linear the betas', () => {
    // Three betas between 0.01 and 0.25: roots 0.1, 0.3, 0.5; or 0.01, 0.13, 0.25.
    const ends = { T: 3, betaStart: 0.01, betaEnd: 0.25 };
    const close = (bars: Float64Array, expected: number[]) =>
      expected.forEach((bar, t) => {
        expect(bars[t]).toBeCloseTo(bar, 14);
      });
    close(alphaBars(ends), [0.99, 0.99 * 0.91, 0.99 * 0.91 * 0.75]);
    close(alphaBars({ ...ends, betas: 'linear' }), [0.99, 0.99 * 0.87, 0.99 * 0.87 * 0.75]);
  });

  test.each([
    [0, 0.99],
    [15, 0.479],
    [20, 0.293],
    [30, 0.0744],
    [40, 0.0109],
    [50, 9.02e-4],
    [60, 4.03e-5],
    [75, 1.104e-7],
    [149, 9.26e-33],
  ])('LDA: the published ᾱ of step %i is %f', (t, bar) => {
    expect(alphaBars(dance)[t] / bar).toBeCloseTo(1, 2);
  });
});

suite('visited steps', () => {
  test('trailing starts at the last step, leading ends at step 1', () => {
    expect(visitedSteps(1000, 4)).toEqual([999, 749, 499, 249]);
    expect(visitedSteps(1000, 1)).toEqual([999]);
    expect(visitedSteps(1000, 3)).toEqual([999, 666, 332]);
    expect(visitedSteps(1000, 4, 'quadratic')).toEqual([999, 562, 249, 62]);
    expect(visitedSteps(20, 8, 'quadratic')).toEqual([19, 14, 10, 7, 4, 2, 0, 0]);
    expect(visitedSteps(1000, 4, 'leading')).toEqual([751, 501, 251, 1]);
    expect(visitedSteps(1000, 3, 'leading')).toEqual([667, 334, 1]);
    const fifty = visitedSteps(1000, 50, 'leading');
    expect([fifty.length, fifty[0], fifty[1], fifty[48], fifty[49]]).toEqual([50, 981, 961, 21, 1]);
    expect(visitedSteps(150, 150)).toEqual(Array.from({ length: 150 }, (_, i) => 149 - i));
  });

  test.each([
    [150, 151, 'trailing'],
    [150, 150, 'leading'],
    [1000, 0, 'leading'],
    [1000, 2.5, 'trailing'],
  ] as const)('a schedule of %i has no %f steps, %s', (T, steps, spacing) => {
    expect(() => visitedSteps(T, steps, spacing)).toThrow(`schedule of ${T} cannot give`);
  });
});

suite('steps', () => {
  test('by hand: ᾱ 0.36 goes to 0.64', () => {
    // T = 2 with betas 0.36, 1 − 0.36/0.64: ᾱ = 0.64, 0.36.
    const two = { T: 2, betaStart: 0.36, betaEnd: 1 - 0.36 / 0.64, betas: 'linear' } as const;
    const [first, last] = denoisingSteps(two, 2, 0);
    const round = (step: Record<string, number>) =>
      Object.fromEntries(Object.entries(step).map(([name, value]) => [name, +value.toFixed(12)]));
    expect(round(first)).toEqual({
      t: 1,
      sqrtAlphaBar: 0.6,
      sqrtOneMinusAlphaBar: 0.8,
      sqrtAlphaBarPrev: 0.8,
      direction: 0.6,
      sigma: 0,
    });
    expect(round(last)).toMatchObject({ t: 0, sqrtAlphaBar: 0.8, sqrtAlphaBarPrev: 1, direction: 0 });
    // η 1: σ² = (0.36 / 0.64)(1 − 0.36/0.64) = 0.24609375, and 0.36 − σ² = 0.11390625 is left to the direction.
    const [noisy] = denoisingSteps(two, 2, 1);
    expect([noisy.sigma ** 2, noisy.direction ** 2].map((v) => +v.toFixed(12))).toEqual([
      0.24609375, 0.11390625,
    ]);
    const [replaced] = denoisingSteps(two, 2, 0, { rule: 'x0-replacement' });
    expect([replaced.sqrtAlphaBarPrev, replaced.direction]).toEqual([expect.closeTo(1.4, 12), 0]);
  });

  test('eta 1 over every step is ancestral DDPM: posterior mean and variance, no noise at the end', () => {
    const bars = alphaBars(dance);
    const steps = denoisingSteps(dance, 150, 1, { prediction: 'eps' });
    for (const { t, sqrtAlphaBar: a, sqrtOneMinusAlphaBar: s, ...step } of steps.slice(60)) {
      const prev = t > 0 ? bars[t - 1] : 1;
      const alpha = bars[t] / prev;
      // DDPM: mean = (x − β/√(1−ᾱ) ε)/√α. With x0 = (x − s ε)/a: x has x0Weight/a, ε has direction − x0Weight s/a.
      expect(step.sqrtAlphaBarPrev / a).toBeCloseTo(1 / Math.sqrt(alpha), 10);
      const epsilon = step.direction - (step.sqrtAlphaBarPrev * s) / a;
      expect(epsilon).toBeCloseTo(-(1 - alpha) / s / Math.sqrt(alpha), 6);
      expect(step.sigma ** 2).toBeCloseTo(((1 - alpha) * (1 - prev)) / (1 - bars[t]), 10);
    }
    expect(steps[149].sigma).toBe(0);
  });

  test('the 0.11 rule: gains as published, and no noise is carried', () => {
    const steps = denoisingSteps(diffspeaker, 50, 0, replacement);
    expect(steps.every(({ direction, sigma }) => direction === 0 && sigma === 0)).toBe(true);
    const gains = steps.map((step) => step.sqrtAlphaBarPrev);
    expect(gains[0]).toBeCloseTo(1.08, 2);
    expect(gains[48]).toBeCloseTo(1.04, 3); // t = 21
    expect(gains[49]).toBeCloseTo(1.0287, 4);
    expect(Math.max(...gains)).toBeCloseTo(Math.SQRT2, 3);
    const half = { T: 2, betaStart: 0.5, betaEnd: 0.5, betas: 'linear' } as const;
    expect(denoisingSteps(half, 2, 0, { rule: 'x0-replacement' })[0].sqrtAlphaBarPrev).toBeCloseTo(
      Math.SQRT2,
      14,
    );
  });

  test('the rule is about x0 predictions only; leading ends at ᾱ_0', () => {
    const eps = denoisingSteps(diffspeaker, 8, 0, { ...replacement, prediction: 'eps' });
    expect(eps).toEqual(denoisingSteps(diffspeaker, 8, 0, { spacing: 'leading' }));
    expect(eps[7].sqrtAlphaBarPrev ** 2).toBeCloseTo(0.99915, 12);
    expect(eps[7].direction ** 2).toBeCloseTo(0.00085, 12);
  });

  test('the engine allows one to eight', () => {
    expect(ddimSteps(diffspeaker, 8, 0, replacement).map(({ t }) => t)).toEqual([
      876, 751, 626, 501, 376, 251, 126, 1,
    ]);
    for (const steps of [0, 9, 50]) expect(() => ddimSteps(diffspeaker, steps, 0)).toThrow('from 1 to 8');
    expect(() => denoisingSteps(diffspeaker, 50, 1.5)).toThrow('eta is 1.5');
  });
});

type Row = {
  schedule: { T: number; beta_start: number; beta_end: number } & Pick<
    ScheduleConfig,
    'betas' | 'spacing' | 'keeps'
  >;
  steps: number;
  eta: number;
  options: StepOptions;
  rows: number[][];
};

test('training/diffusion.py gives the same steps', () => {
  const table = JSON.parse(readFileSync('test/golden/schedule.json', 'utf8')) as Row[];
  expect(table.length).toBeGreaterThan(5);
  for (const { schedule, steps, eta, options, rows } of table) {
    const { T, beta_start: betaStart, beta_end: betaEnd, ...rest } = schedule;
    const ours = denoisingSteps({ T, betaStart, betaEnd, ...rest }, steps, eta, options);
    expect(ours.length).toBe(rows.length);
    ours.forEach((step, i) => {
      const [t, alphaBar, x0Weight, direction, sigma] = rows[i];
      expect(step.t).toBe(t);
      expect(step.sqrtAlphaBar ** 2 / alphaBar).toBeCloseTo(1, 10);
      expect(step.sqrtAlphaBarPrev).toBeCloseTo(x0Weight, 10);
      expect(step.direction).toBeCloseTo(direction, 10);
      expect(step.sigma).toBeCloseTo(sigma, 10);
    });
  }
});
