import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterEach, expect, test } from 'vitest';
import { readSound } from '../../src/cli/sound.ts';
import {
  ARKIT_51,
  BODY_NUMBERS,
  Core,
  type CoreFrame,
  type CoreOptions,
  createCore,
  EngineError,
} from '../../src/core.ts';
import { openBackend } from '../../src/engine/backend/open.ts';
import { conditionsFor } from '../../src/engine/person.ts';
import { syllables } from '../sounds.ts';

const RUNTIME = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');
const JAW = ARKIT_51.indexOf('jawOpen');

/** Reads files as a program in Node would. */
const fetch = (name: string) => readFile(name.endsWith('.wasm') ? RUNTIME : `public/models/${name}`);

const opened: Core[] = [];
const open = async (options: Partial<CoreOptions> = {}) => {
  const core = await createCore({ fetch, backend: 'visemes', ...options });
  opened.push(core);
  return core;
};
afterEach(() => {
  for (const core of opened.splice(0)) core.dispose();
});

/** Two seconds of the sample conversation, in which one of the two speaks. */
const sample = await Promise.all(['a', 'b'].map((name) => readSound(`public/sample/${name}.flac`)));
const cut = (person: number, fromS: number, seconds: number) => {
  const { samples, sampleRateHz } = sample[person];
  return samples.slice(fromS * sampleRateHz, (fromS + seconds) * sampleRateHz);
};
const rateHz = sample[0].sampleRateHz;

const take = async (core: Core) => {
  const frames: CoreFrame[] = [];
  for await (const frame of core.frames()) frames.push(frame);
  return frames;
};
const jawOf = (frames: readonly CoreFrame[], person: number) =>
  frames.map(({ face }) => face[person * ARKIT_51.length + JAW]);
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Loudness (RMS) of each frame's thirtieth of a second around where it stands. */
const loudness = (samples: Float32Array, frames: number) =>
  Array.from({ length: frames }, (_, k) => {
    const [from, to] = [k - 0.5, k + 0.5].map((at) => Math.round((at * rateHz) / 30));
    const part = samples.subarray(Math.max(0, from), Math.max(0, to));
    return Math.sqrt(part.reduce((sum, v) => sum + v * v, 0) / Math.max(1, part.length));
  });

function correlation(a: readonly number[], b: readonly number[]) {
  const [ma, mb] = [mean(a), mean(b)];
  const [da, db] = [a.map((v) => v - ma), b.map((v) => v - mb)];
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(da, db) / Math.sqrt(dot(da, da) * dot(db, db) + 1e-12);
}

test.each(['visemes', 'wasm'] as const)(
  '%s: lips move with the voices, of whoever speaks',
  async (backend) => {
    const core = await open({ backend });
    expect(core.info).toMatchObject({ backend, reason: 'asked for' });
    const seconds = 2;
    const voices = [cut(0, 0, seconds), cut(1, 0, seconds)] as const;
    for (const p of [0, 1] as const) core.pushSamples(p, voices[p], rateHz);
    core.finish();
    const begun = performance.now();
    const frames = await take(core);
    console.log(`${backend}: ${((performance.now() - begun) / frames.length).toFixed(1)} ms a frame`);
    expect(frames.map(({ frameIndex }) => frameIndex)).toEqual(Array.from({ length: 61 }, (_, k) => k));
    expect(frames.map(({ timeS }) => timeS * 30)).toEqual(
      frames.map(({ frameIndex }) => expect.closeTo(frameIndex)),
    );
    expect(new Set(frames.map(({ face }) => face.buffer)).size, 'frames are the caller’s').toBe(61);
    expect(frames.every(({ body }) => (backend === 'wasm' ? body?.length === 150 : body === undefined))).toBe(
      true,
    );
    const loud = voices.map((samples) => loudness(samples, frames.length));
    const [speaker, listener] = mean(loud[0]) > mean(loud[1]) ? [0, 1] : [1, 0];
    const jaws = [0, 1].map((p) => jawOf(frames, p));
    console.log(
      `${backend}: jaws ${mean(jaws[speaker]).toFixed(3)} and ${mean(jaws[listener]).toFixed(3)}, correlation with loudness ` +
        `${correlation(jaws[speaker], loud[speaker]).toFixed(2)}, of the other ${correlation(jaws[listener], loud[speaker]).toFixed(2)}`,
    );
    expect(mean(jaws[speaker])).toBeGreaterThan(5 * mean(jaws[listener]));
    expect(correlation(jaws[speaker], loud[speaker])).toBeGreaterThan(0.6);
    expect(correlation(jaws[listener], loud[speaker])).toBeLessThan(0.3);
  },
  120_000,
);

