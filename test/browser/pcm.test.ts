import { afterEach, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { EngineError } from '../../src/errors.ts';
import { PcmSource } from '../../src/workers/pcm.ts';
import { sine } from '../sound.ts';

const RATE = 48_000;
const open: (PcmSource | AudioContext)[] = [];

afterEach(async () => {
  for (const thing of open.splice(0)) {
    if (thing instanceof PcmSource) thing.dispose();
    else if (thing.state !== 'closed') await thing.close();
  }
});

const sourceIn = (context: BaseAudioContext, options = {}) => {
  const source = new PcmSource(context, options);
  open.push(source);
  return source;
};

/** A running context; a page may make sound only after a gesture. */
async function running() {
  const context = new AudioContext();
  open.push(context);
  await userEvent.click(document.body);
  await context.resume();
  return context;
}

const silent = (source: PcmSource, context: AudioContext) => {
  const mute = new GainNode(context, { gain: 0 });
  source.node.connect(mute).connect(context.destination);
};

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('what is pushed before anything is ready comes out of the node, whole and in time', async () => {
  const context = new OfflineAudioContext(1, RATE, RATE);
  const source = sourceIn(context);
  source.node.connect(context.destination);
  const said = sine(500, 24_000, 12_000);
  for (let at = 0; at < said.length; at += 700) source.push(said.subarray(at, at + 700), 24_000);
  said.fill(9); // the source has taken copies
  void source.flush();
  expect(source.bufferedS).toBeCloseTo(0.5, 6);
  await source.ready;
  await wait(50); // an offline context renders as soon as it is told to, the worklet must have its orders before
  const heard = (await context.startRendering()).getChannelData(0);
  const wanted = sine(500, RATE, RATE / 2);
  expect(heard.findIndex((x) => x !== 0)).toBeLessThan(2);
  let worst = 0;
  for (let i = 200; i < RATE / 2 - 200; i++) worst = Math.max(worst, Math.abs(heard[i] - wanted[i]));
  expect(worst).toBeLessThan(2e-3);
  expect(heard.subarray(RATE / 2 + 100).every((x) => x === 0)).toBe(true);
});

test('it is a voice like any other: heard, flushed, ended, counted', async () => {
  const context = await running();
  const source = sourceIn(context);
  silent(source, context);
  const meter = new AnalyserNode(context, { fftSize: 2048 });
  source.node.connect(meter);
  source.push(sine(440, 16_000, 6400), 16_000);
  const begun = context.currentTime;
  const heard = source.flush();
  const loud = vi.waitFor(() => {
    const samples = new Float32Array(2048);
    meter.getFloatTimeDomainData(samples);
    expect(samples.some((x) => Math.abs(x) > 0.5)).toBe(true);
  });
  expect(await heard).toBe(true);
  await loud;
  expect(context.currentTime - begun).toBeGreaterThan(0.38);
  expect(source.bufferedS).toBeLessThan(1e-4);
  expect(source.stats).toMatchObject({ underruns: 0, skippedS: 0, nonFinite: 0 });
  expect(source.stats.playedS).toBeCloseTo(0.4, 6);
  // the next utterance, and the end of all
  source.push(Float32Array.of(Number.NaN, 5, 0), RATE);
  source.end();
  await source.ended;
  expect(source.stats).toMatchObject({ nonFinite: 1, clipped: 1 });
  expect(() => source.push(new Float32Array(10), RATE)).toThrow(/after end/);
});

test('an interruption is heard at once, settles what waits, and the next words come', async () => {
  const context = await running();
  const source = sourceIn(context);
  silent(source, context);
  const meter = new AnalyserNode(context, { fftSize: 256 });
  source.node.connect(meter);
  const samples = new Float32Array(256);
  const level = () => {
    meter.getFloatTimeDomainData(samples);
    return samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  };
  source.push(sine(440, RATE, 20 * RATE), RATE); // 20 s at once
  await vi.waitFor(() => expect(level()).toBeGreaterThan(0.5), 5000);
  const flushed = source.flush();
  const from = context.currentTime;
  source.interrupt();
  expect(source.bufferedS).toBe(0);
  expect(await flushed).toBe(false);
  await vi.waitFor(() => expect(level()).toBe(0), { timeout: 2000, interval: 1 });
  expect(context.currentTime - from).toBeLessThan(0.5); // with the page busy; the worklet itself is held to 5 ms in jitter.test.ts
  await vi.waitFor(() => expect(source.stats.interruptedS).toBeGreaterThan(15), 2000);
  expect(source.stats.playedS + source.stats.interruptedS).toBeCloseTo(20, 4);
  source.push(sine(440, RATE, RATE), RATE);
  await vi.waitFor(() => expect(level()).toBeGreaterThan(0.5), 5000);
  expect(source.bufferedS).toBeGreaterThan(0.1);
});

test('nothing is left hanging: dispose and a closed context settle every promise', async () => {
  const context = new AudioContext(); // never started
  open.push(context);
  const [first, second] = [sourceIn(context), sourceIn(context)];
  first.push(new Float32Array(4800), RATE);
  second.push(new Float32Array(4800), RATE);
  const [a, b] = [first.flush(), second.flush()];
  first.dispose();
  first.dispose();
  expect(await a).toBe(false);
  await first.ended;
  await context.close();
  expect(await b).toBe(false);
  await second.ended;
  expect(await second.flush()).toBe(false);
});

test('wrong input is refused in plain words', async () => {
  const context = new AudioContext();
  open.push(context);
  const source = sourceIn(context, { mostBufferedS: 1 });
  const push = (samples: unknown, rate: unknown) => () =>
    source.push(samples as Float32Array, rate as number);
  for (const bad of [undefined, null, [0, 1], new Int16Array(4), 'sound']) {
    expect(push(bad, RATE)).toThrow(EngineError);
    expect(push(bad, RATE)).toThrow(/Float32Array/);
  }
  for (const bad of [0, -1, Number.NaN, Infinity, 7999, 192_001, undefined, '48000x'])
    expect(push(new Float32Array(4), bad), String(bad)).toThrow(/8000 … 192000/);
  expect(push(new Float32Array(RATE * 1.1), RATE)).toThrow(/at most 1 s/);
  expect(source.bufferedS).toBe(0);
  source.push(new Float32Array(0), RATE);
  expect(() => new PcmSource(context, { mode: 'fast' as 'live' })).toThrow(/queue or live/);
  expect(() => new PcmSource(context, { targetS: 0 })).toThrow(/targetS is 0/);
  source.dispose();
  expect(push(new Float32Array(4), RATE)).toThrow(/after dispose/);
});

test('a worklet that cannot be loaded says so, once', async () => {
  const context = new AudioContext();
  open.push(context);
  vi.spyOn(context.audioWorklet, 'addModule').mockRejectedValue(new DOMException('refused', 'AbortError'));
  const source = sourceIn(context);
  source.push(new Float32Array(10), RATE);
  const flushed = source.flush();
  await expect(source.ready).rejects.toMatchObject({
    kind: 'unsupported',
    hint: expect.stringContaining('Security'),
  });
  expect(await flushed).toBe(false);
  await source.ended;
  expect(() => source.push(new Float32Array(10), RATE)).toThrow(/could not be loaded/);
});
