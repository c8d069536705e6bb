import { describe, expect, test } from 'vitest';
import { ARMS, reachInto } from '../../src/engine/body/arm.ts';
import { BodyMotion } from '../../src/engine/body/body.ts';
import { CLEAR_STATE, Clear } from '../../src/engine/body/clear.ts';
import { isOutside, JOINT_LIMITS, limitInto } from '../../src/engine/body/limits.ts';
import { REST_LOWER, REST_UPPER } from '../../src/engine/body/rest.ts';
import { rotateInto } from '../../src/engine/body/rotation.ts';
import { BODY_AT, EXP_AT, Figure, JOINT } from '../../src/engine/body/skeleton.ts';
import { BODY_NUMBERS, LOWER_JOINTS, PERSONS, UPPER_JOINTS } from '../../src/engine/motion.ts';
import { addLower, addUpper, bodiesOf, type Mover, rawBodiesOf } from '../bodies.ts';

type Point = readonly [x: number, y: number, z: number];

const figure = new Figure();
/** The bodies' measure (training/body_skeleton.py, hand_inside), written anew. */
const TRUNK = [
  [JOINT.hips, JOINT.chest, 0.125, 0.085],
  [JOINT.chest, JOINT.neck, 0.135, 0.095],
] as const;
const THIGHS = [
  [JOINT.leftUpperLeg, JOINT.leftLowerLeg],
  [JOINT.rightUpperLeg, JOINT.rightLowerLeg],
] as const;
const THIGH_M = 0.07;

const minus = (a: ArrayLike<number>, b: ArrayLike<number>) => [0, 1, 2].map((i) => a[i] - b[i]);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const jointAt = (j: number) => figure.positions.subarray(3 * j, 3 * j + 3);
const off = (point: ArrayLike<number>, from: number, to: number) => {
  const along = minus(jointAt(to), jointAt(from));
  const share = dot(minus(point, jointAt(from)), along) / dot(along, along);
  const held = Math.min(1, Math.max(0, share));
  return { share, way: minus(point, jointAt(from)).map((x, i) => x - held * along[i]) };
};

/** Whether wrist or palm of an arm are in the trunk or a thigh of the body frame at `body[at…]`. */
function isInside(body: Float64Array | Float32Array, at: number, arm: number): boolean {
  figure.pose(body, at);
  const { hand } = ARMS[arm];
  const palm = Float64Array.of(arm === 0 ? 0.085 : -0.085, 0, 0);
  rotateInto(palm, 0, figure.rotations, 4 * hand, palm, 0);
  const wrist = jointAt(hand);
  return [wrist, wrist.map((x, i) => x + palm[i])].some((point) => {
    const inTrunk = TRUNK.some(([from, to, wide, deep]) => {
      const { share, way } = off(point, from, to);
      const [x, , z] = turnedBack(way, from);
      return share > 0 && share < 1 && (x / wide) ** 2 + (z / deep) ** 2 < 1;
    });
    return inTrunk || THIGHS.some(([from, to]) => Math.hypot(...off(point, from, to).way) < THIGH_M);
  });
}

function turnedBack(v: ArrayLike<number>, joint: number): Float64Array {
  const [x, y, z, w] = figure.rotations.subarray(4 * joint);
  const out = Float64Array.from(v);
  rotateInto(out, 0, Float64Array.of(-x, -y, -z, w), 0, out, 0);
  return out;
}

const anyInside = (body: Float64Array | Float32Array, at = 0) =>
  isInside(body, at, 0) || isInside(body, at, 1);

/** A person at rest at the origin, standing or seated upright. */
function person(seated = false): Float64Array {
  const body = new Float64Array(BODY_NUMBERS);
  body[1] = REST_LOWER[3];
  body.set(REST_LOWER.subarray(4, 25), BODY_AT.lower);
  body.set(REST_UPPER, BODY_AT.upper);
  if (!seated) return body;
  body[1] = 0.48;
  for (const side of ['left', 'right'] as const) {
    body[EXP_AT[JOINT[`${side}UpperLeg`]]] = -1.5;
    body[EXP_AT[JOINT[`${side}LowerLeg`]]] = 1.5;
  }
  return body;
}

/** Where the left wrist is from the hips. */
function wristOf(body: Float64Array): number[] {
  figure.pose(body, 0);
  return minus(jointAt(JOINT.leftHand), jointAt(JOINT.hips));
}

/** A person whose left wrist is brought to a place from the hips. */
function reaching(place: Point, seated = false): Float64Array {
  const body = person(seated);
  for (let again = 0; again < 6; again++) {
    figure.pose(body, 0);
    reachInto(
      body,
      0,
      figure,
      0,
      Float64Array.from(place, (x, i) => x + figure.positions[i]),
    );
  }
  return body;
}

const cleared = (body: Float64Array) => {
  const out = body.slice();
  new Clear(new Float64Array(CLEAR_STATE)).apply(out, 0);
  return out;
};

