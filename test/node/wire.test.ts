import { expect, test } from 'vitest';
import { BODY_NUMBERS, FRAME_RATE_HZ, HAND_NUMBERS, PERSONS } from '../../src/engine/motion.ts';
import {
  decodeMessage,
  encodeFrame,
  encodeLevels,
  encodePing,
  encodePong,
  WIRE_ERROR,
  WIRE_FRAME_BYTES,
  type WireFrame,
} from '../../src/engine/wire.ts';
import { dice } from '../sound.ts';

const HANDS_AT = BODY_NUMBERS - 3 - 2 * HAND_NUMBERS;

/** What a number of a body is: how far it reaches, and by how much it may be off. */
function kindOf(i: number): { reach: number; error: number } {
  if (i < 3) return { reach: 30, error: WIRE_ERROR.rootM };
  if (i === 3) return { reach: 30, error: WIRE_ERROR.yaw };
  if (i >= HANDS_AT && i < HANDS_AT + 2 * HAND_NUMBERS) return { reach: 1, error: WIRE_ERROR.hand };
  return { reach: Math.PI, error: WIRE_ERROR.angle };
}

function randomFrame(next: (below: number) => number, bodies: boolean): WireFrame {
  const unit = () => next(2 ** 24) / (2 ** 24 - 1);
  return {
    conversation: next(2 ** 32),
    sequence: next(2 ** 32),
    frameIndex: next(2 ** 32),
    timeS: next(2 ** 32) / 16_000,
    voicing: [unit(), unit()],
    turn: [unit(), unit()],
    face: Float32Array.from({ length: 102 }, unit),
    body: bodies
      ? Float32Array.from(
          { length: PERSONS * BODY_NUMBERS },
          (_, i) => (2 * unit() - 1) * kindOf(i % BODY_NUMBERS).reach,
        )
      : undefined,
  };
}

const decodedFrame = (bytes: Uint8Array) => {
  const message = decodeMessage(bytes);
  if (message?.kind !== 'frame') throw new Error(`not a frame: ${message?.kind}`);
  return message.frame;
};

const off = (a: Float32Array, b: Float32Array) => a.map((v, i) => Math.abs(v - b[i]!));

test('frames come back within the stated errors, and in the stated size', () => {
  const next = dice(1);
  const slack = 4e-6; // of f32, at 30 m
  for (let round = 0; round < 300; round++) {
    const frame = randomFrame(next, round % 3 > 0);
    const bytes = encodeFrame(frame);
    expect(bytes.length).toBe(frame.body ? WIRE_FRAME_BYTES.full : WIRE_FRAME_BYTES.face);
    const back = decodedFrame(bytes);
    const { conversation, sequence, frameIndex } = frame;
    expect(back).toMatchObject({ conversation, sequence, frameIndex });
    expect(back.timeS).toBe(frame.timeS);
    expect(Math.max(...off(back.face, frame.face))).toBeLessThanOrEqual(WIRE_ERROR.weight + slack);
    for (const name of ['voicing', 'turn'] as const)
      for (const p of [0, 1] as const)
        expect(Math.abs(back[name][p] - frame[name][p])).toBeLessThanOrEqual(0.5 / 255 + slack);
    expect(back.body === undefined).toBe(frame.body === undefined);
    if (!frame.body) continue;
    const worst = off(back.body!, frame.body).map((o, i) => o / (kindOf(i % BODY_NUMBERS).error + slack));
    expect(Math.max(...worst)).toBeLessThanOrEqual(1);
  }
});

test('the promises of the format: 90 kbit/s, 0.1°, 1 mm, half a 255th', () => {
  expect(WIRE_FRAME_BYTES.full).toBeLessThanOrEqual(350);
  expect((WIRE_FRAME_BYTES.full * 8 * FRAME_RATE_HZ) / 1000).toBeLessThanOrEqual(90);
  // the rotation between two exp-maps is never more than their distance
  expect((Math.sqrt(3) * WIRE_ERROR.angle * 180) / Math.PI).toBeLessThanOrEqual(0.1);
  expect((WIRE_ERROR.yaw * 180) / Math.PI).toBeLessThanOrEqual(0.1);
  expect(WIRE_ERROR.rootM).toBeLessThanOrEqual(1e-3);
  expect(WIRE_ERROR.weight).toBeLessThanOrEqual(1 / 255 / 2);
});

