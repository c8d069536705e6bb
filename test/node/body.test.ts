import { describe, expect, test } from 'vitest';
import { LEAST_DISTANCE_M } from '../../src/engine/body/apart.ts';
import { BodyMotion } from '../../src/engine/body/body.ts';
import { isOutside, softClamp } from '../../src/engine/body/limits.ts';
import { measureBodies } from '../../src/engine/body/measures.ts';
import { PLACEMENT_PRESETS, placementInto, placementOf } from '../../src/engine/body/placement.ts';
import { stepRoot } from '../../src/engine/body/root.ts';
import { expInto, multiplyInto, quaternionInto, rotateInto, yawOf } from '../../src/engine/body/rotation.ts';
import { BODY_AT, Figure, JOINT, type JOINTS } from '../../src/engine/body/skeleton.ts';
import { Calm, Steady } from '../../src/engine/body/smooth.ts';
import { BODY_NUMBERS, PERSONS } from '../../src/engine/motion.ts';
import {
  addLower,
  addUpper,
  blockOf,
  bodiesOf,
  largestStep,
  type Mover,
  rawBodiesOf,
  sway,
  walk,
} from '../bodies.ts';

const ROW = PERSONS * BODY_NUMBERS;
const rest: Mover = () => undefined;
const numberAt = (bodies: Float32Array, k: number, p: number, i: number) =>
  bodies[k * ROW + p * BODY_NUMBERS + i];
const rightForearm = BODY_AT.upper + 3 * 9;

describe('skeleton', () => {
  test('exp-maps and quaternions say the same', () => {
    const q = new Float64Array(4);
    for (const exp of [
      [0, 0, 0],
      [1e-9, 0, 2e-9],
      [0.3, -1.2, 0.5],
      [0, 3.1, 0],
    ]) {
      const back = new Float64Array(3);
      quaternionInto(q, 0, Float64Array.from(exp), 0);
      expInto(back, 0, q, 0);
      exp.forEach((value, i) => {
        expect(back[i]).toBeCloseTo(value, 9);
      });
    }
    // A quarter turn about +Y brings the person's left, +X, to −Z.
    quaternionInto(q, 0, Float64Array.of(0, Math.PI / 2, 0), 0);
    const left = Float64Array.of(1, 0, 0);
    rotateInto(left, 0, q, 0, left, 0);
    expect(left[2]).toBeCloseTo(-1);
    expect(yawOf(q, 0)).toBeCloseTo(Math.PI / 2);
    multiplyInto(q, 0, q, 0, q, 0);
    expect(Math.abs(yawOf(q, 0))).toBeCloseTo(Math.PI);
  });

  test('the reference person in T-pose: toes on the floor, arms spread, head on top', () => {
    const body = new Float64Array(BODY_NUMBERS);
    body[1] = 0.93;
    const figure = new Figure();
    figure.pose(body, 0);
    const at = (name: (typeof JOINTS)[number]) =>
      Array.from(figure.positions.subarray(3 * JOINT[name], 3 * JOINT[name] + 3));
    expect(at('leftToes')[1]).toBeCloseTo(0);
    expect(at('leftHand')[0]).toBeCloseTo(0.69);
    expect(at('rightHand')[0]).toBeCloseTo(-0.69);
    expect(at('head')[1]).toBeCloseTo(1.52);
  });

  test('a head turns from the chest to the partner and on by its own', () => {
    const bodies = new Float32Array(ROW);
    placementOf('l').forEach(({ x, z, yaw }, p) => {
      bodies.set([x, 0.93, z, yaw], p * BODY_NUMBERS);
    });
    const figure = new Figure();
    const headYaw = (own: number) => {
      bodies[BODY_AT.head + 1] = own;
      figure.pose(bodies, 0, BODY_NUMBERS);
      return yawOf(figure.rotations, 4 * JOINT.head);
    };
    expect(headYaw(0)).toBeCloseTo(Math.PI / 2);
    expect(headYaw(-0.2)).toBeCloseTo(Math.PI / 2 - 0.2);
  });
});

