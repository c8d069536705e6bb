import { describe, expect, test } from 'vitest';
import { BodySchedule, effortFor } from '../../src/engine/model/scheduler.ts';

const LOOKAHEAD = 2;
const run = (steps: number, ticks: number, works: (tick: number) => boolean = () => true) => {
  const schedule = new BodySchedule(LOOKAHEAD, steps);
  return { schedule, shares: Array.from({ length: ticks }, (_, n) => schedule.next(n, works(n))) };
};

describe('body schedule', () => {
  test('four steps: one a tick, lower then upper, done before the first frame of the block is due', () => {
    const { shares, schedule } = run(4, 26);
    expect(shares.slice(0, 2)).toEqual([undefined, undefined]);
    expect(shares[2]).toEqual({ network: 'lower', block: 1, begins: true, from: 0, to: 1 });
    expect(shares[5]).toEqual({ network: 'lower', block: 1, begins: false, from: 3, to: 4 });
    expect(shares[6]).toEqual({ network: 'upper', block: 1, begins: true, from: 0, to: 1 });
    expect(shares[9]).toEqual({ network: 'upper', block: 1, begins: false, from: 3, to: 4 });
    expect(shares[10]).toMatchObject({ network: 'lower', block: 2, begins: true });
    // frame 8 comes with tick 10, one tick after its block is there
    expect(shares.every((share) => !share || share.to - share.from === 1)).toBe(true);
    expect(schedule.dropped).toBe(0);
  });

  for (const steps of [1, 2, 3, 4, 5, 6, 7, 8])
    test(`${steps} steps: each once and in order, a block begins and ends`, () => {
      const { shares } = run(steps, LOOKAHEAD + 80);
      const done = new Map<string, number[]>();
      for (const share of shares)
        if (share) {
          const of = done.get(`${share.network} ${share.block}`) ?? [];
          expect(share.begins).toBe(of.length === 0);
          for (let i = share.from; i < share.to; i++) of.push(i);
          done.set(`${share.network} ${share.block}`, of);
        }
      expect(done.size).toBe(20);
      for (const of of done.values()) expect(of).toEqual(Array.from({ length: steps }, (_, i) => i));
    });

  test('a block that misses a tick is dropped whole, and the next begins at its time', () => {
    const { shares, schedule } = run(4, 30, (tick) => tick !== 12);
    expect(shares.slice(10, 18).map((share) => share?.block)).toEqual([2, 2, ...Array(6).fill(undefined)]);
    expect(shares[18]).toMatchObject({ network: 'lower', block: 3, begins: true });
    expect(schedule.dropped).toBe(1);
  });

  test('ticks that were left out drop the block as well', () => {
    const schedule = new BodySchedule(LOOKAHEAD, 4);
    for (let n = 0; n < 5; n++) schedule.next(n, true);
    expect(schedule.next(40, true)).toBeUndefined();
    expect(schedule.dropped).toBe(1);
    expect(schedule.next(42, true)).toMatchObject({ block: 6, begins: true });
  });

  test('goes on from a saved state', () => {
    const { schedule } = run(4, 8);
    const other = new BodySchedule(LOOKAHEAD, 4);
    other.restore(schedule.save());
    expect(other.next(8, true)).toEqual(schedule.next(8, true));
  });
});

test('a backlog costs the body first, then the face', () => {
  expect([0, 6, 7, 10, 11, 60].map(effortFor)).toEqual(['all', 'all', 'frame', 'frame', 'listen', 'listen']);
});
