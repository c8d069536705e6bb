import { expect, test } from 'vitest';
import { Resampler, resample } from '../../src/engine/audio/resample.ts';
import { chunks, noise, sine } from '../sound.ts';

const RATES = [8000, 11_025, 16_000, 22_050, 32_000, 44_100, 47_999, 48_000, 96_000, 176_400, 192_000];

/** Largest difference from the wanted signal away from both ends, in dB of full scale. */
function errorDb(out: Float32Array, want: Float32Array) {
  let worst = 0;
  for (let m = 100; m < want.length - 100; m++) worst = Math.max(worst, Math.abs(out[m] - want[m]));
  return 20 * Math.log10(worst + 1e-9);
}

test.each(RATES)('a sine at %d Hz keeps amplitude and phase', (rate) => {
  for (const hz of [100, 1000, 3000]) {
    const out = resample(sine(hz, rate, rate / 2, 0.3), rate);
    expect(errorDb(out, sine(hz, 16_000, out.length, 0.3)), `${hz} Hz`).toBeLessThan(-60);
  }
});

test.each(RATES)('a constant at %d Hz stays what it is', (rate) => {
  const out = resample(new Float32Array(rate).fill(0.5), rate);
  expect(errorDb(out, new Float32Array(16_000).fill(0.5))).toBeLessThan(-120);
});

test('what 16 kHz cannot hold is gone', () => {
  for (const [hz, rate] of [
    [9000, 44_100],
    [12_000, 48_000],
    [15_000, 48_000],
    [30_000, 96_000],
    [90_000, 192_000],
  ]) {
    const out = resample(sine(hz, rate, rate), rate);
    expect(errorDb(out, new Float32Array(16_000)), `${hz} Hz at ${rate}`).toBeLessThan(-60);
  }
});

test('the pass band reaches 7 kHz', () => {
  const out = resample(sine(7000, 48_000, 48_000), 48_000);
  expect(errorDb(out, sine(7000, 16_000, 16_000))).toBeLessThan(-50);
});

test.each(RATES)('any chunking of sound at %d Hz gives the same bits', (rate) => {
  const input = noise(rate, 5000);
  const whole = resample(input, rate);
  for (const cuts of [chunks(1, 5000, 900), chunks(2, 5000, 2), [[0, 5000] as [number, number]]]) {
    const resampler = new Resampler(rate);
    const out: number[] = [];
    for (const [start, end] of cuts) {
      const count = resampler.push(input, start, end);
      out.push(...resampler.output.subarray(0, count));
      const needed = (out.length / 16_000) * rate + (resampler.lookaheadMs / 1000) * rate;
      expect(needed).toBeGreaterThanOrEqual(end - 1e-6); // it waits for no more than its look-ahead
    }
    out.push(...resampler.output.subarray(0, resampler.flush()));
    expect(Float32Array.from(out)).toEqual(whole);
  }
});

test('as long as the sound, and at most 1.5 ms ahead', () => {
  for (const rate of RATES) {
    for (const length of [0, 1, 2, 3, 159, 160, 161, 12_345])
      expect(resample(new Float32Array(length), rate).length).toBe(Math.ceil((length * 16_000) / rate));
    const { lookaheadMs } = new Resampler(rate);
    expect(lookaheadMs).toBeLessThanOrEqual(1.5);
    const resampler = new Resampler(rate);
    resampler.push(noise(1, 12_345));
    resampler.flush();
    expect(resampler.produced).toBe(Math.ceil((12_345 * 16_000) / rate));
  }
});

test('an impulse comes out at its own time and symmetric', () => {
  const input = new Float32Array(4800);
  input[2400] = 1;
  const out = resample(input, 48_000);
  for (let m = 1; m < 24; m++) expect(out[800 + m]).toBeCloseTo(out[800 - m], 8);
  expect(Math.max(...out)).toBe(out[800]);
  expect(out[800 - 24]).toBe(0);
});

test('silence pushed is zeros pushed; NaN is 0 and counted; a bad rate throws', () => {
  const [a, b] = [new Resampler(44_100), new Resampler(44_100)];
  const input = noise(7, 500);
  const take = (r: Resampler, count: number) => [...r.output.subarray(0, count)];
  const left = [...take(a, a.push(input)), ...take(a, a.pushSilence(20_000)), ...take(a, a.push(input))];
  const right = [
    ...take(b, b.push(input)),
    ...take(b, b.push(new Float32Array(20_000).fill(Number.NaN))),
    ...take(b, b.push(input)),
  ];
  expect(left).toEqual(right);
  expect([a.nonFinite, b.nonFinite]).toEqual([0, 20_000]);
  expect(() => new Resampler(7999)).toThrow('7999');
  expect(() => new Resampler(Number.NaN)).toThrow('NaN');
});
