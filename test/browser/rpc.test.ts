import { afterAll, expect, inject, test } from 'vitest';
import { EngineError } from '../../src/errors.ts';
import { connect, moving } from '../../src/workers/rpc.ts';
import { makeStream, openReader, openWriter, transferables } from '../../src/workers/stream.ts';
import { readNumbered, writeNumbered } from './numbered.ts';
import type { TestWorker } from './rpc.protocol.ts';

const worker = new Worker(new URL('./rpc.worker.ts', import.meta.url), { type: 'module' });
const remote = connect<TestWorker>(worker);
afterAll(() => worker.terminate());

test('verbs', async () => {
  expect(await remote.add(2, 3)).toBe(5);
});

test('an EngineError keeps its class, kind and hint', async () => {
  const error = await remote.fail().catch((e: unknown) => e);
  expect(error).toBeInstanceOf(EngineError);
  expect(error).toMatchObject({ kind: 'asset', hint: 'Run `make model` again.' });
});

test('other errors stay as comlink makes them', async () => {
  const error = await remote.failPlain().catch((e: Error) => e);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'TypeError', message: 'plain' });
});

test('what moves is not copied', async () => {
  const memory = new ArrayBuffer(64);
  expect(await remote.byteLength(moving(memory, [memory]))).toBe(64);
  expect(memory.byteLength).toBe(0);
});

test('this page is isolated or not, as its project says', () => {
  expect(crossOriginIsolated).toBe(inject('isolated'));
  expect('memory' in makeStream(1, 1).writer).toBe(inject('isolated'));
});

test('shared memory is shared where there is some, and refused where there is none', async () => {
  if (!crossOriginIsolated) {
    expect(() => makeStream(1, 1, { shared: true })).toThrow('no shared memory');
    return;
  }
  const memory = new SharedArrayBuffer(16);
  await remote.setFirst(memory, 7);
  expect(new Float32Array(memory)[0]).toBe(7);
});

for (const shared of crossOriginIsolated ? [false, true] : [false]) {
  const kind = shared ? 'ring' : 'port';

  test(`${kind}: every block of a worker arrives whole`, async () => {
    const { writer, reader } = makeStream(300, 16, { shared });
    const written = remote.write(moving(writer, transferables(writer)), 1, 3000);
    const from = openReader(reader);
    expect(await readNumbered(from, 2, 3000)).toBe(3000);
    expect(from.stats).toMatchObject({ pushed: 3000, fill: 0 });
    expect((await written).pushed).toBe(3000);
    from.close();
  });

  test(`${kind}: every block arrives whole in a worker`, async () => {
    const { writer, reader } = makeStream(106, 8, { shared });
    const whole = remote.read(moving(reader, transferables(reader)), 3, 2000);
    const to = openWriter(writer);
    expect(await writeNumbered(to, 4, 2000)).toMatchObject({ pushed: 2000 });
    expect(await whole).toBe(2000);
    to.close();
  });

  test(`${kind}: what was pushed before the end is still delivered`, async () => {
    const { writer, reader } = makeStream(2, 4, { shared });
    const to = openWriter(writer);
    to.push(Float32Array.of(1, 2));
    to.close();
    const from = openReader(reader);
    const block = new Float32Array(2);
    expect(await from.wait(1000)).toBe(true);
    expect(from.pull(block)).toBe(true);
    expect([...block]).toEqual([1, 2]);
    from.close();
  });
}