/** Half a second of each, of other rates. */
const A = syllables(0.5, 48_000);
const B = syllables(0.5, 24_000, 210);
const numbersOf = (frames: readonly CoreFrame[]) =>
  frames.map(({ frameIndex, face, turn }) => [frameIndex, ...face, ...turn]);

test('chunks of any length and rate, stretches of both, and silence that is said or implied give the same frames', async () => {
  const core = await open();
  const begin = async (after: () => void) => {
    await core.reset();
    after();
    core.finish();
    return numbersOf(await take(core));
  };
  const whole = await begin(() => {
    core.pushSamples(0, A, 48_000);
    core.pushSamples(1, B, 24_000);
  });
  expect(whole).toHaveLength(16);

  await core.reset();
  const frames = take(core); // waits until there is something to take
  for (let i = 0; i < 50; i++) {
    core.pushSamples(0, A.subarray(i * 480, (i + 1) * 480), 48_000);
    core.pushSamples(1, B.subarray(i * 240, (i + 1) * 240), 24_000);
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  core.finish();
  expect(numbersOf(await frames)).toEqual(whole);

  const alone = await begin(() => core.pushSamples(0, A, 48_000));
  expect(alone).not.toEqual(whole);
  const said = await begin(() => {
    core.pushSilence(1, 0.5);
    core.pushSamples(0, A, 48_000);
  });
  expect(said).toEqual(alone);

  await core.reset();
  const chunks: CoreFrame[] = [];
  for (let i = 0; i < 5; i++)
    chunks.push(...(await core.process([A.subarray(i * 4800, (i + 1) * 4800), null], 48_000)));
  expect(chunks.length, 'the look-ahead is not there yet').toBeLessThan(16 - core.lookaheadFrames + 1);
  core.finish();
  expect(numbersOf([...chunks, ...(await take(core))])).toEqual(alone);
}, 60_000);

test('a talk goes on from what was saved, in the same core and in another', async () => {
  const core = await open();
  await core.process([A.subarray(0, 12_000), null], 48_000);
  const state = structuredClone(await core.save());
  const rest = (of: Core) => {
    of.pushSamples(0, A.subarray(12_000), 48_000);
    of.finish();
    return take(of).then(numbersOf);
  };
  await core.restore(state);
  const here = await rest(core);
  expect(here.map(([k]) => k)).toEqual(here.map((_, i) => state.ticks - core.lookaheadFrames + i));
  expect(here.at(-1)?.[0]).toBe(state.ticks + 7);
  const other = await open();
  await other.restore(state);
  expect(await rest(other)).toEqual(here);
  await expect(other.restore({ ...state, version: 2 as 1 })).rejects.toThrow(/version 2, expected 1/);
}, 60_000);

test('frames are made as they are taken, each once, whoever takes them', async () => {
  const core = await open();
  core.pushSamples(0, A, 48_000);
  core.pushSilence(1, 0.5);
  expect(core.waitingS).toBeGreaterThan(0.4);
  const [one, two] = [core.frames(), core.frames()];
  const taken = await Promise.all([one.next(), two.next(), one.next()]);
  expect(taken.map(({ value }) => value?.frameIndex)).toEqual([0, 1, 2]);
  for await (const { frameIndex } of core.frames()) if (frameIndex === 5) break;
  expect((await core.process([null, null], 48_000))[0].frameIndex).toBe(6);
  expect(core.waitingS).toBe(0);
}, 60_000);

test('dispose settles whoever waits, and may come twice', async () => {
  const core = await open();
  const iterator = core.frames().next();
  const waiting = Promise.allSettled([
    core.process([A, null], 48_000),
    core.save(),
    core.setEmotion(0, 'positive'),
    core.setBackend('wasm'),
    core.reset(),
  ]);
  core.dispose();
  core.dispose();
  expect(await iterator).toEqual({ done: true, value: undefined });
  for (const answer of await waiting)
    expect(answer).toMatchObject({
      status: 'rejected',
      reason: { kind: 'unsupported', message: 'The core was disposed of.' },
    });
  expect(() => core.pushSamples(0, A, 48_000)).toThrow('disposed');
  expect(await core.frames().next()).toEqual({ done: true, value: undefined });
}, 60_000);

test('conditions, backend and placement change while the talk goes on', async () => {
  const core = await open();
  await core.process([A, null], 48_000);
  expect(await core.setBackend('wasm')).toMatchObject({ backend: 'wasm' });
  await core.setConditions(0, { emotion: 'positive', action: 'walk', style: 2, facing: false });
  await core.setRelationship('friends');
  const frames = await core.process([A, null], 48_000);
  expect(frames.at(-1)?.frameIndex).toBeGreaterThan(25);
  expect(frames.at(-1)?.body?.every(Number.isFinite)).toBe(true);
  await core.reset('seated', 2);
  const [first] = await core.process([A, null], 48_000);
  expect(first.frameIndex).toBe(0);
  const hips = [0, BODY_NUMBERS].map((at) => [first.body![at], first.body![at + 2]]);
  expect(Math.hypot(hips[0][0] - hips[1][0], hips[0][1] - hips[1][1])).toBeCloseTo(2, 1);
  await expect(core.setEmotion(0, 'joy' as 'fear')).rejects.toThrow(/"joy", expected one of neutral/);
  await expect(core.setEmotion(2 as 0, 'fear')).rejects.toThrow(/no person 2/);
}, 60_000);

test('a GPU device that is lost is replaced, and the talk keeps its time', async () => {
  const files = async (name: string) => new Uint8Array(await fetch(name)).buffer;
  const conditions = conditionsFor(false);
  const lips = async () => {
    const sources = { fetch: files, gpu: undefined, runtime: () => files('ort-wasm-simd-threaded.wasm') };
    return openBackend('visemes', sources, { sampler: { seed: 1, steps: 4, eta: 0 }, conditions });
  };
  const { backend, models } = await lips();
  const tick = backend.tick.bind(backend);
  let ticks = 0;
  backend.tick = (...given) =>
    ++ticks === 8 ? Promise.reject(new EngineError('lost', 'gone for a test')) : tick(...given);
  const wanted: string[] = [];
  const core = new Core({
    backend,
    models,
    choice: 'webgpu',
    conditions,
    placement: 'vis-a-vis',
    bodySteps: 4,
    realTime: false,
    open: async (choice) => {
      wanted.push(choice);
      if (choice === 'webgpu') throw new EngineError('unsupported', 'no adapter any more');
      return (await lips()).backend;
    },
  });
  opened.push(core);
  core.pushSamples(0, A, 48_000);
  core.finish();
  const frames = await take(core);
  expect(wanted).toEqual(['webgpu', 'wasm']);
  const whole = Array.from({ length: 16 }, (_, k) => k);
  const missing = 7 - core.lookaheadFrames;
  expect(frames.map(({ frameIndex }) => frameIndex)).toEqual(whole.filter((k) => k !== missing));
  expect(core.info.reason).toContain('gone for a test');
  expect(core.stats.restarts).toBe(1);
}, 60_000);

test('in real time a machine that falls behind leaves frames out, and says how many', async () => {
  const core = await open({ realTime: true });
  core.pushSamples(0, syllables(3, 16_000), 16_000);
  core.pushSilence(1, 3);
  core.finish();
  const frames = await take(core);
  expect(frames.at(-1)?.frameIndex).toBe(90);
  expect(core.stats.skippedFrames).toBeGreaterThan(60);
  expect(frames.length + core.stats.skippedFrames).toBeGreaterThanOrEqual(91);
}, 60_000);

test('what is given wrongly is named, with what was got, what is expected and the next move', async () => {
  const core = await open();
  const wrong = (work: () => unknown, message: RegExp, kind = 'unsupported') =>
    expect(Promise.resolve().then(work)).rejects.toThrow(
      expect.objectContaining({
        name: 'EngineError',
        kind,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/\.$/),
      }),
    );
  await wrong(() => core.pushSamples(2 as 0, A, 48_000), /no person 2, expected 0 or 1/);
  await wrong(() => core.pushSamples(0, [0, 1] as never, 48_000), /samples is 0,1, expected a Float32Array/);
  await wrong(() => core.pushSamples(0, A, 48), /sampleRateHz is 48, expected 8000 to 192000/);
  await wrong(() => core.pushSilence(0, Number.NaN), /durationS is NaN/);
  await wrong(() => core.process(A as never, 48_000), /voices is .*, expected \[samples/);
  await wrong(() => core.process([A, 1 as never], 48_000), /voices\[1\] is 1, expected a Float32Array/);
  await wrong(() => core.reset('upside-down' as 'l'), /placement is "upside-down"/);
  core.finish();
  await wrong(() => core.pushSamples(0, A, 48_000), /after `finish`/);
  await wrong(() => createCore({} as CoreOptions), /fetch is undefined, expected a function/);
  await wrong(() => open({ seed: -1 }), /seed is -1/);
  await wrong(() => open({ backend: 'cuda' as 'wasm' }), /"cuda"/);
  await wrong(() => open({ distanceM: 9 }), /distanceM is 9/);
  await wrong(() => open({ conditions: [{ style: 9 }, {}] }), /style is 9/);
  await wrong(
    () => open({ fetch: async () => 'text' as never }),
    /fetch gave "text" for .*, expected an ArrayBuffer/,
    'asset',
  );
  await wrong(() => open({ fetch: async () => new Uint8Array(10) }), /safetensors/, 'asset');
}, 60_000);
