import { expect, test } from 'vitest';
import { Lateness } from '../../src/lateness.ts';

const FRAME_MS = 1000 / 30;
/** Frames of a moment between two of which the later must be there: what the delay adds to the latency. */
const NEXT_MS = FRAME_MS + 8;

/** Numbers 0…1 that are the same at each run. */
function chance(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Follows latencies (ms) frame by frame, with a delay that moves 10 ms a second; says how many came too late for it. */
function follow(latencies: readonly number[], fromMs = 0) {
  const lateness = new Lateness();
  let delayMs = 200;
  let late = 0;
  for (const [k, latencyMs] of latencies.entries()) {
    const nowMs = k * FRAME_MS;
    lateness.add(latencyMs, nowMs);
    const goal = lateness.ms + NEXT_MS;
    delayMs += Math.max(-0.01 * FRAME_MS, Math.min(0.01 * FRAME_MS, goal - delayMs));
    if (nowMs >= fromMs && latencyMs > delayMs) late++;
  }
  return { delayMs, late, share: late / latencies.filter((_, k) => k * FRAME_MS >= fromMs).length };
}

test('nothing is known before the first frame, and after it was forgotten', () => {
  const lateness = new Lateness();
  expect(lateness.ms).toBeNaN();
  expect(lateness.seconds).toBe(0);
  lateness.add(80, 0);
  expect([lateness.ms, lateness.seconds]).toEqual([80, 1]);
  lateness.clear();
  expect(lateness.ms).toBeNaN();
});

test('fewer than 0.5 % of the frames of a nervous machine come too late, and the delay is no longer than it must be', () => {
  const random = chance(3);
  // 90 ms with a long tail, and every four seconds or so something that takes 60 ms more.
  const latencies = Array.from({ length: 30 * 600 }, () => {
    const tail = -12 * Math.log(1 - random());
    return 90 + tail + (random() < 1 / 120 ? 60 : 0);
  });
  const { share, delayMs } = follow(latencies, 10_000);
  console.log(`late ${(100 * share).toFixed(2)} %, delay ${delayMs.toFixed(0)} ms`);
  expect(share).toBeLessThan(0.005);
  expect(delayMs).toBeLessThan(90 + 60 + 100);
});

test('one freeze of a second moves the delay no further than the slowest ordinary frames', () => {
  const random = chance(5);
  const calm = Array.from({ length: 30 * 60 }, () => 90 + 20 * random());
  const frozen = calm.slice();
  for (let i = 0; i < 30; i++) frozen[900 + i] = 1090 - i * FRAME_MS;
  expect(Math.abs(follow(frozen).delayMs - follow(calm).delayMs)).toBeLessThan(5);
});

test('a machine that becomes slower is followed, one that becomes faster too', () => {
  const steps = (from: number, to: number) =>
    Array.from({ length: 30 * 90 }, (_, k) => (k < 30 * 30 ? from : to));
  expect(follow(steps(90, 190)).delayMs).toBeCloseTo(190 + NEXT_MS, 0);
  expect(follow(steps(190, 90)).delayMs).toBeCloseTo(90 + NEXT_MS, 0);
});

test('a slow beginning is forgotten within half a minute', () => {
  const lateness = new Lateness();
  for (let k = 0; k < 30 * 25; k++) lateness.add(k < 75 ? 600 : 100, k * FRAME_MS);
  expect(lateness.ms).toBeLessThan(250);
});
