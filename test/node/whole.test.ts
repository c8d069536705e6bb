import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendOptions } from '../../src/engine/backend/backend.ts';
import { WasmBackend } from '../../src/engine/backend/wasm.ts';
import { measureBodies } from '../../src/engine/body/measures.ts';
import { Generator } from '../../src/engine/model/generator.ts';
import { BODY_NUMBERS, FACE_CHANNELS, PERSONS } from '../../src/engine/motion.ts';
import { random } from '../fixture.ts';
import { syllables } from '../sounds.ts';
import { frames, type Sound, ticksOf } from '../talk.ts';
import { models, wasmFiles } from './wasm.files.ts';

const files = wasmFiles();
const conditions = { style: [0, 1], facing: [1, 1], emotion: [0, 0], action: [0, 0], relationship: 0 };
const open = (sampler: Partial<BackendOptions['sampler']> = {}) =>
  WasmBackend.open(models, files, { sampler: { steps: 4, eta: 0, seed: 7, ...sampler }, conditions }, 'test');
const start = async (backend: WasmBackend) => {
  const generator = new Generator(backend, models.encoder.lookahead, 4);
  await generator.reset();
  return generator;
};

const FACE_AT = 1;
const BODY_AT = FACE_AT + PERSONS * FACE_CHANNELS;
const CODES_AT = BODY_AT + PERSONS * BODY_NUMBERS;

/** The furthest that any number of a body goes from one frame to the next. */
function largestJump(rows: readonly number[][]) {
  let jump = 0;
  for (let k = 1; k < rows.length; k++)
    for (let i = BODY_AT; i < CODES_AT && rows[k][0] === rows[k - 1][0] + 1; i++)
      jump = Math.max(jump, Math.abs(rows[k][i] - rows[k - 1][i]));
  return jump;
}

let backend: WasmBackend;
beforeAll(async () => {
  backend = await open();
}, 60_000); // opening takes seconds, and more where others work too
afterAll(() => backend.dispose());

const seconds = 1.2;
const voice = (rateHz: number, pitchHz = 120): Sound => ({
  samples: syllables(seconds, rateHz, pitchHz),
  rateHz,
});
const made = (rateHz: number, sample: (i: number) => number): Sound => ({
  samples: Float32Array.from({ length: seconds * rateHz }, (_, i) => sample(i)),
  rateHz,
});
const noise = random(5);
const both = voice(16_000);

/** Every kind of sound that must not break anybody. */
const SOUNDS: Readonly<Record<string, readonly [Sound, Sound]>> = {
  'two voices': [voice(16_000), voice(16_000, 190)],
  'one voice missing': [undefined, voice(16_000)],
  'nobody there': [undefined, undefined],
  'the same sound twice': [both, both],
  'digital silence': [made(16_000, () => 0), made(16_000, () => 0)],
  'white noise': [made(16_000, noise), made(16_000, noise)],
  'hard clipping': [made(16_000, (i) => Math.sign(Math.sin(i / 20))), voice(16_000)],
  'far beyond full scale': [made(16_000, (i) => 1e6 * Math.sin(i / 20)), made(16_000, () => 1e30)],
  'NaN and infinite samples': [
    made(16_000, (i) => (i % 3 === 0 ? Number.NaN : Math.sin(i / 20))),
    made(16_000, (i) => (i % 1000 < 500 ? Number.POSITIVE_INFINITY : 0)),
  ],
  'all NaN': [made(16_000, () => Number.NaN), made(16_000, () => Number.NaN)],
  '8 kHz beside 192 kHz': [voice(8000), voice(192_000, 200)],
  '44.1 kHz beside 11.025 kHz': [voice(44_100), voice(11_025)],
};

describe('whatever is heard, the motion is finite and within bounds', { timeout: 60_000 }, () => {
  for (const [name, sounds] of Object.entries(SOUNDS))
    test(name, async () => {
      const rows = await frames(await start(backend), ticksOf(sounds, seconds));
      expect(rows.length).toBeGreaterThan(seconds * 30 - 4);
      expect(rows.flat().every(Number.isFinite)).toBe(true);
      const faces = rows.flatMap((row) => row.slice(FACE_AT, BODY_AT));
      expect(Math.min(...faces)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...faces)).toBeLessThanOrEqual(1);
      const bodies = Float32Array.from(rows.flatMap((row) => row.slice(BODY_AT, CODES_AT)));
      const { outsideShare, leastDistanceM, nonFinite } = measureBodies(bodies);
      expect({ outsideShare, nonFinite }).toEqual({ outsideShare: 0, nonFinite: 0 });
      expect(leastDistanceM).toBeGreaterThan(0);
    });
});

describe('the whole motion', { timeout: 60_000 }, () => {
  test('is the same in chunks of 128, 1000 and all samples', async () => {
    const sounds = [voice(16_000), voice(16_000, 190)] as const;
    const whole = await frames(await start(backend), ticksOf(sounds, seconds, 1 << 20));
    for (const chunk of [128, 1000])
      expect(await frames(await start(backend), ticksOf(sounds, seconds, chunk))).toEqual(whole);
  });

  test('is the same for the same seed and another for another', async () => {
    const ticks = ticksOf([voice(16_000), voice(16_000, 190)], 2);
    const first = await frames(await start(backend), ticks);
    const [again, other] = [await open(), await open({ seed: 8 })];
    expect(await frames(await start(again), ticks)).toEqual(first);
    const third = await frames(await start(other), ticks);
    expect(third.at(-1)?.slice(BODY_AT, CODES_AT)).not.toEqual(first.at(-1)?.slice(BODY_AT, CODES_AT));
    again.dispose();
    other.dispose();
  });

  test('goes on bit for bit from a state that was saved in mid-talk', async () => {
    const ticks = ticksOf([voice(16_000), voice(16_000, 190)], 3);
    const generator = await start(backend);
    await frames(generator, ticks.slice(0, 45));
    const state = await generator.save();
    const rest = await frames(generator, ticks.slice(45));
    const other = await open();
    const restored = await start(other);
    await restored.restore(state);
    expect(await frames(restored, ticks.slice(45))).toEqual(rest);
    await expect(restored.restore({ ...state, version: 2 as 1 })).rejects.toThrow(/version 2, expected 1/);
    other.dispose();
  });

  test('late ticks cost the body, then the face; what comes later keeps its time', async () => {
    const ticks = ticksOf([voice(16_000), voice(16_000, 190)], 4);
    const generator = await start(backend);
    const late = (n: number) => (n >= 40 && n < 60 ? 'listen' : n >= 60 && n < 64 ? 'frame' : 'all');
    const rows = await frames(generator, ticks, late);
    expect(rows.map((row) => row[0])).toEqual(
      ticks.map((_, n) => n - 2).filter((k) => k >= 0 && !(k + 2 >= 40 && k + 2 < 60)),
    );
    expect(generator.stats.droppedBlocks).toBeGreaterThanOrEqual(3);
    expect(generator.stats.heldBodyFrames).toBeGreaterThan(8);
    expect(rows.flat().every(Number.isFinite)).toBe(true);
    // Where the body is held and comes back no joint jumps further than in an undisturbed talk, or than in a gesture
    // (0.15 rad a frame are 4.5 rad/s).
    const whole = await frames(await start(backend), ticks);
    expect(largestJump(rows)).toBeLessThan(Math.max(0.15, 1.5 * largestJump(whole)));
  });
});
