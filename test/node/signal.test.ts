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
  await expect(join()).rejects.toMatchObject({
    message: expect.stringContaining('two people are in it already'),
    hint: expect.stringContaining('take another'),
  });
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

test('what is sent to somebody whose line is broken waits for them', async () => {
  const [first, second] = [await join(), await join()];
  await expect.poll(() => first.peers.length).toBe(1);
  for (let i = 0; i < 10; i++) {
    server.cut();
    await expect.poll(() => first.lines.filter((open) => open).length).toBe(i + 1);
    first.seat.send(i); // the other may not be back yet
    await expect.poll(() => second.heard).toEqual(Array.from({ length: i + 1 }, (_, k) => k));
  }
});

test('a server that is started again is not mistaken for an empty room', async () => {
  const [first, second] = [await join(), await join()];
  await expect.poll(() => second.peers.length).toBe(1);
  const port = server.port;
  await server.close();
  await expect.poll(() => [first.lines, second.lines]).toEqual([[false], [false]]);
  server = await signalServer({ port, graceMs: 300 });
  await expect
    .poll(() => [first.lines, second.lines], { timeout: 5000 })
    .toEqual([
      [false, true],
      [false, true],
    ]);
  first.seat.send('still you?');
  await expect.poll(() => second.heard).toEqual(['still you?']);
  expect([first.peers, second.peers].map(({ length }) => length)).toEqual([1, 1]);
});

test('a seat that somebody else took while the line was broken is lost, in words', async () => {
  const [first, second] = [await join(), await join()];
  await expect.poll(() => second.peers.length).toBe(1);
  const port = server.port;
  await server.close();
  server = await signalServer({ port, graceMs: 300 });
  const ids = ['a stranger', 'another one'];
  const strangers = await Promise.all(
    ids.map(async (id) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      await new Promise((resolve) => {
        socket.onopen = resolve;
      });
      socket.send(JSON.stringify({ type: 'join', room: 'r', id }));
      return socket;
    }),
  );
  await expect.poll(() => [first.lost.length, second.lost.length], { timeout: 5000 }).toEqual([1, 1]);
  expect(first.lost[0]!.message).toContain('two people are in it already');
  for (const socket of strangers) socket.close();
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
