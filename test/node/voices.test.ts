import { expect, test } from 'vitest';
import { BLOCK_HEADER, blockFrame, blockLength, stampBlock } from '../../src/engine/audio/block.ts';
import { MEL_SILENCE } from '../../src/engine/audio/logmel.ts';
import { resample } from '../../src/engine/audio/resample.ts';
import { TICK_LENGTH, Voices } from '../../src/engine/audio/voices.ts';
import { chunks, noise } from '../sound.ts';

/** Blocks of `hop` frames of both voices, the first one stamped `start`. */
function blocks(a: Float32Array, b: Float32Array, hop: number, start: number) {
  return Array.from({ length: Math.floor(a.length / hop) }, (_, i) => {
    const block = new Float32Array(blockLength(hop));
    stampBlock(block, start + i * hop, 3);
    block.set(a.subarray(i * hop, (i + 1) * hop), BLOCK_HEADER);
    block.set(b.subarray(i * hop, (i + 1) * hop), BLOCK_HEADER + hop);
    return block;
  });
}

function ticks(voices: Voices) {
  const out: Float32Array[] = [];
  for (let mel = new Float32Array(TICK_LENGTH); voices.pull(mel); mel = new Float32Array(TICK_LENGTH))
    out.push(mel);
  return out;
}

/** Both voices at 16 kHz, pushed as a whole. */
function direct(a: Float32Array, b: Float32Array) {
  const voices = new Voices();
  voices.push(0, a, 0);
  voices.push(1, b, 0);
  return ticks(voices);
}

const RATE = 48_000;
const [A, B] = [noise(1, RATE), noise(2, RATE)];

test('blocks on any start frame give the ticks of the whole sound', () => {
  const want = direct(resample(A, RATE), resample(B, RATE));
  expect(want.length).toBe(31); // tick 0 and one second
  for (const [hop, start] of [
    [256, 0],
    [512, 2 ** 24 - 701],
    [128, 3 * 2 ** 32 + 5],
  ]) {
    const voices = new Voices(RATE);
    const out: Float32Array[] = [];
    for (const block of blocks(A, B, hop, start)) {
      expect(blockFrame(block)).toBeGreaterThanOrEqual(start);
      voices.pushBlock(block);
      out.push(...ticks(voices));
    }
    expect(voices.startFrame).toBe(start);
    expect(voices.present).toBe(3);
    expect(out.length).toBeGreaterThanOrEqual(29);
    expect(out).toEqual(want.slice(0, out.length));
    expect(voices.stats).toEqual({ gapSamples: 0, lateSamples: 0, nonFinite: 0 });
  }
});

test('tick 0 is silence, and its rows stand in the order person, row, band', () => {
  const [first, second] = direct(noise(3, 2000), new Float32Array(2000));
  expect([...first].every((value) => value === MEL_SILENCE)).toBe(true);
  const loud = [0, 1, 2, 3].map((row) =>
    second.subarray(row * 80, (row + 1) * 80).some((v) => v > MEL_SILENCE),
  );
  expect(loud).toEqual([true, true, false, false]);
});

test('a missing block is silence and is counted, a repeated one is left out', () => {
  const hop = 480;
  const all = blocks(A, B, hop, 1000);
  const holed = A.slice();
  holed.fill(0, 20 * hop, 23 * hop);
  const want = direct(resample(holed, RATE), resample(B.slice().fill(0, 20 * hop, 23 * hop), RATE));
  const voices = new Voices(RATE);
  for (const [i, block] of all.entries()) {
    if (i < 20 || i >= 23) voices.pushBlock(block);
    if (i === 50) voices.pushBlock(all[49]);
  }
  const out = ticks(voices);
  expect(out).toEqual(want.slice(0, out.length));
  expect(voices.stats).toEqual({ gapSamples: 2 * 3 * 160, lateSamples: 2 * 160, nonFinite: 0 });
});

test('a block that overlaps gives only what is new', () => {
  const voices = new Voices(RATE);
  const [one] = blocks(A, B, 480, 0);
  const [, two] = blocks(A.subarray(240), B.subarray(240), 480, -240 + 480);
  voices.pushBlock(one);
  stampBlock(two, 720, 3);
  voices.pushBlock(two);
  expect(voices.stats).toEqual({ gapSamples: 2 * 80, lateSamples: 0, nonFinite: 0 });
  stampBlock(two, 960, 3);
  voices.pushBlock(two);
  expect(voices.stats).toEqual({ gapSamples: 2 * 80, lateSamples: 2 * 80, nonFinite: 0 });
});

test('voices pushed apart wait for each other, with gaps and overlaps by their own count', () => {
  const [a, b] = [noise(4, 16_000), noise(5, 16_000)];
  const holed = a.slice();
  holed.fill(0, 5000, 6000);
  const want = direct(holed, b);
  const voices = new Voices();
  for (const [start, end] of chunks(6, 5000, 300)) voices.push(0, a.subarray(start, end), start);
  voices.push(0, a.subarray(6000, 9000), 6000);
  voices.push(0, a.subarray(8500), 8500);
  expect(ticks(voices)).toEqual([]);
  const out: Float32Array[] = [];
  for (const [start, end] of chunks(7, 16_000, 3000)) {
    voices.push(1, b.subarray(start, end), start);
    expect(voices.waiting).toBe(Math.min(31, Math.floor((end * 3) / 1600) + 1) - voices.tickIndex);
    out.push(...ticks(voices));
  }
  expect(out).toEqual(want);
  expect(voices.stats).toEqual({ gapSamples: 1000, lateSamples: 500, nonFinite: 0 });
  expect(() => voices.push(2, a, 0)).toThrow('person 2');
});

test('broken samples are counted and do not spread', () => {
  const broken = A.slice();
  broken[777] = Number.NaN;
  const clean = A.slice();
  clean[777] = 0;
  const voices = new Voices(RATE);
  for (const block of blocks(broken, B, 512, 0)) voices.pushBlock(block);
  expect(voices.stats.nonFinite).toBe(1);
  const out = ticks(voices);
  expect(out).toEqual(direct(resample(clean, RATE), resample(B, RATE)).slice(0, out.length));
});

test('no drift: a minute of blocks ends where the clock says', () => {
  const voices = new Voices(44_100);
  const block = new Float32Array(blockLength(256));
  const mel = new Float32Array(TICK_LENGTH);
  stampBlock(block, 0, 0);
  voices.pushBlock(block);
  for (let second = 1; second <= 60; second++) {
    stampBlock(block, second * 44_100 - 256, 0);
    voices.pushBlock(block);
    while (voices.pull(mel));
    expect(second * 16_000 - voices.samples(0)).toBe(23); // the resampler's look-ahead of 66 frames
    expect(voices.tickIndex).toBe(second * 30);
  }
});
