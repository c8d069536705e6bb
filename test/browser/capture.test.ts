import { expect, inject, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { BLOCK_HEADER, blockFrame, blockFrames, blockPresent } from '../../src/engine/audio/block.ts';
import { resample } from '../../src/engine/audio/resample.ts';
import { TICK_LENGTH, Voices } from '../../src/engine/audio/voices.ts';
import { EngineError } from '../../src/errors.ts';
import { type Bleed, type Capture, capture, type GateMode } from '../../src/workers/capture.ts';
import { openReader, type StreamReader } from '../../src/workers/stream.ts';
import { noise } from '../sound.ts';
import { syllables } from '../sounds.ts';

const RATE = 48_000;

/** Every block that arrives until none comes for a while. */
async function collect(reader: StreamReader) {
  const blocks: Float32Array[] = [];
  while (await reader.wait(100)) {
    for (let block = new Float32Array(reader.blockLength); reader.pull(block); ) {
      blocks.push(block);
      block = new Float32Array(reader.blockLength);
    }
  }
  return blocks;
}

/** What person `person` said in these blocks. */
const voice = (blocks: Float32Array[], person: number) =>
  blocks.flatMap((block) => {
    const frames = blockFrames(block.length);
    return [...block.subarray(BLOCK_HEADER + person * frames, BLOCK_HEADER + (person + 1) * frames)];
  });

function play(context: BaseAudioContext, to: AudioNode, channels: Float32Array<ArrayBuffer>[], rate = RATE) {
  const buffer = new AudioBuffer({
    length: channels[0].length,
    numberOfChannels: channels.length,
    sampleRate: rate,
  });
  for (const [c, samples] of channels.entries()) buffer.copyToChannel(samples, c);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(to);
  return source;
}

const noisy = (seed: number, length: number) => new Float32Array(noise(seed, length));

test('this page is isolated or not, as its project says', () => {
  expect(crossOriginIsolated).toBe(inject('isolated'));
});

/** Blocks in which the audio thread may learn what time it is. */
const UNSETTLED = 20;

for (const shared of crossOriginIsolated ? [false, true] : [false]) {
  const kind = shared ? 'ring' : 'port';

  test(`${kind}: both voices arrive, mixed to mono and stamped without a hole`, async () => {
    const context = new OfflineAudioContext(1, RATE, RATE);
    const [a, left, right] = [noisy(1, RATE), noisy(2, RATE), noisy(3, RATE)];
    const { input, end, hopFrames } = await capture(context, { shared });
    expect('memory' in end).toBe(shared);
    expect(hopFrames).toBe(128);
    play(context, input(0), [a]).start();
    play(context, input(1), [left, right]).start();
    await context.startRendering();
    const reader = openReader(end);
    const blocks = await collect(reader);
    reader.close();
    expect(blocks.length).toBe(Math.floor(RATE / hopFrames));
    expect(blocks.map(blockFrame)).toEqual(blocks.map((_, i) => i * hopFrames));
    expect(new Set(blocks.map(blockPresent))).toEqual(new Set([3]));
    const length = blocks.length * hopFrames;
    expect(Float32Array.from(voice(blocks, 0))).toEqual(a.slice(0, length));
    const off = voice(blocks, 1).map((x, i) => Math.abs(x - (left[i] + right[i]) / 2));
    expect(Math.max(...off)).toBeLessThan(1e-6);
  });

  test(`${kind}: captured sound gives the log-mel of the sound itself`, async () => {
    const rate = 44_100;
    const context = new OfflineAudioContext(1, rate, rate);
    const [a, b] = [noisy(4, rate), noisy(5, rate)];
    const { input, end, hopFrames } = await capture(context, { shared, hopFrames: 384 });
    play(context, input(0), [a], rate).start();
    play(context, input(1), [b], rate).start();
    await context.startRendering();
    const reader = openReader(end);
    const [live, direct] = [new Voices(rate), new Voices()];
    for (const block of await collect(reader)) live.pushBlock(block);
    direct.push(0, resample(a, rate), 0);
    direct.push(1, resample(b, rate), 0);
    expect(hopFrames).toBe(384);
    expect(live.waiting).toBeGreaterThanOrEqual(29);
    const [got, want] = [new Float32Array(TICK_LENGTH), new Float32Array(TICK_LENGTH)];
    while (live.pull(got) && direct.pull(want)) expect(got).toEqual(want);
    expect(live.stats).toEqual({ gapSamples: 0, lateSamples: 0, nonFinite: 0 });
    reader.close();
  });

  test(`${kind}: the clock goes on while nothing plays, and absence is flagged`, async () => {
    const context = new OfflineAudioContext(1, RATE, RATE);
    const { input, end } = await capture(context, { shared, hopFrames: 480 });
    const some = play(context, input(1), [new Float32Array(4800).fill(0.5)]);
    some.start(0.5);
    await context.startRendering();
    const reader = openReader(end);
    const blocks = await collect(reader);
    reader.close();
    expect(blocks.length).toBe(100);
    expect(blocks.map(blockFrame)).toEqual(blocks.map((_, i) => i * 480));
    expect(blocks.map(blockPresent).slice(0, 50)).toEqual(Array(50).fill(0));
    expect(blocks.map(blockPresent).slice(50, 60)).toEqual(Array(10).fill(2));
    expect(blocks.map(blockPresent).slice(60)).toEqual(Array(40).fill(0));
    const said = voice(blocks, 1);
    expect(said.filter((x) => x !== 0).length).toBe(4800);
    expect([said[23_999], said[24_000], said[28_799], said[28_800]]).toEqual([0, 0.5, 0.5, 0]);
    expect(voice(blocks, 0).every((x) => x === 0)).toBe(true);
  });

  test(`${kind}: a late reader loses whole blocks, counted, and the clock stays right`, async () => {
    const context = new OfflineAudioContext(1, RATE, RATE);
    const { input, end } = await capture(context, { shared, capacityBlocks: 8 });
    const source = new ConstantSourceNode(context, { offset: 0.25 });
    source.connect(input(0));
    source.start();
    const reader = openReader(end);
    const voices = new Voices(RATE);
    const early = context.suspend(0.5).then(async () => {
      for (const block of await collect(reader)) voices.pushBlock(block);
      expect(voices.samples(0)).toBeLessThan(8 * 256);
      await context.resume();
    });
    await context.startRendering();
    await early;
    for (const block of await collect(reader)) voices.pushBlock(block);
    expect(reader.stats).toMatchObject({ pushed: 16, fill: 0 });
    expect(reader.stats.dropped).toBeGreaterThanOrEqual(85);
    expect(voices.stats.gapSamples).toBeGreaterThan(2 * 0.4 * 16_000);
    expect(voices.samples(0)).toBeGreaterThan(8000);
    reader.close();
  });

  test(`${kind}: a live context, two captures in it, and an end`, async () => {
    const context = new AudioContext({ latencyHint: 'interactive' });
    const first = await capture(context, { shared });
    const second = await capture(context, { shared });
    await userEvent.click(document.body); // a page may make sound only after a gesture
    await context.resume();
    const source = new OscillatorNode(context, { frequency: 440 });
    source.connect(first.input(0));
    source.connect(second.input(1));
    source.start();
    const heard = async ({ end }: Capture, person: number) => {
      const reader = openReader(end);
      const block = new Float32Array(reader.blockLength);
      let last = -1;
      // A busy machine starts the oscillator late: at least 40 blocks, and on until it is heard, 10 s at most.
      for (let count = 0; count < 40 || (blockPresent(block) === 0 && count < 2000); ) {
        expect(await reader.wait(5000)).toBe(true);
        for (; reader.pull(block); count++) {
          const next = last + blockFrames(block.length);
          if (count > UNSETTLED) expect(blockFrame(block)).toBe(next);
          last = blockFrame(block);
        }
      }
      expect(reader.stats.dropped).toBe(0);
      expect(blockPresent(block)).toBe(1 << person);
      const peak = Math.max(...voice([block], person));
      expect(peak).toBeGreaterThan(0.5);
      return reader;
    };
    // both at once: a stream that nobody reads drops what it cannot hold
    const readers = await Promise.all([heard(first, 0), heard(second, 1)]);
    first.dispose();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await collect(readers[0]);
    expect(await readers[0].wait(100)).toBe(false);
    expect(await readers[1].wait(1000)).toBe(true);
    second.dispose();
    for (const reader of readers) reader.close();
    await context.close();
  });
}

test('a page that changes its graph all the time loses no sound', async () => {
  const context = new AudioContext();
  const captured = await capture(context, { hopFrames: 128 });
  await userEvent.click(document.body);
  await context.resume();
  const reader = openReader(captured.end);
  const block = new Float32Array(reader.blockLength);
  const frames: number[] = [];
  // Counted in blocks: a busy machine brings the context on more slowly.
  while (frames.length < UNSETTLED + 300) {
    // While the page holds the graph, Chromium tells its worklets the frame of the quantum before.
    const gains = Array.from({ length: 300 }, () => new GainNode(context));
    for (const gain of gains) gain.connect(captured.input(0));
    for (const gain of gains) gain.disconnect();
    expect(await reader.wait(5000)).toBe(true);
    while (reader.pull(block)) frames.push(blockFrame(block));
  }
  const settled = frames.slice(UNSETTLED);
  expect(settled).toEqual(settled.map((_, i) => settled[0] + 128 * i));
  expect(reader.stats.dropped).toBe(0);
  captured.dispose();
  reader.close();
  await context.close();
});

/** Words of one person, as gliding harmonics with syllables; different ones for each pitch. */
const talk = (pitchHz: number, seconds: number) =>
  Float32Array.from(
    syllables(seconds, RATE, pitchHz),
    (x, i) => x + 0.02 * speckle[(i * 7 + pitchHz) % speckle.length],
  );
const speckle = noisy(11, 65_536);

/** What the gate leaves of a voice of which the other person's is heard 10 ms later at −20 dB, after three seconds. */
async function leakedInto1(gate: GateMode | undefined) {
  const seconds = 6;
  const context = new OfflineAudioContext(1, seconds * RATE, RATE);
  const told: Bleed[] = [];
  const captured = await capture(context, {
    capacityBlocks: 2048,
    gate,
    onBleed: (bleed) => told.push(bleed),
  });
  const voiceA = talk(130, seconds);
  const leak = voiceA.map((_, i) => 0.1 * (voiceA[i - 480] ?? 0));
  play(context, captured.input(0), [voiceA]).start();
  play(context, captured.input(1), [leak]).start();
  await context.startRendering();
  const reader = openReader(captured.end);
  const blocks = await collect(reader);
  reader.close();
  const loudest = (person: number) =>
    voice(blocks, person).reduce((most, x, i) => (i < 3 * RATE ? most : Math.max(most, Math.abs(x))), 0);
  return { told, source: loudest(0), into: loudest(1) };
}

test('the page is told of bleed, and the gate ducks it before it leaves the audio thread', async () => {
  const on = await leakedInto1(undefined);
  expect(on.told[0]).toMatchObject({ kind: 'one-way', source: 0 });
  expect(on.told.at(-1)?.ducked).toEqual([false, true]);
  const off = await leakedInto1('off');
  expect(off.told[0]).toMatchObject({ kind: 'one-way', source: 0 });
  expect(off.told.at(-1)?.ducked).toEqual([false, false]);
  expect(on.source).toBe(off.source);
  expect(20 * Math.log10(off.into / on.into)).toBeGreaterThan(30);
});

test('what keeps sound out is said', async () => {
  const context = new OfflineAudioContext(1, 128, RATE);
  vi.spyOn(context.audioWorklet, 'addModule').mockRejectedValue(new DOMException('refused', 'AbortError'));
  const refused = await capture(context).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(EngineError);
  expect(refused).toMatchObject({ kind: 'unsupported', hint: expect.stringContaining('Security-Policy') });
  vi.spyOn(context, 'audioWorklet', 'get').mockReturnValue(undefined as unknown as AudioWorklet);
  await expect(capture(context)).rejects.toMatchObject({ hint: expect.stringContaining('https') });
});
