import { expect, test } from 'vitest';
import { Ring } from '../../src/workers/ring.ts';
import { makeStream, openReader, openWriter } from '../../src/workers/stream.ts';
import { dice } from '../sound.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('the cursors of a ring may wrap past 2^32', () => {
  const memory = new SharedArrayBuffer(Ring.bytes(5, 2));
  new Uint32Array(memory, 0, 2).fill(2 ** 32 - 3);
  const ring = new Ring(memory, 5);
  const out = new Float32Array(5);
  for (let k = 0; k < 10; k++) {
    expect(ring.push(Float32Array.of(k, 1, 2, 3, 4))).toBe(true);
    expect(ring.push(Float32Array.of(k, 5, 6, 7, 8))).toBe(true);
    expect(ring.fill).toBe(2);
    expect(ring.push(Float32Array.of(9, 9, 9, 9, 9))).toBe(false);
    expect(ring.pull(out)).toBe(true);
    expect([...out]).toEqual([k, 1, 2, 3, 4]);
    expect(ring.pull(out)).toBe(true);
    expect([...out]).toEqual([k, 5, 6, 7, 8]);
  }
  expect(ring.pull(out)).toBe(false);
  expect(ring.dropped).toBe(10);
  expect(ring.pushed).toBe(17);
});

for (const shared of [false, true]) {
  const open = (length: number, capacity: number) => {
    const { writer, reader } = makeStream(length, capacity, { shared });
    const ends = { writer: openWriter(writer), reader: openReader(reader) };
    return { ...ends, [Symbol.dispose]: () => Object.values(ends).forEach((end) => void end.close()) };
  };

  test(`${shared ? 'ring' : 'port'}: all or nothing, in order, bounded, counted`, async () => {
    using stream = open(3, 3); // rounded up to 4
    const { writer, reader } = stream;
    const out = new Float32Array(3);
    expect(reader.pull(out)).toBe(false);
    for (let k = 0; k < 4; k++) expect(writer.push(Float32Array.of(k, k + 0.5, -k))).toBe(true);
    expect(writer.push(Float32Array.of(9, 9, 9))).toBe(false);
    expect(writer.push(Float32Array.of(9, 9, 9))).toBe(false);
    expect(writer.stats).toEqual({ pushed: 4, dropped: 2, fill: 4 });
    expect(await reader.wait(1000)).toBe(true);
    await pause(20);
    for (let k = 0; k < 4; k++) {
      expect(reader.pull(out)).toBe(true);
      expect([...out]).toEqual([k, k + 0.5, -k]);
    }
    expect(reader.pull(out)).toBe(false);
    await pause(20);
    expect(writer.push(Float32Array.of(5, 6, 7))).toBe(true);
    await reader.wait(1000);
    expect(reader.stats).toEqual({ pushed: 5, dropped: 2, fill: 1 });
    expect(reader.pull(out)).toBe(true);
    expect([...out]).toEqual([5, 6, 7]);
    await pause(20);
    expect(writer.stats).toEqual({ pushed: 5, dropped: 2, fill: 0 });
    expect(() => writer.push(new Float32Array(4))).toThrow('4 floats, expected 3');
    expect(() => reader.pull(new Float32Array(2))).toThrow('2 floats, expected 3');
  });

  test(`${shared ? 'ring' : 'port'}: waits for a block, for the time, or for the end`, async () => {
    using stream = open(1, 4);
    const { writer, reader } = stream;
    expect(await reader.wait(0)).toBe(false);
    const begin = performance.now();
    expect(await reader.wait(30)).toBe(false);
    expect(performance.now() - begin).toBeGreaterThan(25);
    setTimeout(() => writer.push(Float32Array.of(1)), 10);
    expect(await reader.wait(Number.POSITIVE_INFINITY)).toBe(true);
    expect(await reader.wait(0)).toBe(true);
    expect(reader.pull(new Float32Array(1))).toBe(true);
    const waiting = reader.wait(10_000);
    await expect(reader.wait(1)).rejects.toThrow('another wait');
    reader.close();
    expect(await waiting).toBe(false);
    expect(await reader.wait(10_000)).toBe(false);
  });

  test(`${shared ? 'ring' : 'port'}: seeded bursts keep every block whole, and wrap`, async () => {
    using stream = open(7, 8);
    const { writer, reader } = stream;
    const next = dice(11);
    const room = new Float32Array(9).fill(-1); // canaries on both sides
    const out = room.subarray(1, 8);
    let [sent, got] = [0, 0];
    while (got < 2000) {
      for (let burst = next(10); burst > 0 && sent < 2000; burst--) {
        if (writer.push(Float32Array.from({ length: 7 }, (_, i) => sent * 8 + i))) sent++;
      }
      if (next(2)) await reader.wait(sent > got ? 1000 : 0);
      for (let burst = next(10); burst > 0 && reader.pull(out); burst--, got++) {
        expect([...room]).toEqual([-1, ...Array.from({ length: 7 }, (_, i) => got * 8 + i), -1]);
      }
    }
    expect(reader.stats).toMatchObject({ pushed: 2000, fill: 0 });
  });
}

test('a ring is read without Atomics.waitAsync too', async () => {
  const { waitAsync } = Atomics;
  Reflect.deleteProperty(Atomics, 'waitAsync');
  try {
    const { writer, reader } = makeStream(1, 4, { shared: true });
    const [to, from] = [openWriter(writer), openReader(reader)];
    expect(await from.wait(10)).toBe(false);
    setTimeout(() => to.push(Float32Array.of(1)), 10);
    expect(await from.wait(10_000)).toBe(true);
  } finally {
    Atomics.waitAsync = waitAsync;
  }
});