describe('placement', () => {
  test.each(PLACEMENT_PRESETS)('%s: each sees the other alike, in reach of a talk', (preset) => {
    const target = new Float32Array(12);
    const [a, b] = placementOf(preset);
    placementInto(target, a, b);
    const [x, z, distance, sin, cos, near] = target;
    expect(distance).toBeCloseTo(Math.hypot(b.x - a.x, b.z - a.z));
    expect(Math.hypot(x, z)).toBeCloseTo(distance);
    expect(near).toBeCloseTo(1 / distance);
    expect(Math.atan2(sin, cos)).toBeCloseTo(Math.atan2(Math.sin(b.yaw - a.yaw), Math.cos(b.yaw - a.yaw)));
    expect(target[6 + 1]).toBeCloseTo(z); // mirror images of each other
    expect(target[6]).toBeCloseTo(-x);
  });

  test('vis-à-vis the other stands 1.2 m straight ahead and looks back', () => {
    const body = new BodyMotion();
    const target = new Float32Array(12);
    body.placementInto(target);
    for (const [i, value] of [0, 1.2, 1.2, 0, -1, 1 / 1.2].entries())
      for (const p of [0, 6]) expect(target[p + i]).toBeCloseTo(value);
  });

  test('looks ahead to the end of the last block that both networks know', () => {
    const body = new BodyMotion();
    const back: Mover = (f) => {
      f.lower[1] = -0.01;
    };
    const target = new Float32Array(12);
    const distance = () => {
      body.placementInto(target);
      return target[2];
    };
    body.pushLower(blockOf(back, 8).lower, 8);
    expect(distance()).toBeCloseTo(1.2);
    body.pushUpper(blockOf(back, 8).upper, 8);
    expect(distance()).toBeCloseTo(1.2 + 2 * 8 * 0.01);
    body.pushLower(blockOf(back, 16).lower, 16);
    expect(distance()).toBeCloseTo(1.2 + 2 * 8 * 0.01);
  });

  test('a root turns first and then moves in its new frame', () => {
    const root = { x: 1, z: 2, yaw: 0 };
    stepRoot(root, 0.01, 0.1, 0.2);
    expect(root.yaw).toBeCloseTo(0.2);
    expect(root.x).toBeCloseTo(1 + 0.01 * Math.cos(0.2) + 0.1 * Math.sin(0.2));
    expect(root.z).toBeCloseTo(2 + 0.1 * Math.cos(0.2) - 0.01 * Math.sin(0.2));
    for (let k = 0; k < 400; k++) stepRoot(root, 0, 0.01, 0.1);
    expect(root.yaw).toBeCloseTo(40.2);
    expect(Math.hypot(root.x - 1, root.z - 2)).toBeLessThan(0.4);
  });
});

describe('feet', () => {
  const turns: Mover = (f, p, k) => {
    sway(f, p, k);
    f.lower[2] = k % 300 < 60 ? 0.02 : -0.005;
  };
  test.each([
    ['sway', sway, 300, 0.1],
    ['a walk', walk(0.8), 300, 6],
    ['turns on the spot', turns, 900, 1.5],
  ] as const)('slide less: %s', (_, mover, frames, mostCmS) => {
    const before = measureBodies(rawBodiesOf(mover, frames, 'side-by-side'));
    const done = bodiesOf(mover, frames, { preset: 'side-by-side' });
    const after = measureBodies(done);
    expect(before.footSlideCmS).toBeGreaterThan(5);
    expect(after.footSlideCmS).toBeLessThan(mostCmS);
    expect(after.footSlideCmS).toBeLessThan(before.footSlideCmS / 5);
    // No knee snaps: a brisk step bends it by 7 to 9 rad a second.
    for (const knee of [10, 19]) expect(largestStep(done, 0, knee)).toBeLessThan(0.3);
    expect(largestStep(done, 0, 1)).toBeLessThan(0.01);
  });

  test('walks on: a held foot lets go, and none goes through the floor', () => {
    const bodies = bodiesOf(walk(0.8), 240, { preset: 'side-by-side' });
    const figure = new Figure();
    let lowest = 1;
    let highest = 0;
    for (let k = 60; k < 240; k++) {
      figure.pose(bodies, k * ROW);
      lowest = Math.min(lowest, figure.positions[3 * JOINT.leftToes + 1]);
      highest = Math.max(highest, figure.positions[3 * JOINT.leftFoot + 1]);
    }
    expect(numberAt(bodies, 239, 0, 2)).toBeGreaterThan(5);
    expect(lowest).toBeGreaterThan(-0.002);
    expect(highest).toBeGreaterThan(0.12);
  });
});

