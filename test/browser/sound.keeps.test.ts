import { afterEach, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { ContextKeeper } from '../../src/context.keeper.ts';
import { blockFrame } from '../../src/engine/audio/block.ts';
import type { EngineError } from '../../src/errors.ts';
import { capture } from '../../src/workers/capture.ts';
import { openReader } from '../../src/workers/stream.ts';

// What happens to sound on the way: the system stops it, the audio thread fails.
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function open() {
  const context = new AudioContext();
  const errors: EngineError[] = [];
  const keeper = new ContextKeeper(context, (error) => errors.push(error));
  closing.push(() => {
    keeper.dispose();
    return context.state === 'closed' ? undefined : context.close();
  });
  await userEvent.click(document.body); // a page may make sound only after a gesture
  return { context, errors, keeper };
}

test('what the system suspends goes on by itself, and what the user stops does not', async () => {
  const { context, errors, keeper } = await open();
  await keeper.start();
  expect(context.state).toBe('running');
  await context.suspend();
  await expect.poll(() => context.state, { timeout: 10_000 }).toBe('running');
  await keeper.stop();
  window.dispatchEvent(new Event('focus'));
  await wait(1500);
  expect(context.state).toBe('suspended');
  await keeper.start();
  expect(context.state).toBe('running');
  expect(errors).toEqual([]);
});

test('a pause that does not end by itself is told once, and ends with a click', async () => {
  const { context, errors, keeper } = await open();
  await keeper.start();
  const refused = vi
    .spyOn(context, 'resume')
    .mockRejectedValue(new DOMException('not now', 'InvalidStateError'));
  await context.suspend();
  await expect.poll(() => errors.length, { timeout: 20_000 }).toBe(1);
  await wait(1500);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ name: 'EngineError', hint: expect.stringContaining('Click') });
  refused.mockRestore();
  await userEvent.click(document.body);
  await expect.poll(() => context.state, { timeout: 10_000 }).toBe('running');
});

test('a context that somebody closes is told of; after the end nothing starts, and nobody waits', async () => {
  const { context, errors, keeper } = await open();
  await keeper.start();
  await context.close();
  await expect.poll(() => errors.length, { timeout: 10_000 }).toBe(1);
  expect(errors[0].message).toContain('closed');
  const { context: other, keeper: second } = await open();
  vi.spyOn(other, 'resume').mockReturnValue(new Promise(() => undefined)); // as before a gesture
  const pending = second.start();
  second.dispose();
  await expect(pending).rejects.toMatchObject({
    kind: 'unsupported',
    hint: expect.stringContaining('createDuologue'),
  });
  await expect(second.start()).rejects.toMatchObject({ kind: 'unsupported' });
});

test('an audio thread that fails is built anew, on the same clock and with the same voices', async () => {
  const nodes: AudioWorkletNode[] = [];
  const Real = globalThis.AudioWorkletNode;
  globalThis.AudioWorkletNode = class extends Real {
    constructor(...args: ConstructorParameters<typeof Real>) {
      super(...args);
      nodes.push(this);
    }
  };
  closing.push(() => {
    globalThis.AudioWorkletNode = Real;
  });
  const { context, keeper } = await open();
  await keeper.start();
  const told: EngineError[] = [];
  const captured = await capture(context, { shared: false, onRestart: (error) => told.push(error) });
  closing.push(() => captured.dispose());
  const voice = new ConstantSourceNode(context, { offset: 0.5 });
  voice.connect(captured.input(1));
  voice.start();
  let reader = openReader(captured.renew());
  const block = new Float32Array(reader.blockLength);
  /** Takes blocks until one holds the voice; gives its frame. */
  const hear = async () => {
    for (let i = 0; i < 5000; i++) {
      expect(await reader.wait(20_000)).toBe(true);
      reader.pull(block);
      if (block[block.length - 1] > 0.4) return blockFrame(block);
    }
    throw new Error('nobody is heard');
  };
  const before = await hear();
  // a stream that cannot be written to
  nodes[0].port.postMessage({ blockLength: reader.blockLength, capacityBlocks: 4, port: {} });
  await expect.poll(() => told.length, { timeout: 20_000 }).toBe(1);
  expect(told[0]).toMatchObject({
    name: 'EngineError',
    kind: 'lost',
    hint: expect.stringContaining('by itself'),
  });
  expect(nodes).toHaveLength(2);
  reader.close();
  reader = openReader(captured.renew());
  const after = await hear();
  expect(after).toBeGreaterThan(before);
  expect(after / context.sampleRate).toBeLessThanOrEqual(context.currentTime + 0.1);
  reader.close();
});
