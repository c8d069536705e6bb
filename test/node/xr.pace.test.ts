import { describe, expect, test } from 'vitest';
import { SPARING_HZ, XrPace } from '../../src/engine/stage/xr-pace.ts';

const run = (pace: XrPace, seconds: number, pictureS: number) => {
  for (let s = 0; s < seconds; s += pictureS) pace.picture(pictureS);
  return pace.springsHz;
};

describe('pace of springs and faces in a headset', () => {
  test('stays at every picture while pictures come in time', () => {
    expect(run(new XrPace(72), 30, 1 / 72)).toBe(Number.POSITIVE_INFINITY);
  });

  test('goes down to 30 Hz while pictures are late, and comes back when they are not', () => {
    const pace = new XrPace(90);
    expect(run(pace, 5, 1 / 45)).toBe(SPARING_HZ);
    expect(run(pace, 10, 1 / 90)).toBe(Number.POSITIVE_INFINITY);
  });

  test('one late picture changes nothing', () => {
    const pace = new XrPace(72);
    run(pace, 5, 1 / 72);
    pace.picture(0.3);
    expect(run(pace, 5, 1 / 72)).toBe(Number.POSITIVE_INFINITY);
  });

  test('goes back more and more rarely where that was wrong', () => {
    const pace = new XrPace(72);
    let changes = 0;
    let last = pace.springsHz;
    // In time when sparing, late when not.
    for (let s = 0; s < 120; ) {
      const pictureS = pace.springsHz === SPARING_HZ ? 1 / 72 : 1 / 40;
      pace.picture(pictureS);
      s += pictureS;
      if (pace.springsHz !== last) changes++;
      last = pace.springsHz;
    }
    expect(changes).toBeGreaterThan(1);
    expect(changes).toBeLessThan(14);
  });
});
