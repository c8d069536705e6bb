import { expect, test } from 'vitest';
import { blockLength, stampBlock } from '../../src/engine/audio/block.ts';
import { MOTION_BLOCK } from '../../src/workers/motion.block.ts';
import type { MotionWorker } from '../../src/workers/motion.protocol.ts';
import { connect, moving } from '../../src/workers/rpc.ts';
import { makeStream, openReader, openWriter, transferables } from '../../src/workers/stream.ts';
import { syllables } from '../sounds.ts';

// The whole motion worker, with sound that comes as fast as it is used: on a software adapter a tick takes longer than it lasts.
const RATE = 16_000;
const HOP = 1600; // three ticks
/** The goal is 2 s; a machine that others use needs more, and what was measured is printed. */
const LIMIT_MS = 8000;

/** Starts the worker in `test/browser/mortal.worker.ts` and speaks to it. */
async function start(backend: 'webgpu' | 'wasm') {
  const worker = new Worker(new URL('./mortal.worker.ts', import.meta.url), { type: 'module' });
  const motion = connect<MotionWorker>(worker);
  const { port1: progress } = new MessageChannel();
  const request = {
    modelBaseUrl: new URL('/models/', location.href).href,
    backend,
    sampler: { steps: 2, eta: 0, seed: 3 },
    conditions: { style: [0, 1], facing: [1, 1], emotion: [0, 0] },
    placement: 'vis-a-vis' as const,
    progress,
  };
  const info = await motion.load(moving(request, [progress]));
  const sound = makeStream(blockLength(HOP), 64, { shared: false });
  const frames = makeStream(MOTION_BLOCK, 256, { shared: false });
  const done = motion.run(
    moving(sound.reader, transferables(sound.reader)),
    RATE,
    moving(frames.writer, transferables(frames.writer)),
  );
  const [writer, reader] = [openWriter(sound.writer), openReader(frames.reader)];
  const voice = syllables(20, RATE);
  const block = new Float32Array(MOTION_BLOCK);
  let at = 0;
  /** Speaks until `count` frames have come; gives their blocks and when they came. */
  const take = async (count: number) => {
    const taken: { block: Float32Array; atMs: number }[] = [];
    while (taken.length < count) {
      const piece = new Float32Array(blockLength(HOP));
      stampBlock(piece, at, 3);
      for (let p = 0; p < 2; p++)
        piece.set(voice.subarray(at % 200_000, (at % 200_000) + HOP), piece.length - (2 - p) * HOP);
      writer.push(piece);
      at += HOP;
      // the frame of tick n is n − 2, and a hop is three ticks
      for (let newest = -1; newest < (at / HOP) * 3 - 3; ) {
        if (!(await reader.wait(60_000))) throw new Error(`only ${taken.length} of ${count} frames came`);
        while (reader.pull(block)) {
          taken.push({ block: block.slice(), atMs: performance.now() });
          newest = block[0];
        }
      }
    }
    return taken;
  };
  const stop = async () => {
    await motion.stop();
    await done;
    worker.terminate();
  };
  return { motion, info, take, stop };
}

test('a destroyed device: the talk goes on in its time within seconds', {
  timeout: 180_000,
}, async () => {
  const { motion, info, take, stop } = await start('webgpu');
  expect(info.backend).toBe('webgpu');
  const before = await take(24);
  expect((await motion.stats()).restarts).toBe(0);
  const killedMs = performance.now();
  new BroadcastChannel('mortal').postMessage('destroy');
  const after = await take(12);
  const stats = await motion.stats();
  expect(stats.restarts).toBe(1);
  expect(stats.info.backend).toBe('visemes');
  expect(stats.info.reason).toContain('was lost');
  const times = [killedMs, ...after.map(({ atMs }) => atMs)];
  const longest = Math.max(...times.slice(1).map((atMs, i) => atMs - times[i]));
  console.log(`no frame for ${longest.toFixed(0)} ms when the device was destroyed`);
  expect(longest).toBeLessThan(LIMIT_MS);
  const indices = [...before, ...after].map(({ block }) => block[0]);
  expect(indices.every((k, i) => i === 0 || k > indices[i - 1])).toBe(true);
  // a new device takes the bodies up again
  while ((await motion.stats()).info.backend !== 'webgpu' && performance.now() < killedMs + 90_000) {
    after.push(...(await take(3)));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  after.push(...(await take(12)));
  expect((await motion.stats()).info.backend).toBe('webgpu');
  expect(after.at(-1)?.block[8]).toBe(1);
  expect(after.every(({ block }) => block.every(Number.isFinite))).toBe(true);
  await stop();
});

test('a GPU whose memory is used up while it runs is left like one that is lost', {
  timeout: 180_000,
}, async () => {
  const { motion, take, stop } = await start('webgpu');
  await take(12);
  new BroadcastChannel('mortal').postMessage('memory');
  await expect.poll(async () => (await motion.stats()).restarts, { timeout: 60_000 }).toBe(1);
  const { info } = await motion.stats();
  expect(info.reason).toContain('was lost');
  const blocks = (await take(12)).map(({ block }) => block);
  expect(blocks.every((block) => block.every(Number.isFinite))).toBe(true);
  await stop();
});

test('the backend changes in mid-talk and back: no frame is lost, all memory moves along', {
  timeout: 180_000,
}, async () => {
  const { motion, take, stop } = await start('wasm');
  const blocks = (await take(20)).map(({ block }) => block);
  for (const choice of ['webgpu', 'visemes', 'wasm'] as const) {
    const changed = motion.setBackend(choice);
    blocks.push(...(await take(4)).map(({ block }) => block));
    expect((await changed).backend).toBe(choice);
    blocks.push(...(await take(12)).map(({ block }) => block));
    expect(blocks.at(-1)?.[8]).toBe(choice === 'visemes' ? 0 : 1);
  }
  const { droppedBlocks, restarts } = await motion.stats();
  expect({ restarts, indices: blocks.map((block) => block[0]) }).toEqual({
    restarts: 0,
    indices: blocks.map((_, k) => k),
  });
  expect(droppedBlocks).toBeLessThanOrEqual(2);
  await stop();
});
