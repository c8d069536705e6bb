import { describe, expect, test } from 'vitest';
import { ARKIT_51, BODY_NUMBERS, frameSample, PERSONS, SAMPLE_RATE_HZ } from '../../src/engine/motion.ts';
import {
  BODY_OFFSET,
  BODY_PRESENCE,
  FACE_NUMBERS,
  FRAME_NUMBERS,
  Timeline,
} from '../../src/engine/timeline.ts';

const pose = (value: number) => new Float32Array(FACE_NUMBERS).fill(value);
const look = () => new Float32Array(FRAME_NUMBERS).fill(Number.NaN);
const bodies = (value: number) => new Float32Array(PERSONS * BODY_NUMBERS).fill(value);
const seconds = (s: number) => s * SAMPLE_RATE_HZ;

/** Shows the timeline at 120 pictures a second and returns the first channel of each. */
const play = (timeline: Timeline, fromS: number, toS: number, beforeEach?: (s: number) => void) => {
  const target = look();
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
    const target = look();
    timeline.sampleInto(target, 0);
    for (const at of [frameSample(3), frameSample(7.5), frameSample(12.25)]) {
      const found = timeline.sampleInto(target, at);
      expect(found.fresh).toBe(true);
      expect(target[0]).toBeCloseTo(at / SAMPLE_RATE_HZ, 5);
      expect(target[FACE_NUMBERS - 1]).toBeCloseTo(at / SAMPLE_RATE_HZ, 5);
    }
  });

  test('interpolates over a missing frame', () => {
    const timeline = new Timeline();
    for (const k of [0, 1, 2, 4]) timeline.push({ frameIndex: k, face: pose(k) });
    const target = look();
    timeline.sampleInto(target, 0);
    timeline.sampleInto(target, frameSample(3));
    expect(target[0]).toBeCloseTo(3, 5);
  });

  test('is at rest before the first frame', () => {
    const rest = pose(0.2);
    const timeline = new Timeline(8, rest);
    const target = look();
    const found = timeline.sampleInto(target, 0);
    expect([found.fresh, found.presence, found.ageS]).toEqual([false, 0, Number.POSITIVE_INFINITY]);
    expect(target.subarray(0, FACE_NUMBERS)).toEqual(rest);
    expect(target[BODY_PRESENCE]).toBe(0);
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
    const target = look();
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
    const target = look();
    expect(timeline.sampleInto(target, 0).presence).toBe(0);
    expect(target[0]).toBeCloseTo(0.5, 5);
    expect(timeline.stats).toEqual({ frames: 0, lateFrames: 0, heldFrames: 0 });
    timeline.push({ frameIndex: 0, face: pose(0.7) });
    timeline.push({ frameIndex: 60, face: pose(0.7) });
    expect(play(timeline, 0, 1).at(-1)).toBeCloseTo(0.7, 3);
  });

  test('carries bodies: held where they were while late, their presence eases, and they glide back', () => {
    const timeline = new Timeline();
    for (let k = 0; k <= 30; k++) timeline.push({ frameIndex: k, face: pose(0), body: bodies(2) });
    const target = look();
    timeline.sampleInto(target, 0);
    for (let i = 1; i <= 90; i++) timeline.sampleInto(target, seconds(i / 90));
    expect(target[BODY_OFFSET]).toBe(2);
    expect(target[BODY_PRESENCE]).toBeCloseTo(1, 1);
    timeline.sampleInto(target, seconds(1.6));
    expect(target[BODY_OFFSET]).toBe(2);
    expect(target[BODY_PRESENCE]).toBeGreaterThan(0);
    expect(target[BODY_PRESENCE]).toBeLessThan(1);
    for (let k = 48; k <= 120; k++) timeline.push({ frameIndex: k, face: pose(0), body: bodies(3) });
    const seen: number[] = [];
    for (let i = 1; i <= 120; i++) {
      timeline.sampleInto(target, seconds(1.6 + i / 60));
      seen.push(target[BODY_OFFSET]!);
    }
    expect(largestStep([2, ...seen])).toBeLessThan(0.1);
    expect(seen.at(-1)).toBeCloseTo(3, 3);
    timeline.sampleInto(target, seconds(9));
    expect([target[BODY_OFFSET], target[BODY_PRESENCE]]).toEqual([3, 0]);
  });

  test('a frame without bodies leaves them where they were', () => {
    const timeline = new Timeline();
    timeline.push({ frameIndex: 0, face: pose(0), body: bodies(5) });
    for (let k = 1; k < 4; k++) timeline.push({ frameIndex: k, face: pose(0) });
    const target = look();
    timeline.sampleInto(target, 0);
    for (let i = 1; i <= 12; i++) timeline.sampleInto(target, frameSample(i / 4));
    expect(target[BODY_OFFSET]).toBe(5);
    expect(target[BODY_PRESENCE]).toBeLessThan(0.7);
  });
});

test('who is interrupted shuts the mouth within 0.1 s, keeps the smile, and opens it again for new words', () => {
  const timeline = new Timeline();
  for (let k = 0; k < 120; k++) timeline.push({ frameIndex: k, face: pose(0.8) });
  const target = look();
  const [jaw, smile, brow] = ['jawOpen', 'mouthSmileLeft', 'browInnerUp'].map((name) =>
    ARKIT_51.indexOf(name as 'jawOpen'),
  ) as [number, number, number];
  const other = FACE_NUMBERS / 2 + jaw;
  const at = (s: number) => {
    timeline.sampleInto(target, seconds(s));
    return target[jaw]!;
  };
  for (let s = 0; s < 1; s += 1 / 60) at(s);
  expect(at(1)).toBeCloseTo(0.8, 3);
  timeline.hush(0, seconds(1), seconds(1.3));
  expect(at(1.001)).toBeGreaterThan(0.7); // no snap
  expect(at(1.1)).toBeLessThan(0.05);
  expect([target[smile], target[brow], target[other]].map((v) => v!.toFixed(3))).toEqual([
    '0.800',
    '0.800',
    '0.800',
  ]);
  expect(at(1.29)).toBeLessThan(0.01);
  expect(at(1.375)).toBeCloseTo(0.4, 1);
  expect(at(1.5)).toBeCloseTo(0.8, 3);
});