describe('hands', () => {
  test.each<[string, Point, boolean]>([
    ['the belly', [0.05, 0.12, 0.04], false],
    ['the chest', [-0.02, 0.35, 0.05], false],
    ['the flank', [0.1, 0.15, 0], false],
    ['the belly of one who sits', [0.03, 0.15, 0.05], true],
    ['the thigh', [0.1, -0.03, 0.25], true],
    ['the thigh from the side', [0.14, -0.07, 0.2], true],
  ])('come out of %s', (_, place, seated) => {
    const before = reaching(place, seated);
    expect(isInside(before, 0, 0)).toBe(true);
    const after = cleared(before);
    expect(anyInside(after)).toBe(false);
    expect(isOutside(after, 0)).toBe(false);
    const [x, y, z] = minus(wristOf(after), wristOf(before));
    expect(Math.hypot(x, y, z)).toBeLessThan(0.16);
    if (seated && place[1] < 0) expect(y).toBeGreaterThan(0.02);
    else expect(Math.max(x, z)).toBeGreaterThan(0.02);
  });

  test('that lie on the lap stay there', () => {
    const before = reaching([0.1, 0.1, 0.2], true);
    for (let i = 0; i < 3; i++) before[EXP_AT[JOINT.leftHand] + i] = 0;
    const after = cleared(before);
    expect(anyInside(after)).toBe(false);
    expect(Math.hypot(...minus(wristOf(after), wristOf(before)))).toBeLessThan(0.05);
  });

  test('that hang hang on', () => {
    const rest = person();
    expect(cleared(rest)).toEqual(rest);
    const close = person();
    close[EXP_AT[JOINT.leftUpperArm] + 2] -= 0.12;
    expect(Math.hypot(...minus(wristOf(cleared(close)), wristOf(close)))).toBeLessThan(0.02);
  });

  test.each<[string, Point, Point, boolean]>([
    ['through the belly', [0.05, 0.15, 0.4], [0.02, 0.15, -0.05], false],
    ['across the belly', [0.35, 0.15, 0.05], [-0.2, 0.2, 0.05], false],
    ['down through a thigh', [0.1, 0.25, 0.25], [0.1, -0.12, 0.25], true],
    ['down between the legs', [0.02, 0.25, 0.25], [0.02, -0.15, 0.25], true],
    ['across both thighs', [0.35, -0.02, 0.25], [-0.15, -0.02, 0.25], true],
  ])('swept %s and back slide without a jump', (_, from, to, seated) => {
    const frames = 120;
    const clear = new Clear(new Float64Array(CLEAR_STATE));
    const way: number[][] = [];
    for (let k = 0; k <= 2 * frames; k++) {
      const share = (1 - Math.cos((Math.PI * k) / frames)) / 2;
      const [x, y, z] = from.map((start, i) => start + share * (to[i] - start));
      const body = reaching([x, y, z], seated);
      limitInto(body, 0);
      clear.apply(body, 0);
      expect(anyInside(body), `frame ${k}`).toBe(false);
      expect(isOutside(body, 0), `frame ${k}`).toBe(false);
      way.push(wristOf(body));
    }
    // Led by up to 7 mm a frame; in a talk hands move with a jerk of about 10 m/s³.
    const changes = (rows: number[][]) => rows.slice(1).map((row, k) => minus(row, rows[k]));
    const steps = changes(way);
    const jerks = changes(changes(steps)).map((row) => Math.hypot(...row) * 30 ** 3);
    expect(Math.max(...steps.map((row) => Math.hypot(...row)))).toBeLessThan(0.016);
    expect(Math.max(...jerks)).toBeLessThan(200);
    expect(jerks.reduce((sum, x) => sum + x) / jerks.length).toBeLessThan(10);
    // Never through the seat.
    if (seated) expect(Math.min(...way.map(([, y]) => y))).toBeGreaterThan(-0.03);
  });

  test('are never inside, whatever the pose', () => {
    let state = 1;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    const within = (share: number, name: string) => {
      const { x, y, z } = JOINT_LIMITS[name.replace(/^right/, 'left')];
      const s = name.startsWith('right') ? -1 : 1;
      return [x, y, z].map(([low, high], i) => (i > 0 ? s : 1) * share * (low + random() * (high - low)));
    };
    let inside = 0;
    for (let n = 0; n < 200; n++) {
      const body = person(n % 2 === 1);
      for (const name of UPPER_JOINTS)
        body.set(within(/Arm|Hand/.test(name) ? 0.95 : 0.5, name), EXP_AT[JOINT[name]]);
      for (const name of LOWER_JOINTS)
        within(0.3, name).forEach((x, i) => {
          body[EXP_AT[JOINT[name]] + i] += x;
        });
      if (anyInside(body)) inside++;
      const after = cleared(body);
      expect(anyInside(after), `pose ${n}`).toBe(false);
      expect(isOutside(after, 0)).toBe(isOutside(body, 0));
    }
    expect(inside).toBeGreaterThan(15);
  });
});

describe('bodies', () => {
  const fidget: Mover = (f, p, k) => {
    f.lower[3] = 0.48;
    for (const side of ['left', 'right'] as const) {
      const s = side === 'left' ? 1 : -1;
      addLower(f, `${side}UpperLeg`, -1.5, 0.1 * s);
      addLower(f, `${side}LowerLeg`, 1.6);
      addUpper(f, `${side}UpperArm`, 0, -0.5 * s, 0.2 * s * Math.sin(k / 11 + p));
      addUpper(f, `${side}LowerArm`, 0, -s * (0.7 + 0.5 * Math.sin(k / 7 + p)));
    }
  };

  test('keep their hands out, also after a saved state, bit for bit', () => {
    const row = PERSONS * BODY_NUMBERS;
    const whole = bodiesOf(fidget, 240, { preset: 'seated' });
    const raw = rawBodiesOf(fidget, 240, 'seated');
    let before = 0;
    for (let k = 0; k < 240; k++)
      for (let p = 0; p < PERSONS; p++) {
        if (anyInside(raw, k * row + p * BODY_NUMBERS)) before++;
        expect(anyInside(whole, k * row + p * BODY_NUMBERS), `frame ${k}`).toBe(false);
      }
    expect(before).toBeGreaterThan(30);
    const body = new BodyMotion('seated');
    bodiesOf(fidget, 133, { body });
    const state = JSON.parse(JSON.stringify(body.save()));
    const other = new BodyMotion();
    other.restore(state);
    expect(bodiesOf(fidget, 107, { body: other, from: 133 })).toEqual(whole.subarray(133 * row));
  });
});
