import { describe, expect, test } from 'vitest';
import { Pace } from '../../src/engine/stage/pace.ts';

/** A display and a GPU: draws for some seconds with pictures that take `drawMs` at full size; returns pictures a second. */
const makeDisplay = (pace: Pace, hz = 60) => {
  let nowMs = 0;
  let doneMs = 0;
  return (seconds: number, drawMs: number) => {
    let pictures = 0;
    for (let frame = 0; frame < seconds * hz; frame++) {
      nowMs += 1000 / hz;
      if (pace.drawing) pace.poll(nowMs, nowMs >= doneMs);
      if (!pace.ready(nowMs)) continue;
      pictures++;
      pace.begin(nowMs);
      doneMs = nowMs + drawMs * pace.scale ** 2;
    }
    return pictures / seconds;
  };
};

describe('pace', () => {
  test('draws every time in full on a fast GPU', () => {
    for (const hz of [30, 60, 120]) {
      const pace = new Pace();
      expect(makeDisplay(pace, hz)(10, 3)).toBeCloseTo(hz, 0);
      expect(pace.scale).toBe(1);
    }
  });

  test('draws fewer and smaller pictures on a slow one, and leaves time for others', () => {
    const pace = new Pace();
    const perSecond = makeDisplay(pace)(20, 120);
    expect(pace.scale).toBeCloseTo(0.62, 2);
    expect(perSecond).toBeGreaterThan(5);
    expect(perSecond * 120 * pace.scale ** 2).toBeLessThan(720);
  });

  test('grows again when the load is gone', () => {
    const pace = new Pace(true);
    expect(pace.scale).toBeLessThan(1);
    const draw = makeDisplay(pace);
    draw(1, 100);
    draw(120, 3);
    expect(pace.scale).toBe(1);
  });
});