describe('apart', () => {
  const reach: Mover = (f, p, k) => {
    if (p > 0 || k < 60) return;
    addUpper(f, 'rightUpperArm', 0, 1.4, -0.2 - 1.27);
    addUpper(f, 'rightLowerArm', -0.2, -0.5);
    f.lower[1] = k < 90 ? 0.02 : 0;
  };
  const lean: Mover = (f, _, k) => {
    addLower(f, 'hips', 0.5 * Math.min(1, k / 60));
    f.lower[1] = k < 100 ? 0.006 : 0;
  };
  test.each([
    ['a walk into each other', walk(1.3), 120],
    ['a creeping approach', ((f) => (f.lower[1] = 0.002)) as Mover, 900],
    ['a lean', lean, 300],
    ['a reach', reach, 300],
  ])('never closer than %s', (_, mover, frames) => {
    expect(measureBodies(rawBodiesOf(mover, frames)).leastDistanceM).toBeLessThan(LEAST_DISTANCE_M);
    const done = bodiesOf(mover, frames);
    expect(measureBodies(done).leastDistanceM).toBeGreaterThan(LEAST_DISTANCE_M - 0.003);
    for (const p of [0, 1]) for (const i of [0, 2]) expect(largestStep(done, p, i)).toBeLessThan(0.05);
  });

  test('neither drift apart, nor away together, nor turn away, in five minutes', () => {
    const drift = (dx: number, dz: number, dyaw: number): Mover => {
      return (f, p, k) => {
        sway(f, p, k);
        f.lower[0] += p === 0 ? dx : -dx;
        f.lower[1] += dz;
        f.lower[2] += dyaw;
      };
    };
    for (const mover of [drift(0, -0.001, 0), drift(0.001, 0, 0), drift(0, 0, 0.001), drift(0, 0, 0)]) {
      const frames = 9000;
      const bodies = bodiesOf(mover, frames);
      const last = (p: number, i: number) => numberAt(bodies, frames - 1, p, i);
      const distance = Math.hypot(last(1, 0) - last(0, 0), last(1, 2) - last(0, 2));
      expect(distance).toBeGreaterThan(0.9);
      expect(distance).toBeLessThan(1.9);
      expect(Math.hypot(last(0, 0) + last(1, 0), last(0, 2) + last(1, 2)) / 2).toBeLessThan(0.8);
      for (const p of [0, 1]) {
        const toPartner = Math.atan2(last(1 - p, 0) - last(p, 0), last(1 - p, 2) - last(p, 2));
        expect(Math.cos(last(p, 3) - toPartner)).toBeGreaterThan(Math.cos(0.75));
      }
    }
  }, 60_000);
});

describe('limits', () => {
  test('leave the inside alone and end at the range', () => {
    expect(softClamp(0.3, -1, 1)).toBe(0.3);
    expect(softClamp(0.95, -1, 1)).toBeGreaterThan(0.9);
    expect(softClamp(50, -1, 1)).toBeLessThanOrEqual(1);
    expect(softClamp(-50, -1, 1)).toBeGreaterThanOrEqual(-1);
    expect(softClamp(1.1, -1, 1)).toBeLessThan(softClamp(1.2, -1, 1));
  });

  test('bring wild joints back', () => {
    const wild: Mover = (f, p, k) => {
      for (let i = 4; i < 25; i++) f.lower[i] += 1.2 * Math.sin(i * 77.7 + k / 9 + p);
      for (let i = 0; i < 47; i++) f.upper[i] += 2 * Math.sin(i * 77.7 + k / 9 + p);
    };
    expect(measureBodies(rawBodiesOf(wild, 240)).outsideShare).toBe(1);
    const { outsideShare, nonFinite } = measureBodies(bodiesOf(wild, 240));
    expect(outsideShare).toBe(0);
    expect(nonFinite).toBe(0);
    expect(isOutside(bodiesOf(rest, 1), 0)).toBe(false);
  });
});

