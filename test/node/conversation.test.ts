import { afterEach, expect, test } from 'vitest';
import { blockLength, joinFrame, stampBlock } from '../../src/engine/audio/block.ts';
import type { Backend, BackendState, Tick, TickWork } from '../../src/engine/backend/backend.ts';
import { Generator } from '../../src/engine/model/generator.ts';
import { ARKIT_51 } from '../../src/engine/motion.ts';
import { EngineError } from '../../src/errors.ts';
import { Conversation } from '../../src/workers/conversation.ts';
import { MOTION_BLOCK, MOTION_HEADER } from '../../src/workers/motion.block.ts';
import { makeStream, openReader, openWriter } from '../../src/workers/stream.ts';

const HOP = 1600; // a tenth of a second: three ticks
const RATE = 16_000;
const LOOKAHEAD = 2;
const LIPS = ARKIT_51.indexOf('jawOpen'); // a channel that the behaviour does not carry

const NOTHING = { version: 1, counters: { ticks: 0, frames: 0, lower: 0, upper: 0 }, tensors: {} } as const;

/** A backend whose face says which of its ticks it is; `onTick` may throw or wait. One that is `wasm` warms up. */
function makeBackend(
  onTick: (tick: number, work: TickWork) => void | Promise<void> = () => undefined,
  tier: 'webgpu' | 'wasm' = 'webgpu',
) {
  let ticks = 0;
  const works: TickWork[] = [];
  const restored: BackendState[] = [];
  const backend: Backend = {
    info: { backend: tier, adapter: 'test', reason: 'test' },
    full: true,
    async tick(_, work): Promise<Tick> {
      await onTick(ticks, work);
      works.push(work);
      ticks++;
      return {
        face: work.frame ? new Float32Array(102).fill(ticks) : undefined,
        behaviour: work.frame ? new Float32Array(48).fill(0.25) : undefined,
        codes: work.frame ? new Float32Array(8) : undefined,
        turn: Float32Array.of(0, 1),
        body:
          work.body?.to === 4 ? new Float32Array(16 * (work.body.network === 'lower' ? 27 : 47)) : undefined,
        phones: new Float32Array(80),
        voicing: Float32Array.of(0.25, 0.75),
      };
    },
    setConditions: async () => undefined,
    encodeMotion: async () => ({ listener: new Uint16Array(0), speaker: new Uint16Array(0) }),
    save: async () => ({ ...NOTHING, counters: { ...NOTHING.counters, ticks } }),
    async restore(state) {
      restored.push(state);
      ticks = state.counters.ticks;
    },
    async reset() {
      ticks = 0;
    },
    dispose: () => undefined,
  };
  return { backend, works, restored };
}

const running: Conversation[] = [];
afterEach(async () => {
  for (const conversation of running.splice(0)) await conversation.stop();
});

function start(backend: Backend, onSlow?: (tickMs: number) => void) {
  const sound = makeStream(blockLength(HOP), 64, { shared: false });
  const motion = makeStream(MOTION_BLOCK, 256, { shared: false });
  const conversation = new Conversation(
    new Generator(backend, LOOKAHEAD),
    sound.reader,
    RATE,
    motion.writer,
    onSlow,
  );
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
    const taken: { frameIndex: number; start: number; face: number; voicing: number[]; bodies: number }[] =
      [];
    while (taken.length < frames) {
      if (!reader.pull(block)) {
        if (!(await reader.wait(2000))) throw new Error(`only ${taken.length} of ${frames} frames came`);
        continue;
      }
      const [frameIndex, face, bodies] = [block[0], block[MOTION_HEADER + LIPS], block[8]];
      taken.push({ frameIndex, start: joinFrame(block, 1), face, voicing: [block[4], block[5]], bodies });
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
  expect(frames[0]).toMatchObject({ face: LOOKAHEAD + 1, voicing: [0.25, 0.75], bodies: 1 });
  expect(conversation.stats).toMatchObject({ frames: 8, gapSamples: 0, skippedFrames: 0, droppedFrames: 0 });
  await conversation.stop();
  await run;
});

