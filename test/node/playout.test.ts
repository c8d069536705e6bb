import { expect, test } from 'vitest';
import type { WireLevels } from '../../src/engine/wire.ts';
import { PlayoutClock } from '../../src/live/playout.ts';
import { dice } from '../sound.ts';

const PERIOD = 256 / 48_000;

/** A voice's loudness in dB at any time: syllables of uneven length and height, with pauses. */
function voice(seed: number) {
  const next = dice(seed);
  const syllables: { from: number; to: number; level: number }[] = [];
  for (let t = 0; t < 60; ) {
    const from = t + next(100) / 1000 + (next(6) === 0 ? 0.4 : 0);
    t = from + 0.08 + next(200) / 1000;
    syllables.push({ from, to: t, level: -30 + next(20) });
  }
  return (timeS: number) => {
    const s = syllables.find(({ from, to }) => timeS >= from && timeS < to);
    if (!s) return -75;
    return s.level - 25 * Math.abs((2 * (timeS - s.from)) / (s.to - s.from) - 1) ** 2;
  };
}

/** 50 ms of levels from `timeS` on; `soundAt` says which moment of the voice stands at a time of that clock. */
const stretch = (timeS: number, loudness: (timeS: number) => number, soundAt: (t: number) => number) => ({
  timeS,
  periodS: PERIOD,
  levels: Array.from({ length: 10 }, (_, i) => loudness(soundAt(timeS + i * PERIOD))),
});

/** A tone that beeps evenly fits at every beep. */
const beeps = (timeS: number) => (timeS % 0.5 < 0.1 ? -20 : -75);

type World = {
  loudness?: (timeS: number) => number;
  lagS?: number;
  driftPpm?: number;
  loss?: number;
  speaks?: boolean;
  seconds?: number;
  lagAt?: (t: number) => number;
};

/** Lets two clocks run beside each other; returns the error of the lag (ms) at every 50 ms of the sender's time. */
function run({
  loudness: given,
  lagS = 1234.567,
  driftPpm = 0,
  loss = 0,
  speaks = true,
  seconds = 12,
  lagAt,
}: World) {
  const clock = new PlayoutClock();
  const next = dice(7);
  const loudness = given ?? (speaks ? voice(1) : () => -75);
  const trueLag = lagAt ?? ((t: number) => lagS + t * driftPpm * 1e-6);
  const errors: number[] = [];
  const steps: number[] = [];
  let last = Number.NaN;
  for (let k = 0; k * 10 * PERIOD < seconds; k++) {
    const t = k * 10 * PERIOD;
    const own = t + trueLag(t);
    const sent: WireLevels = stretch(t, loudness, (x) => x);
    if (next(1000) >= loss * 1000) clock.sent(sent);
    // the codec changes levels a little
    const noisy = (x: number) => loudness(x) + next(30) / 10 - 1.5;
    clock.heard(stretch(own, noisy, (x) => x - trueLag(t)));
    clock.arrived(t, own + 0.05 + next(30) / 1000);
    if (k % 20 === 0) {
      const onWay = 0.01 + next(20) / 1000;
      // this clock reads 0.09 s less than the lag: that is what waits in the jitter buffer
      clock.exchanged(own - 0.09 - onWay, t, own - 0.09 + onWay);
    }
    if (k % 5 === 0) clock.update();
    const found = clock.lagAt(own);
    errors.push((found - trueLag(t)) * 1000);
    if (!Number.isNaN(last)) steps.push(Math.abs(found - last));
    last = found;
  }
  return { clock, errors, steps };
}

const worst = (errors: number[], fromS: number, toS = Number.POSITIVE_INFINITY) =>
  Math.max(...errors.filter((_, k) => k * 10 * PERIOD >= fromS && k * 10 * PERIOD < toS).map(Math.abs));

test('two loudness curves of one voice give the lag to 3 ms, with drift and a third of the packets lost', () => {
  for (const world of [{}, { driftPpm: 200 }, { loss: 0.33 }, { lagS: -777.123 }]) {
    const { clock, errors } = run(world);
    expect(clock.stats.method).toBe('levels');
    expect(clock.stats.correlation).toBeGreaterThan(0.8);
    expect(worst(errors, 7)).toBeLessThan(3);
  }
});

test('before anybody speaks, clocks and jitter buffer stand in: tens of milliseconds', () => {
  const { clock, errors } = run({ speaks: false });
  expect(clock.stats.method).toBe('exchange');
  expect(clock.stats.roundTripS).toBeLessThan(0.04);
  expect(worst(errors, 2)).toBeLessThan(40);
});

test('a sound that repeats itself is not taken for a match', () => {
  const { clock, errors } = run({ loudness: beeps });
  expect(clock.stats.method).toBe('exchange');
  expect(worst(errors, 2)).toBeLessThan(40);
});

test('a jitter buffer that grows by 120 ms in mid-talk is followed within four seconds, without a jump', () => {
  const { errors, steps } = run({ seconds: 16, lagAt: (t) => (t < 8 ? 50 : 50.12) });
  expect(worst(errors, 7, 8)).toBeLessThan(3);
  expect(worst(errors, 12.5)).toBeLessThan(5);
  // 50 ms of time hold at most 15 % of correction
  expect(Math.max(...steps.slice(20))).toBeLessThanOrEqual(0.15 * 0.06);
});

test('nothing is known of a silent line, and a far new beginning is taken at once', () => {
  const clock = new PlayoutClock();
  clock.update();
  expect(clock.lagAt(1)).toBeNaN();
  expect(clock.stats.method).toBe('none');
  clock.arrived(1, 3.1);
  clock.update();
  expect(clock.lagAt(3.2)).toBeCloseTo(2.1, 6);
  for (let i = 0; i < 60; i++) clock.arrived(1, 90);
  clock.update();
  expect(clock.lagAt(90)).toBeCloseTo(89, 6);
});