test('what was rounded once is not rounded again: rest stays rest, full stays full', () => {
  const next = dice(2);
  for (let round = 0; round < 100; round++) {
    const once = decodedFrame(encodeFrame(randomFrame(next, true)));
    const twice = decodedFrame(encodeFrame(once));
    expect(twice).toEqual(once);
  }
  const rest = { ...randomFrame(next, true), face: new Float32Array(102), body: new Float32Array(150) };
  expect(Math.max(...decodedFrame(encodeFrame(rest)).face)).toBe(0);
  expect(decodedFrame(encodeFrame(rest)).body!.every((v) => v === 0)).toBe(true);
  const full = { ...rest, face: new Float32Array(102).fill(1) };
  expect(Math.min(...decodedFrame(encodeFrame(full)).face)).toBe(1);
});

test('what is out of range is clamped, and what is no number is 0', () => {
  const frame = randomFrame(dice(3), true);
  frame.face.set([7, -7, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  frame.body!.set([1000, -1000, Number.NaN, Number.NaN, 9, -9]);
  const back = decodedFrame(encodeFrame(frame));
  expect([...back.face.subarray(0, 5)]).toEqual([1, 0, 0, 1, 0]);
  const [x, y, z, yaw, a, b] = back.body!;
  expect([x, y, z, yaw].map((v) => Math.round(v! * 1000))).toEqual([32_767, -32_767, 0, 0]);
  expect(a).toBeCloseTo(Math.PI, 6);
  expect(b).toBeCloseTo(-Math.PI, 6);
});

test('levels, pings and pongs come back', () => {
  const levels = Array.from({ length: 40 }, (_, i) => -100 + 3 * i);
  const message = decodeMessage(encodeLevels({ timeS: 12.5, periodS: 256 / 44_100, levels }));
  if (message?.kind !== 'levels') throw new Error('not levels');
  expect(message.levels.timeS).toBe(12.5);
  expect(message.levels.periodS).toBeCloseTo(256 / 44_100, 6);
  message.levels.levels.forEach((level, i) => {
    expect(Math.abs(level - Math.min(0, Math.max(-90, levels[i]!)))).toBeLessThan(0.18);
  });
  expect(decodeMessage(encodePing(3.25))).toEqual({ kind: 'ping', sentS: 3.25 });
  expect(decodeMessage(encodePong(3.25, 1e6))).toEqual({ kind: 'pong', sentS: 3.25, answeredS: 1e6 });
});

test('whatever else arrives is refused without a throw: cut, flipped, glued, made up, of another version', () => {
  const next = dice(4);
  const messages = [
    encodeFrame(randomFrame(next, true)),
    encodeFrame(randomFrame(next, false)),
    encodeLevels({ timeS: 1, periodS: 0.005, levels: [-3, -50] }),
    encodePing(1),
    encodePong(1, 2),
  ];
  for (const bytes of messages) {
    for (let length = 0; length < bytes.length; length++)
      expect(decodeMessage(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeMessage(Uint8Array.from([...bytes, 0]))).toBeUndefined();
    for (let round = 0; round < 200; round++) {
      const flipped = bytes.slice();
      flipped[next(bytes.length)]! ^= 1 << next(8);
      expect(decodeMessage(flipped)).toBeUndefined();
    }
    // a view into a larger buffer is read where it stands
    const framed = Uint8Array.from([1, 2, 3, ...bytes, 4]);
    expect(decodeMessage(framed.subarray(3, 3 + bytes.length))).toEqual(decodeMessage(bytes));
  }
  for (let round = 0; round < 2000; round++) {
    const garbage = Uint8Array.from({ length: next(400) }, () => next(256));
    if (garbage.length > 1 && round % 2) garbage.set([0xd7, 0x10 | next(16)]);
    expect(decodeMessage(garbage)).toBeUndefined();
  }
});

test('a frame that cannot be sent is a bug with a name', () => {
  const frame = randomFrame(dice(5), true);
  expect(() => encodeFrame({ ...frame, face: new Float32Array(51) })).toThrow('face has 51 numbers');
  expect(() => encodeFrame({ ...frame, body: new Float32Array(75) })).toThrow('body has 75 numbers');
  expect(() => encodeFrame({ ...frame, timeS: -1 })).toThrow('a time of -1 s');
});
