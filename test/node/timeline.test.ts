import { describe, expect, test } from 'vitest';
import { frameSample, SAMPLE_RATE_HZ } from '../../src/engine/motion.ts';
import { FRAME_NUMBERS, Timeline } from '../../src/engine/timeline.ts';

const pose = (value: number) => new Float32Array(FRAME_NUMBERS).fill(value);
const seconds = (s: number) => s * SAMPLE_RATE_HZ;

/** Shows the timeline at 120 pictures a second and returns the first channel of each. */
const play = (timeline: Timeline, fromS: number, toS: number, beforeEach?: (s: number) => void) => {
  const target = pose(Number.NaN);
  const values: number[] = [];
  for (let i = Math.round(fromS * 120); i <= Math.round(toS * 120); i++) {
    beforeEach?.(i / 120);
    timeline.sampleInto(target, seconds(i / 120));
    values.push(target[0]!);
  }
  return values;
};

const largestStep = (values: number[]) =>
  Math.max(...values.slice(1).map((value, i) => Math.abs(value - values[i]!)));

describe('timeline', () => {
  test('interpolates between frames and copies what is pushed', () => {
    const timeline = new Timeline();
    const face = pose(0);
    for (let k = 0; k <= 30; k++) {
      face.fill(k / 30);
      timeline.push({ frameIndex: k, face });
    }
    face.fill(9);
    const target = pose(0);
    timeline.sampleInto(target, 0);
    for (const at of [frameSample(3), frameSample(7.5), frameSample(12.25)]) {
      const look = timeline.sampleInto(target, at);
      expect(look.fresh).toBe(true);
      expect(target[0]).toBeCloseTo(at / SAMPLE_RATE_HZ, 5);
      expect(target[FRAME_NUMBERS - 1]).toBeCloseTo(at / SAMPLE_RATE_HZ, 5);
    }
  });

  test('interpolates over a missing frame', () => {
    const timeline = new Timeline();
    for (const k of [0, 1, 2, 4]) timeline.push({ frameIndex: k, face: pose(k) });
    const target = pose(0);
    timeline.sampleInto(target, 0);
    timeline.sampleInto(target, frameSample(3));
    expect(target[0]).toBeCloseTo(3, 5);
  });

  test('is at rest before the first frame', () => {
    const rest = pose(0.2);
    const timeline = new Timeline(8, rest);
    const target = pose(1);
    const look = timeline.sampleInto(target, 0);
    expect([look.fresh, look.presence, look.ageS]).toEqual([false, 0, Number.POSITIVE_INFINITY]);
    expect(target).toEqual(rest);
    expect(timeline.stats.heldFrames).toBe(0);
  });

  test('holds when late, then eases to rest', () => {
    const timeline = new Timeline();
    for (let k = 0; k <= 30; k++) timeline.push({ frameIndex: k, face: pose(0.8) });
    play(timeline, 0, 1);
    expect(play(timeline, 1, 1.24).at(-1)).toBeCloseTo(0.8, 5);
    const easing = play(timeline, 1.25, 2.2);
    expect(easing.at(-1)).toBe(0);
    expect(largestStep(easing)).toBeLessThan(0.02);
    expect(easing.every((value, i) => i === 0 || value <= easing[i - 1]!)).toBe(true);
    expect(timeline.stats.heldFrames).toBe(36);
  });

  test('takes up returning motion without a snap', () => {
    const timeline = new Timeline();
    for (let k = 0; k <= 15; k++) timeline.push({ frameIndex: k, face: pose(0.1) });
    let next = 16;
    const values = play(timeline, 0, 2, (s) => {
      if (s < 1.2) return;
      for (; next <= s * 30 + 2; next++) timeline.push({ frameIndex: next, face: pose(0.9) });
    });
    expect(largestStep(values)).toBeLessThan(0.11);
    expect(values.at(-1)).toBeCloseTo(0.9, 3);
  });

  test('counts frames that come after their moment', () => {
    const timeline = new Timeline();
    for (let k = 0; k <= 3; k++) timeline.push({ frameIndex: k, face: pose(0) });
    play(timeline, 0, 0.2);
    expect(timeline.stats).toEqual({ frames: 4, lateFrames: 0, heldFrames: 3 });
    for (let k = 4; k <= 8; k++) timeline.push({ frameIndex: k, face: pose(0) });
    expect(timeline.stats).toEqual({ frames: 9, lateFrames: 3, heldFrames: 3 });
  });

  test('keeps a fixed number of frames', () => {
    const timeline = new Timeline(16);
    for (let k = 0; k < 1000; k++) timeline.push({ frameIndex: k, face: pose(k) });
    timeline.push({ frameIndex: 3, face: pose(-1) });
    const target = pose(0);
    expect(timeline.sampleInto(target, frameSample(900)).fresh).toBe(false);
    timeline.sampleInto(target, frameSample(999));
    play(timeline, 33.3, 33.3);
    expect(timeline.newestFrame).toBe(999);
  });

  test('starts again after clear', () => {
    const timeline = new Timeline();
    for (let k = 0; k <= 30; k++) timeline.push({ frameIndex: k, face: pose(0.5) });
    play(timeline, 0, 1);
    timeline.clear();
    const target = pose(1);
    expect(timeline.sampleInto(target, 0).presence).toBe(0);
    expect(target[0]).toBeCloseTo(0.5, 5);
    expect(timeline.stats).toEqual({ frames: 0, lateFrames: 0, heldFrames: 0 });
    timeline.push({ frameIndex: 0, face: pose(0.7) });
    timeline.push({ frameIndex: 60, face: pose(0.7) });
    expect(play(timeline, 0, 1).at(-1)).toBeCloseTo(0.7, 3);
  });
});
