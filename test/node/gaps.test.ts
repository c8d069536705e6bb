import { expect, test } from 'vitest';
import { BLOCK_HEADER, blockLength, stampBlock } from '../../src/engine/audio/block.ts';
import { TICK_LENGTH, Voices } from '../../src/engine/audio/voices.ts';
import { noise } from '../sound.ts';

const RATE = 48_000;
const HOP = 480;
const SECOND = noise(7, RATE);

/** A block of the same second over and over, so that whole seconds apart sound alike. */
function blockAt(frame: number, start: number) {
  const block = new Float32Array(blockLength(HOP));
  stampBlock(block, frame, 3);
  const from = (frame - start) % RATE;
  for (let p = 0; p < 2; p++) block.set(SECOND.subarray(from, from + HOP), BLOCK_HEADER + p * HOP);
  return block;
}

function ticks(voices: Voices) {
  const out: { index: number; mel: Float32Array }[] = [];
  for (let mel = new Float32Array(TICK_LENGTH); voices.pull(mel); mel = new Float32Array(TICK_LENGTH))
    out.push({ index: voices.tickIndex - 1, mel });
  return out;
}

test('eight hours of sleep are over in a moment: the clock is right, and nothing from before waits', () => {
  const START = 12_345;
  const GAP_S = 8 * 3600;
  const voices = new Voices(RATE);
  const through = new Voices(RATE);
  for (let i = 0; i < 100; i++) voices.pushBlock(blockAt(START + i * HOP, START));
  for (let i = 0; i < 300; i++) through.pushBlock(blockAt(START + i * HOP, START));
  expect(voices.waiting).toBeGreaterThan(25); // asleep before anybody took them
  const wake = START + RATE + GAP_S * RATE + 24_000; // half a second into a second
  const begin = performance.now();
  for (let i = 0; i < 150; i++) voices.pushBlock(blockAt(wake + i * HOP, START));
  const tookMs = performance.now() - begin;
  console.log(`8 h of silence: ${tookMs.toFixed(1)} ms with what came after it`);
  expect(tookMs).toBeLessThan(2000);
  const woken = ticks(voices);
  expect(woken.length).toBeLessThan(50); // of a second and a half
  expect(woken[0].index).toBeGreaterThanOrEqual(30 * (GAP_S + 1.5) - 5);
  expect(woken.map(({ index }) => index)).toEqual(woken.map((_, i) => woken[0].index + i));
  // a tick long after the gap is what it is without one, whole seconds later
  const plain = new Map(ticks(through).map(({ index, mel }) => [index, mel]));
  const last = woken[woken.length - 1];
  expect(last.mel).toEqual(plain.get(last.index - 30 * GAP_S));
  const { gapSamples } = voices.stats;
  expect(gapSamples).toBe(2 * (GAP_S + 0.5) * 16_000);
  expect(voices.samples(0)).toBeGreaterThan((GAP_S + 2.9) * 16_000);
}, 60_000);

test('a gap of a second or less is silence, tick by tick', () => {
  const voices = new Voices(RATE);
  voices.pushBlock(blockAt(0, 0));
  voices.pushBlock(blockAt(HOP + RATE, 0));
  expect(ticks(voices).map(({ index }) => index)).toEqual(Array.from({ length: 31 }, (_, i) => i));
  expect(voices.stats.gapSamples).toBe(2 * 16_000);
});

test('at a rate of odd tenths leaps are of whole seconds, and phases stay', () => {
  const rate = 22_255;
  const block = (frame: number) => {
    const some = new Float32Array(blockLength(500));
    stampBlock(some, frame, 3);
    return some;
  };
  const voices = new Voices(rate);
  voices.pushBlock(block(0));
  voices.pushBlock(block(Math.round(5.55 * rate)));
  expect(voices.samples(0)).toBeCloseTo((5.55 + 500 / rate) * 16_000, -2);
  expect(ticks(voices)[0].index).toBe(151); // tick 0 is left behind
});

test('voices that others heard so far go on in the same time, and miss what nobody heard', () => {
  const START = 900;
  const whole = new Voices(RATE);
  for (let i = 0; i < 1000; i++) whole.pushBlock(blockAt(START + i * HOP, START));
  const plain = new Map(ticks(whole).map(({ index, mel }) => [index, mel]));
  const voices = new Voices(RATE, { startFrame: START, heardFrame: START + 6.4 * RATE });
  expect(voices.startFrame).toBe(START);
  for (let i = 700; i < 1000; i++) voices.pushBlock(blockAt(START + i * HOP, START));
  const later = ticks(voices);
  expect(later[0].index).toBe(192); // the tenth of a second in which they were heard last
  expect(later[later.length - 1].index).toBe(299);
  for (const { index, mel } of later) if (index > 214) expect(mel).toEqual(plain.get(index));
  expect(voices.stats.gapSamples).toBe(2 * 0.6 * 16_000);
}, 60_000);
