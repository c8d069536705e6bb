import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { webSocketSignalling } from '../../src/live/signalling.ts';
import { type SignalServer, signalServer } from '../../tools/signal.mjs';
import { type SeatEvents, sit } from '../seat.ts';

// Node has it from version 22 on; this one is what browsers have.
vi.stubGlobal('WebSocket', WebSocket);

let server: SignalServer;
const leaving: (() => void)[] = [];
beforeEach(async () => {
  server = await signalServer({ port: 0, graceMs: 300 });
});
afterEach(async () => {
  for (const leave of leaving.splice(0)) leave();
  await server.close();
});

const join = async (room = 'r'): Promise<SeatEvents> => {
  const seat = await sit(webSocketSignalling(`ws://127.0.0.1:${server.port}`), room);
  leaving.push(() => seat.seat.leave());
  return seat;
};

test('two sit down and hear each other, in order, and a third is refused', async () => {
  const first = await join();
  expect(first.seat.person).toBe(0);
  await expect.poll(() => first.peers).toEqual([]);
  const second = await join();
  expect(second.seat.person).toBe(1);
  await expect.poll(() => first.peers).toEqual([expect.any(String)]);
  await expect.poll(() => second.peers).toEqual([expect.any(String)]);
  for (let i = 0; i < 20; i++) first.seat.send({ i });
  second.seat.send('hello');
  await expect.poll(() => second.heard).toEqual(Array.from({ length: 20 }, (_, i) => ({ i })));
  await expect.poll(() => first.heard).toEqual(['hello']);
  await expect(join()).rejects.toThrow('two people are in it already');
  expect((await join('another')).seat.person).toBe(0);
});

test('who leaves is missed at once, and the seat is free', async () => {
  const [first, second] = [await join(), await join()];
  await expect.poll(() => second.peers.length).toBe(1);
  first.seat.leave();
  first.seat.leave();
  await expect.poll(() => second.peers.at(-1), { timeout: 250 }).toBe(null);
  second.seat.send('to nobody');
  const third = await join();
  expect(third.seat.person).toBe(0);
  await expect.poll(() => second.peers.length).toBe(3);
  second.seat.send('to the third');
  await expect.poll(() => third.heard).toEqual(['to the third']);
});

test('a broken line is mended without the other noticing, and what was sent meanwhile arrives', async () => {
  const [first, second] = [await join(), await join()];
  await expect.poll(() => first.peers.length).toBe(1);
  server.cut();
  await expect.poll(() => first.lines).toContain(false);
  first.seat.send('meanwhile');
  await expect.poll(() => first.lines).toEqual([false, true]);
  await expect.poll(() => second.lines).toEqual([false, true]);
  first.seat.send('again');
  await expect.poll(() => second.heard).toEqual(expect.arrayContaining(['again']));
  expect(first.peers).toHaveLength(1);
  expect(second.peers).toHaveLength(1);
});

test('where there is no server the door says so', async () => {
  const port = server.port;
  await server.close();
  await expect(sit(webSocketSignalling(`ws://127.0.0.1:${port}`), 'r')).rejects.toMatchObject({
    name: 'EngineError',
    kind: 'unsupported',
    hint: expect.stringContaining('npm run signal'),
  });
  server = await signalServer({ port: 0 });
});

test('nonsense closes its own line and no other', async () => {
  const [first, second] = [await join(), await join()];
  for (const nonsense of [
    '{',
    '[]',
    'null',
    '{"type":"join"}',
    '{"type":"message","to":1}',
    'x'.repeat(70_000),
  ]) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}`);
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    socket.send(nonsense);
    socket.close();
  }
  first.seat.send('still here');
  await expect.poll(() => second.heard).toEqual(['still here']);
});