test('WebAssembly works on silence until the first sound comes, and the talk begins as if it had not', async () => {
  const { backend, works } = makeBackend(undefined, 'wasm');
  const { conversation, speak, take, startFrame } = start(backend);
  const run = conversation.run();
  await expect.poll(() => works.length, { timeout: 5000 }).toBe(300);
  expect(works.some(({ body }) => body?.network === 'upper')).toBe(true);
  expect(conversation.stats).toMatchObject({ frames: 0, skippedFrames: 0 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(works).toHaveLength(300);
  speak(3);
  const frames = await take(8);
  expect(frames.map(({ frameIndex, face }) => [frameIndex, face])).toEqual(
    Array.from({ length: 8 }, (_, i) => [i, LOOKAHEAD + 1 + i]),
  );
  expect(frames.every(({ start }) => start === startFrame)).toBe(true);
  expect(conversation.stats).toMatchObject({ frames: 8, heldBodyFrames: 0 });
  await conversation.stop();
  await run;
});

test('a backlog is heard without bodies, a longer one without faces, and later frames keep their time', async () => {
  const { backend, works } = makeBackend();
  const { conversation, speak, take } = start(backend);
  speak(18); // 1.8 seconds at once: 55 ticks
  await new Promise((resolve) => setTimeout(resolve, 50)); // until all of it has arrived
  const run = conversation.run();
  const frames = await take(11);
  const last = frames[frames.length - 1];
  expect(last.frameIndex).toBe(18 * 3 - LOOKAHEAD);
  expect(frames[0].frameIndex).toBe(last.frameIndex - 10);
  expect(works.filter(({ frame }) => !frame).length).toBe(44);
  expect(works.slice(0, 48).every(({ body }) => !body)).toBe(true);
  expect(conversation.stats.droppedBlocks).toBeGreaterThan(3);
  expect(conversation.stats.skippedFrames).toBe(44);
  await conversation.stop();
  await run;
});

test('a backlog of more than two seconds is left out at once, and the next frame is in time', async () => {
  const { backend, works } = makeBackend();
  const { conversation, speak, take } = start(backend);
  speak(40); // four seconds at once: 121 ticks
  await new Promise((resolve) => setTimeout(resolve, 50));
  const run = conversation.run();
  expect((await take(1))[0].frameIndex).toBe(40 * 3 - LOOKAHEAD);
  expect(works.length).toBe(1);
  expect(conversation.stats.skippedFrames).toBe(120);
  speak(1);
  expect((await take(3)).map(({ frameIndex }) => frameIndex)).toEqual([119, 120, 121]);
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

test('while it rests nothing is generated, and after it a new talk begins with the next sound', async () => {
  const { backend, works } = makeBackend();
  const { conversation, speak, take, startFrame } = start(backend);
  const run = conversation.run();
  speak(2);
  await take(5);
  const done = works.length;
  conversation.rest(true);
  await new Promise((resolve) => setTimeout(resolve, 150)); // until the worker looks up from waiting
  speak(3);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(works.length).toBe(done);
  conversation.rest(false);
  await new Promise((resolve) => setTimeout(resolve, 150));
  speak(2);
  const frames = await take(5);
  expect(frames.map(({ frameIndex }) => frameIndex)).toEqual([0, 1, 2, 3, 4]);
  expect(frames[0].start).toBe(startFrame + 5 * HOP);
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
  await conversation.resume(makeBackend().backend);
  const run = conversation.run();
  speak(1);
  const after = await take(1);
  expect(after[0].frameIndex).toBe(3); // frame 2 was lost with the device
  expect(conversation.stats.restarts).toBe(1);
  await conversation.stop();
  await run;
});

test('another backend takes over between two ticks with all that the first remembers', async () => {
  const [first, second] = [makeBackend(), makeBackend()];
  const { conversation, speak, take } = start(first.backend);
  const run = conversation.run();
  speak(2);
  await take(5);
  const exchanged = conversation.exchange(first.backend, second.backend);
  await new Promise((resolve) => setTimeout(resolve, 150)); // until the worker looks up from waiting
  speak(2);
  await exchanged;
  expect((await take(6)).map(({ frameIndex }) => frameIndex)).toEqual([5, 6, 7, 8, 9, 10]);
  expect(second.restored).toHaveLength(1);
  expect(second.restored[0].counters.ticks).toBe(first.works.length);
  // the block that the first began goes on where it was
  expect(second.works[0].body).toMatchObject({ network: 'upper' });
  expect(conversation.stats.droppedBlocks).toBe(0);
  await conversation.stop();
  await run;
});

test('a machine that is late for ten seconds is told so, once', async () => {
  const slow: number[] = [];
  const { backend } = makeBackend();
  const { conversation, speak, take } = start(backend, (tickMs) => slow.push(tickMs));
  const run = conversation.run();
  for (let i = 0; i < 7; i++) {
    speak(16); // 1.6 s at once, again and again
    await take(i === 0 ? 9 : 11);
  }
  expect(slow.length).toBe(1);
  await conversation.stop();
  await run;
});