describe('smoothing', () => {
  test('takes the jump out of the edges of blocks', () => {
    const jumps: Mover = (f, _, k) => addUpper(f, 'rightLowerArm', 0, Math.floor(k / 8) % 2 ? 0.4 : 0);
    expect(largestStep(rawBodiesOf(jumps, 120), 0, rightForearm + 1)).toBeCloseTo(0.4);
    expect(largestStep(bodiesOf(jumps, 120), 0, rightForearm + 1)).toBeLessThan(0.14);
  });

  test('sits down in its own time, whatever leaps inside a block', () => {
    const leaps: Mover = (f, _, k) => {
      if (k < 30 || k === 33 || k === 41) return;
      f.lower[3] = 0.48;
      for (const side of ['left', 'right'] as const) {
        addLower(f, `${side}UpperLeg`, -1.5);
        addLower(f, `${side}LowerLeg`, 1.6);
      }
    };
    const bodies = bodiesOf(leaps, 120);
    expect(largestStep(rawBodiesOf(leaps, 120), 0, 1)).toBeGreaterThan(0.4);
    expect(largestStep(bodies, 0, 1)).toBeLessThan(0.05); // 1.5 m/s
    expect(numberAt(bodies, 110, 0, 1)).toBeCloseTo(0.48, 2);
  });

  test('who sits does not glide along the floor, who stands up does', () => {
    const slide: Mover = (f, p, k) => {
      if (p === 0 && k >= 8) f.lower[1] = -0.01;
      if (k >= 8 && k < 160) f.lower[3] = 0.48;
    };
    const bodies = bodiesOf(slide, 300);
    const x = (k: number) => numberAt(bodies, k, 0, 0);
    expect(Math.abs(x(150) - x(60))).toBeLessThan(0.02);
    expect(Math.abs(x(240) - x(180))).toBeGreaterThan(0.05);
  });

  test('does not hold up what goes on over an edge', () => {
    const swing = (k: number) => 0.6 * Math.sin((2 * Math.PI * k) / 30);
    const bodies = bodiesOf((f, _, k) => addUpper(f, 'rightLowerArm', 0, 0.5 + swing(k)), 120);
    let most = 0;
    for (let k = 30; k < 120; k++)
      most = Math.max(most, Math.abs(numberAt(bodies, k, 0, rightForearm + 1) - 1 - swing(k)));
    expect(most).toBeLessThan(0.14); // a frame's way, 33 ms
  });

  /** Amplitude of a filtered sine of a few cycles a second. */
  const kept = (hz: number, amplitude: number, calm: Calm | Steady = new Calm(1, new Float64Array(2))) => {
    let largest = 0;
    for (let k = 0; k < 150; k++) {
      const value = Float64Array.of(amplitude * Math.sin((2 * Math.PI * hz * k) / 30));
      calm.apply(value, 0);
      if (k > 60) largest = Math.max(largest, Math.abs(value[0]));
    }
    return largest / amplitude;
  };
  test('steadies heads that tremble, and lets them nod', () => {
    const steady = (hz: number) => kept(hz, 0.1, new Steady(1, new Float64Array(2)));
    expect(steady(2.5)).toBeGreaterThan(0.9);
    expect(steady(1)).toBeCloseTo(1, 1);
    expect(steady(8)).toBeLessThan(0.25);
    expect(steady(12)).toBeLessThan(0.08);
  });

  test('calms jitter of hands, keeps strokes', () => {
    expect(kept(12, 0.006)).toBeLessThan(0.5);
    expect(kept(9, 0.006)).toBeLessThan(0.55);
    expect(kept(2.5, 0.12)).toBeGreaterThan(0.9);
    expect(kept(1.5, 0.5)).toBeGreaterThan(0.95);
  });
});

