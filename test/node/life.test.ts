import { describe, expect, test } from 'vitest';
import { FACE_CHANNELS } from '../../src/engine/motion.ts';
import { Life, type LifePose, type Surroundings } from '../../src/engine/stage/life.ts';
import { CHANNEL } from '../../src/engine/stage/synthesis.ts';

const PICTURES_HZ = 60;
const DEGREE = Math.PI / 180;
const PARTNER = { yawRad: 45 * DEGREE, pitchRad: -2 * DEGREE };

type Moment = LifePose & { timeS: number; blink: number };
const HEAD = { share: 0, yawRad: 0.5, pitchRad: -0.1, rollRad: 0.05 };
type Scene = {
  head?: typeof HEAD;
  seed?: number;
  seconds: number;
  moving?: boolean;
  partnerActivity?: (timeS: number) => number;
  face?: (face: Float32Array, timeS: number) => void;
};

/** Lives for some seconds and writes down every picture. */
const live = ({ seed = 1, seconds, moving = false, partnerActivity = () => 0, face: paint, head }: Scene) => {
  const life = new Life(seed);
  const face = new Float32Array(FACE_CHANNELS);
  const moments: Moment[] = [];
  for (let i = 0; i < seconds * PICTURES_HZ; i++) {
    const timeS = i / PICTURES_HZ;
    face.fill(0);
    paint?.(face, timeS);
    const around: Surroundings = {
      partner: PARTNER,
      camera: { yawRad: -20 * DEGREE, pitchRad: 0 },
      partnerDistanceM: 1.2,
      partnerActivity: partnerActivity(timeS),
      moving,
      ...(head && { head }),
    };
    life.update(1 / PICTURES_HZ, face, 0, around);
    moments.push({ ...life.pose, timeS, blink: face[CHANNEL.eyeBlinkLeft]! });
  }
  return moments;
};

/** Syllables: five a second, in phrases of two seconds with pauses of half a second. */
const talk = (timeS: number) => (timeS % 2.5 < 2 ? 0.25 * (1 - Math.cos(2 * Math.PI * 4.7 * timeS)) : 0);
const speak = (face: Float32Array, timeS: number) => {
  face[CHANNEL.jawOpen] = talk(timeS);
};

/** The times at which a signal rises over a half. */
const rises = (moments: Moment[], of: (moment: Moment) => number, over = 0.5) =>
  moments.filter((m, i) => i > 0 && of(m) > over && of(moments[i - 1]!) <= over).map((m) => m.timeS);
const intervals = (times: number[]) => times.slice(1).map((time, i) => time - times[i]!);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variation = (values: number[]) =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2))) / mean(values);
const atPartner = (m: Moment) =>
  Math.abs(m.headYawRad + m.eyeYawRad - PARTNER.yawRad) < 4 * DEGREE &&
  Math.abs(m.headPitchRad + m.eyePitchRad - PARTNER.pitchRad) < 5 * DEGREE;
const share = (moments: Moment[], is: (moment: Moment) => boolean) =>
  moments.filter(is).length / moments.length;

