import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterEach, expect, test } from 'vitest';
import { readSound } from '../../src/cli/sound.ts';
import {
  ARKIT_51,
  type Core,
  type CoreFrame,
  type CoreOptions,
  createCore,
  EngineError,
} from '../../src/core.ts';
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
  },
  120_000,
);
