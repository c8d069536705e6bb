import { afterEach, expect, test, vi } from 'vitest';
import type { Conditions } from '../../src/engine/backend/backend.ts';
import { relationshipOf, withPerson } from '../../src/engine/person.ts';
import { type DuologueEvents, Emitter } from '../../src/events.ts';
import { FrameIterator } from '../../src/frames.ts';
import { Speech } from '../../src/speech.ts';
import type { ArrivedFrame } from '../../src/workers/motion.player.ts';

afterEach(() => vi.unstubAllGlobals());

const frame = (frameIndex: number, turn: [number, number] = [0, 0]): ArrivedFrame => ({
  frameIndex,
  face: new Float32Array(),
  body: undefined,
  contextTimeS: frameIndex / 30,
  tickMs: 1,
  voicing: [0, 0],
  turn,
});

test('a listener that throws harms no other and is reported', () => {
  const reported: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
  const events = new Emitter<{ a: number }>();
  const heard: number[] = [];
  const failure = new Error('no');
  events.on('a', () => {
    throw failure;
  });
  const listener = (value: number) => void heard.push(value);
  const stop = events.on('a', listener);
  events.on('a', listener);
  events.emit('a', 1);
  expect(heard).toEqual([1, 1]);
  expect(reported).toEqual([failure]);
  stop();
  events.emit('a', 2);
  expect(heard).toEqual([1, 1, 2]);
  events.clear();
  events.emit('a', 3);
  expect(heard).toHaveLength(3);
});

test('frames come in order, the oldest are dropped and counted, and the end settles whoever waits', async () => {
  const ended: FrameIterator[] = [];
  const frames = new FrameIterator((iterator) => ended.push(iterator), 3);
  const early = frames.next();
  for (let i = 0; i < 6; i++) frames.push(frame(i));
  expect((await early).value?.frameIndex).toBe(0);
  expect(frames.dropped).toBe(2);
  const seen: number[] = [];
  for await (const { frameIndex } of frames) {
    seen.push(frameIndex);
    if (frameIndex === 5) break;
  }
  expect(seen).toEqual([3, 4, 5]);
  expect(ended).toEqual([frames]);
  frames.push(frame(9));
  expect(await frames.next()).toEqual({ done: true, value: undefined });

  const waiting = new FrameIterator(() => undefined);
  const both = [waiting.next(), waiting.next()];
  waiting.end();
  expect((await Promise.all(both)).map(({ done }) => done)).toEqual([true, true]);
});

test('speech begins and ends once, turns go to who speaks alone, another conversation begins anew', () => {
  const told: string[] = [];
  const events = new Emitter<DuologueEvents>();
  for (const name of ['speechstart', 'speechend', 'turn'] as const)
    events.on(name, ({ person, contextTimeS }) => told.push(`${name} ${person} ${contextTimeS.toFixed(2)}`));
  const speech = new Speech(events);
  const take = (index: number, speaking: [boolean, boolean], turn: [number, number]) =>
    speech.take(frame(index, turn), (person) => speaking[person]);
  take(0, [false, false], [0, 0]);
  take(30, [true, false], [0.9, 0]);
  take(31, [true, false], [0.9, 0]);
  take(40, [true, true], [0.9, 0.9]); // overlap: the turn stays
  take(60, [false, true], [0.1, 0.9]);
  take(90, [false, false], [0, 0]); // silence: the turn stays
  take(120, [false, true], [0, 0.9]);
  speech.clear();
  take(0, [false, true], [0, 0.9]);
  expect(told).toEqual([
    'speechstart 0 1.00',
    'turn 0 1.00',
    'speechstart 1 1.33',
    'speechend 0 1.67',
    'turn 1 2.00',
    'speechend 1 2.67',
    'speechstart 1 4.00',
    'speechend 1 4.00',
    'speechstart 1 0.00',
    'turn 1 0.00',
  ]);
});

const conditions: Conditions = { style: [0, 1], facing: [1, 1], emotion: [0, 0], relationship: 0 };

test('conditions take names and indices, of one person only', () => {
  expect(withPerson(conditions, 1, { emotion: 'positive', action: 'sit', facing: false })).toEqual({
    style: [0, 1],
    facing: [1, 0],
    emotion: [0, 5],
    action: [0, 2],
    relationship: 0,
  });
  expect(withPerson(conditions, 0, { emotion: 5, style: 3 })).toMatchObject({
    style: [3, 1],
    emotion: [5, 0],
  });
  expect([relationshipOf('friends'), relationshipOf(5)]).toEqual([2, 5]);
});

test.each<[object, RegExp]>([
  [{ emotion: 'joy' }, /emotion is "joy", expected one of neutral, surprise/],
  [{ emotion: 7 }, /emotion is 7, expected a whole number from 0 to 6/],
  [{ action: 'fly' }, /action is "fly", expected one of stand, walk, sit/],
  [{ style: Number.NaN }, /style is NaN/],
  [{ style: 4 }, /style is 4, expected a whole number from 0 to 3/],
  [{ facing: 'away' }, /facing is NaN/],
])('%o is no condition', (changes, message) => {
  expect(() => withPerson(conditions, 0, changes)).toThrow(
    expect.objectContaining({
      name: 'EngineError',
      kind: 'unsupported',
      message: expect.stringMatching(message),
    }),
  );
});

test('strangers have no relationship', () => {
  expect(() => relationshipOf('strangers' as 'none')).toThrow(
    /relationship is "strangers", expected one of none/,
  );
});