describe('life', () => {
  test('is the same for the same seed and different for another', () => {
    const a = live({ seconds: 20, face: speak });
    expect(live({ seconds: 20, face: speak })).toEqual(a);
    const b = live({ seed: 7920, seconds: 20, face: speak });
    expect(b.map((m) => m.headYawRad)).not.toEqual(a.map((m) => m.headYawRad));
    const [ours, theirs] = [a, b].map((m) => rises(m, ({ blink }) => blink));
    expect(ours!.filter((time) => theirs!.some((other) => Math.abs(time - other) < 0.1)).length).toBeLessThan(
      3,
    );
  });

  test('blinks as people do, and not like a metronome', () => {
    const blinks = rises(live({ seconds: 300 }), ({ blink }) => blink);
    const perMinute = blinks.length / 5;
    expect(perMinute).toBeGreaterThan(15);
    expect(perMinute).toBeLessThan(36);
    expect(variation(intervals(blinks))).toBeGreaterThan(0.3);
  });

  test('leaves blinking to the motion while the motion blinks', () => {
    const blinks = (every: number) =>
      rises(
        live({
          seconds: 120,
          moving: true,
          face: (face, timeS) => {
            const lid = timeS % every < 0.2 ? 1 : 0;
            face[CHANNEL.eyeBlinkLeft] = lid;
            face[CHANNEL.eyeBlinkRight] = lid;
          },
        }),
        ({ blink }) => blink,
      ).length;
    expect(blinks(2.5)).toBeLessThan(48 + 12);
    expect(blinks(1e9)).toBeGreaterThan(8);
  });

  test('looks at the partner more while listening than while speaking', () => {
    const listening = share(live({ seconds: 400, partnerActivity: () => 0.4 }), atPartner);
    const speaking = share(live({ seconds: 400, face: speak }), atPartner);
    expect(listening).toBeGreaterThan(0.62);
    expect(listening).toBeLessThan(0.88);
    expect(speaking).toBeGreaterThan(0.3);
    expect(speaking).toBeLessThan(0.6);
  });

  test('moves the eyes in saccades and the head without jerks', () => {
    const moments = live({ seconds: 120, face: speak });
    const paces = moments.slice(1).map((m, i) => {
      const last = moments[i]!;
      return {
        head: Math.abs(m.headYawRad - last.headYawRad) * PICTURES_HZ,
        eyes: Math.abs(m.eyeYawRad - last.eyeYawRad) * PICTURES_HZ,
      };
    });
    expect(Math.max(...paces.map(({ eyes }) => eyes))).toBeGreaterThan(80 * DEGREE);
    expect(Math.max(...paces.map(({ head }) => head))).toBeLessThan(60 * DEGREE);
    expect(Math.max(...moments.map((m) => Math.abs(m.eyeYawRad)))).toBeLessThan(31 * DEGREE);
  });

  test('moves the head with the own speech and keeps it modest', () => {
    const still = live({ seconds: 60 });
    const speaking = live({ seconds: 60, face: speak });
    const pace = (moments: Moment[]) =>
      mean(moments.slice(1).map((m, i) => Math.abs(m.headPitchRad - moments[i]!.headPitchRad))) * PICTURES_HZ;
    expect(pace(speaking)).toBeGreaterThan(1.3 * pace(still));
    for (const m of [...still, ...speaking]) {
      expect(Math.abs(m.headRollRad)).toBeLessThan(12 * DEGREE);
      expect(Math.abs(m.headPitchRad)).toBeLessThan(20 * DEGREE);
    }
  });

  test('nods now and then while the partner speaks', () => {
    const moments = live({ seconds: 600, partnerActivity: talk });
    const slow = moments.map((_, i) =>
      mean(moments.slice(Math.max(0, i - 30), i + 31).map((m) => m.headPitchRad)),
    );
    const nods = rises(
      moments.map((m, i) => ({ ...m, headPitchRad: slow[i]! - m.headPitchRad })),
      (m) => m.headPitchRad,
      1.6 * DEGREE,
    ).filter((time, i, all) => i === 0 || time - all[i - 1]! > 1.5);
    expect(nods.length / 10).toBeGreaterThan(2);
    expect(nods.length / 10).toBeLessThan(13);
    expect(variation(intervals(nods))).toBeGreaterThan(0.25);
  });

  test('leaves the head to the networks as far as they move it, and the eyes make good for it', () => {
    const moments = live({ seconds: 30, partnerActivity: talk, head: { ...HEAD, share: 1 } });
    for (const m of moments) {
      expect(m.headYawRad).toBeCloseTo(0.5);
      expect(m.headPitchRad).toBeCloseTo(-0.1);
      expect(m.headRollRad).toBeCloseTo(0.05);
      expect(Math.abs(m.eyeYawRad)).toBeLessThan(31 * DEGREE);
    }
    expect(share(moments, atPartner)).toBeGreaterThan(0.5);
    const own = live({ seconds: 30, partnerActivity: talk });
    const half = live({ seconds: 30, partnerActivity: talk, head: { ...HEAD, share: 0.5 } });
    half.forEach((m, i) => {
      expect(m.headYawRad).toBeCloseTo((own[i]!.headYawRad + 0.5) / 2);
    });
  });

  test('brings a hand up to speak and lets it hang afterwards', () => {
    const moments = live({ seconds: 30, face: (face, timeS) => speak(face, Math.min(timeS, 14.9)) });
    const lift = (fromS: number, toS: number) =>
      mean(moments.filter((m) => m.timeS >= fromS && m.timeS < toS).map((m) => m.liftLeft + m.liftRight));
    expect(lift(3, 15)).toBeGreaterThan(0.3);
    expect(lift(22, 30)).toBeLessThan(0.1);
  });

  test('breathes 12 to 18 times a minute, each breath a little different', () => {
    const breaths = rises(live({ seconds: 240 }), ({ breath }) => breath, 0.4);
    expect(breaths.length / 4).toBeGreaterThan(11.5);
    expect(breaths.length / 4).toBeLessThan(18.5);
    expect(variation(intervals(breaths))).toBeGreaterThan(0.04);
  });

  test('sways a little and slowly', () => {
    const moments = live({ seconds: 240 });
    expect(Math.max(...moments.map((m) => Math.abs(m.hipShiftM)))).toBeLessThan(0.03);
    const pace = moments.slice(1).map((m, i) => Math.abs(m.hipShiftM - moments[i]!.hipShiftM) * PICTURES_HZ);
    expect(Math.max(...pace)).toBeLessThan(0.06);
    expect(mean(pace)).toBeGreaterThan(0.001);
  });
});