describe('body', () => {
  const busy: Mover = (f, p, k) => {
    sway(f, p, k);
    addUpper(f, 'rightUpperArm', 0.3 * Math.sin(k / 10), 0, 0.4);
    addUpper(f, 'spine', 0.1 * Math.sin(k / 17 + p));
  };

  test('holds a late block, eases to rest, takes up the next without a jump, and counts', () => {
    const body = new BodyMotion();
    const lost = (block: number) => block >= 10 && block < 20;
    const bodies = bodiesOf(busy, 300, { body, lost });
    expect(body.stats).toEqual({ heldFrames: 80, nonFinite: 0 });
    for (let i = 0; i < BODY_NUMBERS; i++)
      expect(largestStep(bodies, 0, i, 70, 200), `number ${i}`).toBeLessThan(0.16);
    const raised = (k: number) => numberAt(bodies, k, 0, BODY_AT.upper + 3 * 8 + 2);
    const own = raised(79);
    expect(raised(84)).toBeCloseTo(own, 1);
    expect(raised(155)).toBeCloseTo(numberAt(bodies, 0, 0, BODY_AT.upper + 3 * 8 + 2), 2);
  });

  test('survives whatever comes in', () => {
    const broken = [Number.NaN, Number.POSITIVE_INFINITY, -1e30, 3];
    for (const value of broken) {
      const body = new BodyMotion();
      const bad: Mover = (f, p, k) => {
        busy(f, p, k);
        if (k >= 80 && k < 100)
          for (const part of [f.lower, f.upper]) part.fill(value, 0, part.length - k + 79);
      };
      const head = (_: number, k: number) => [k === 50 ? value : 0, k === 51 ? value : 0, 0] as const;
      const bodies = bodiesOf(bad, 240, { body, head });
      const { nonFinite, outsideShare, leastDistanceM } = measureBodies(bodies);
      expect([nonFinite, outsideShare]).toEqual([0, 0]);
      // Torsos that whirl by seven radians a second may come nearer for a frame.
      expect(leastDistanceM).toBeGreaterThan(value === 3 ? 0.3 : LEAST_DISTANCE_M - 0.01);
      if (value !== 3) expect(body.stats.nonFinite).toBeGreaterThan(100);
      if (value !== 3) expect(body.stats.heldFrames).toBe(20);
      expect(bodies.every((number) => Math.abs(number) < 20)).toBe(true);
    }
  });

  test('goes on from a saved state bit for bit, also as JSON', () => {
    const whole = bodiesOf(busy, 200);
    const body = new BodyMotion();
    bodiesOf(busy, 101, { body });
    const state = JSON.parse(JSON.stringify(body.save()));
    const other = new BodyMotion('l');
    bodiesOf(walk(), 50, { body: other });
    other.restore(state);
    expect(bodiesOf(busy, 99, { body: other, from: 101 })).toEqual(whole.subarray(101 * ROW));
    body.reset();
    expect(bodiesOf(busy, 200, { body })).toEqual(whole);
  });

  test('keeps its roots where frames are left out', () => {
    const body = new BodyMotion();
    const forward: Mover = (f, p) => {
      f.lower[0] = p === 0 ? 0.004 : -0.004;
    };
    const whole = bodiesOf(forward, 32);
    const out = new Float32Array(ROW);
    for (let k = 8; k < 32; k += 8) body.pushLower(blockOf(forward, k).lower, k);
    body.frameInto(out, 31, new Float32Array(6));
    expect(out[0]).toBeCloseTo(whole[31 * ROW], 6);
    expect(out[2]).toBeCloseTo(whole[31 * ROW + 2], 6);
  });
});
