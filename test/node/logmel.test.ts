import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { peakDb, rmsDb, SILENCE_DB } from '../../src/engine/audio/levels.ts';
import { LogMel, MEL_BANDS, MEL_SILENCE, melRowEnd } from '../../src/engine/audio/logmel.ts';
import { distance, goldenVectors } from '../golden.ts';
import { chunks, noise, sine } from '../sound.ts';

function rowsOf(samples: Float32Array, cuts: [number, number][], late = false) {
  const mel = new LogMel();
  const row = new Float32Array(MEL_BANDS);
  const rows: number[] = [];
  const drain = () => {
    while (mel.pull(row)) rows.push(...row);
  };
  for (const [start, end] of cuts) {
    mel.push(samples, start, end);
    if (!late) drain();
  }
  drain();
  return Float32Array.from(rows);
}

const every = (length: number, size: number): [number, number][] =>
  Array.from({ length: Math.ceil(length / size) }, (_, i) => [i * size, Math.min(length, (i + 1) * size)]);

test('rows are PyTorch’s, to the last digits of a float', () => {
  const file = readFileSync(new URL('../golden/logmel.safetensors', import.meta.url));
  const golden = goldenVectors(new Uint8Array(file).buffer, 'logmel.safetensors');
  const [samples, rows] = [golden('samples').values, golden('rows').values];
  const ours = rowsOf(samples, every(samples.length, 128));
  expect(ours.length).toBe(rows.length);
  expect(distance(ours, rows)).toBeLessThan(2e-6);
});

test('any chunking gives the same rows, pulled at once or late', () => {
  const samples = noise(1, 40_000);
  const whole = rowsOf(samples, [[0, samples.length]], true);
  expect(whole.length).toBe(150 * MEL_BANDS + MEL_BANDS); // 2.5 s and row 0
  for (const size of [1, 128, 1000]) expect(rowsOf(samples, every(samples.length, size))).toEqual(whole);
  expect(rowsOf(samples, chunks(2, samples.length, 700))).toEqual(whole);
  expect(rowsOf(samples, chunks(3, samples.length, 700), true)).toEqual(whole);
});

test('a row sees its 400 samples and nothing else', () => {
  expect([0, 1, 2, 3, 60, 61].map(melRowEnd)).toEqual([0, 267, 533, 800, 16_000, 16_267]);
  const quiet = rowsOf(new Float32Array(16_000), [[0, 16_000]], true);
  expect([...quiet].every((value) => value === MEL_SILENCE)).toBe(true);
  const at = 9000;
  const click = new Float32Array(16_000);
  click[at] = 1;
  const rows = rowsOf(click, [[0, 16_000]], true);
  for (let r = 0; r < rows.length / MEL_BANDS; r++) {
    const heard = at > melRowEnd(r) - 400 && at < melRowEnd(r); // the window's first weight is 0
    expect(rows[r * MEL_BANDS] > MEL_SILENCE, `row ${r}`).toBe(heard);
  }
});

test('the formula, by a plain Fourier sum', () => {
  const samples = noise(4, 1200);
  const rows = rowsOf(samples, [[0, 1200]], true);
  const end = melRowEnd(4);
  const power = Array.from({ length: 257 }, (_, k) => {
    let re = 0;
    let im = 0;
    for (let n = 0; n < 400; n++) {
      const x = samples[end - 400 + n] * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / 400));
      re += x * Math.cos((2 * Math.PI * k * n) / 512);
      im += x * Math.sin((2 * Math.PI * k * n) / 512);
    }
    return re * re + im * im;
  });
  // Slaney's scale below 1 kHz is linear, so the first bands stand at whole multiples of one width.
  const width = (200 / 3) * ((15 + (27 * Math.log(8)) / Math.log(6.4)) / 81);
  for (let m = 0; m < 20; m++) {
    let sum = 0;
    for (let k = 0; k < 257; k++)
      sum += (Math.max(0, 1 - Math.abs((k * 31.25) / width - (m + 1))) / width) * power[k];
    expect(rows[4 * MEL_BANDS + m]).toBeCloseTo((Math.log(Math.max(sum, 1e-10)) + 10) / 5, 5);
  }
});

test('NaN and infinite samples are silence and are counted', () => {
  const clean = noise(5, 4000);
  const broken = clean.slice();
  for (const [i, value] of [Number.NaN, Infinity, -Infinity].entries()) {
    broken[1000 + i] = value;
    clean[1000 + i] = 0;
  }
  const mel = new LogMel();
  mel.push(broken);
  expect(mel.nonFinite).toBe(3);
  expect(rowsOf(broken, [[0, 4000]])).toEqual(rowsOf(clean, [[0, 4000]]));
});

test('levels', () => {
  expect(rmsDb(sine(1000, 16_000, 1600))).toBeCloseTo(-3.0103, 3);
  expect(peakDb(Float32Array.of(0.1, -0.5, Number.NaN, Infinity))).toBeCloseTo(-6.0206, 3);
  expect(rmsDb(Float32Array.of(9, 1, -1, 9), 1, 3)).toBe(0);
  expect([rmsDb(new Float32Array(4)), peakDb(new Float32Array(4)), rmsDb(new Float32Array(0))]).toEqual(
    Array(3).fill(SILENCE_DB),
  );
});
