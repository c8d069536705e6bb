import { afterEach, expect, test } from 'vitest';
import { blockLength, joinFrame, stampBlock } from '../../src/engine/audio/block.ts';
import type { Backend, Tick } from '../../src/engine/backend/backend.ts';
import { Generator } from '../../src/engine/model/generator.ts';
import { EngineError } from '../../src/errors.ts';
import { Conversation } from '../../src/workers/conversation.ts';
import { MOTION_BLOCK, MOTION_HEADER } from '../../src/workers/motion.block.ts';
import { makeStream, openReader, openWriter } from '../../src/workers/stream.ts';

const HOP = 1600; // a tenth of a second: three ticks
const RATE = 16_000;
const LOOKAHEAD = 2;

/** A backend whose face says which of its ticks it is; `onTick` may throw or wait. */
function makeBackend(onTick: (tick: number, listenOnly: boolean) => void | Promise<void> = () => undefined) {
  let ticks = 0;
  const heard: boolean[] = [];
  const backend: Backend = {
    info: { backend: 'wasm', adapter: 'test', reason: 'test' },
    async tick(_, listenOnly = false): Promise<Tick> {
      await onTick(ticks, listenOnly);
      heard.push(listenOnly);
      const face = ticks++ < LOOKAHEAD || listenOnly ? undefined : new Float32Array(102).fill(ticks);
      return { face, phones: new Float32Array(80), voicing: Float32Array.of(0.25, 0.75) };
    },
    setConditions: async () => undefined,
    reset() {
      ticks = 0;
    },
    dispose: () => undefined,
  };
  return { backend, heard };
}

const running: Conversation[] = [];
afterEach(async () => {
  for (const conversation of running.splice(0)) await conversation.stop();
});

function start(backend: Backend) {
  const sound = makeStream(blockLength(HOP), 64, { shared: false });
  const motion = makeStream(MOTION_BLOCK, 256, { shared: false });
  const conversation = new Conversation(new Generator(backend, LOOKAHEAD), sound.reader, RATE, motion.writer);
  running.push(conversation);
  const writer = openWriter(sound.writer);
  const reader = openReader(motion.reader);
  let frame = 48_000 * 400; // a context that has run for minutes: its count no longer fits a float
  const speak = (blocks: number) => {
    for (let i = 0; i < blocks; i++) {
      const block = new Float32Array(blockLength(HOP));
      stampBlock(block, frame, 3);
      writer.push(block);
      frame += HOP;
    }
  };
  const block = new Float32Array(MOTION_BLOCK);
  const take = async (frames: number) => {
    const taken: { frameIndex: number; start: number; face: number; voicing: number[] }[] = [];
    while (taken.length < frames) {
      if (!reader.pull(block)) {
        if (!(await reader.wait(2000))) throw new Error(`only ${taken.length} of ${frames} frames came`);
        continue;
      }
      const [frameIndex, face] = [block[0], block[MOTION_HEADER]];
      taken.push({ frameIndex, start: joinFrame(block, 1), face, voicing: [block[4], block[5]] });
    }
    return taken;
  };
  return { conversation, speak, take, startFrame: frame };
}

test('frames come in order, stamped with where the sound began', async () => {
  const { conversation, speak, take, startFrame } = start(makeBackend().backend);
  const run = conversation.run();
  speak(3);
  const frames = await take(8);
  expect(frames.map(({ frameIndex }) => frameIndex)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(frames.every(({ start }) => start === startFrame)).toBe(true);
  expect(frames[0]).toMatchObject({ face: LOOKAHEAD + 1, voicing: [0.25, 0.75] });
  expect(conversation.stats).toMatchObject({ frames: 8, gapSamples: 0, skippedFrames: 0, droppedFrames: 0 });
  await conversation.stop();
  await run;
});

test('a backlog is heard without faces, a long one is left out, and later frames keep their time', async () => {
  const { backend, heard } = makeBackend();
  const { conversation, speak, take } = start(backend);
  speak(40); // four seconds at once: 121 ticks
  await new Promise((resolve) => setTimeout(resolve, 50)); // until all of it has arrived
  const run = conversation.run();
  const frames = await take(11);
  const last = frames[frames.length - 1];
  expect(last.frameIndex).toBe(40 * 3 - LOOKAHEAD);
  expect(frames[0].frameIndex).toBe(last.frameIndex - 10);
  expect(heard.filter((listenOnly) => listenOnly).length).toBe(50);
  expect(conversation.stats.skippedFrames).toBe(110);
  await conversation.stop();
  await run;
});

test('a reset begins at frame 0 with the sound that comes after it', async () => {
  const { conversation, speak, take, startFrame } = start(makeBackend().backend);
  const run = conversation.run();
  speak(2);
  await take(5);
  conversation.reset();
  await new Promise((resolve) => setTimeout(resolve, 150)); // until the worker looks up from waiting
  speak(2);
  const frames = await take(5);
  expect(frames.map(({ frameIndex }) => frameIndex)).toEqual([0, 1, 2, 3, 4]);
  expect(frames[0].start).toBe(startFrame + 2 * HOP);
  await conversation.stop();
  await run;
});

test('after a lost device a new backend goes on in the same time', async () => {
  const lost = new EngineError('lost', 'the GPU device was lost');
  const { conversation, speak, take } = start(
    makeBackend((tick) => {
      if (tick === 4) throw lost;
    }).backend,
  );
  speak(2);
  await expect(conversation.run()).rejects.toBe(lost);
  expect((await take(2)).map(({ frameIndex }) => frameIndex)).toEqual([0, 1]);
  conversation.resume(makeBackend().backend, LOOKAHEAD);
  const run = conversation.run();
  speak(1);
  const after = await take(1);
  expect(after[0].frameIndex).toBeGreaterThanOrEqual(2 + LOOKAHEAD);
  expect(conversation.stats.restarts).toBe(1);
  await conversation.stop();
  await run;
});
