import { afterEach, expect, test, vi } from 'vitest';
import { ByteCount, sumProgress } from '../../src/workers/progress.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** A count whose every report is heard, and what it reported. */
function heardCount() {
  const heard: [number, number][] = [];
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 100;
    return now;
  });
  return { heard, count: new ByteCount((...report) => heard.push(report)) };
}

test('what is fetched again counts when it is more than before, and what fails counts no further', () => {
  const { heard, count } = heardCount();
  count.expect([
    ['a', 100],
    ['b', undefined],
  ]);
  count.count('a', 60);
  count.announce('b', 50);
  count.count('a', 20);
  count.count('b', 70);
  count.finish('a');
  expect(heard).toEqual([
    [0, 100],
    [60, 100],
    [60, 150], // only now it is known how large b is
    [60, 150],
    [110, 150],
    [110, 110],
  ]);
});

test('progress of several places adds up once all know their totals', () => {
  const heard: [number, number][] = [];
  const { parts, finish } = sumProgress(2, (...report) => heard.push(report));
  parts[0](1, 10);
  expect(heard).toEqual([]);
  parts[1](0, 5);
  parts[0](10, 10);
  parts[1](3, 5);
  finish();
  finish();
  expect(heard).toEqual([
    [0, 15],
    [1, 15],
    [10, 15],
    [13, 15],
    [15, 15],
  ]);
});

test('a file of which nobody tells the size adds what has come of it', () => {
  const { heard, count } = heardCount();
  count.expect([
    ['a', 100],
    ['b', undefined],
  ]);
  count.count('b', 7);
  count.count('b', 9);
  count.finish('b', 12);
  count.finish('a', 100);
  expect(heard).toEqual([
    [0, 100],
    [7, 107],
    [9, 109],
    [12, 112],
    [112, 112],
  ]);
});
