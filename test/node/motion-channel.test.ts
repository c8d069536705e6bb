import { afterEach, expect, test, vi } from 'vitest';
import { FRAME_RATE_HZ } from '../../src/engine/motion.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { MotionChannel, type PacketTransport } from '../../src/live/motion-channel.ts';
import type { ArrivedFrame } from '../../src/workers/motion.player.ts';
import { dice } from '../sound.ts';

type Packet = Uint8Array<ArrayBuffer>;

/** Two ends of a line on which `spoil` turns one packet into those that arrive. */
function line(spoil: (packet: Packet) => Packet[] = (packet) => [packet]) {
  const ears: ((packet: Uint8Array) => void)[] = [() => undefined, () => undefined];
  const end = (own: 0 | 1): PacketTransport => ({
    send: (packet) => {
      for (const one of own === 0 ? spoil(packet) : [packet]) ears[1 - own]!(one);
    },
    listen: (listener) => {
      ears[own] = listener;
      return () => {
        ears[own] = () => undefined;
      };
    },
  });
  return [end(0), end(1)] as const;
}

const channels: MotionChannel[] = [];
afterEach(() => {
  for (const channel of channels.splice(0)) channel.close();
  vi.useRealTimers();
});

function pair(spoil?: (packet: Packet) => Packet[]) {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  const [a, b] = line(spoil);
  const clock = { senderS: 5, ownS: 100 };
  const sender = new MotionChannel(a, () => clock.senderS);
  const receiver = new MotionChannel(b, () => clock.ownS);
  channels.push(sender, receiver);
  const got: { frame: ArrivedFrame; isFirst: boolean }[] = [];
  receiver.listen((frame, isFirst) => got.push({ frame, isFirst }));
  return { sender, receiver, clock, got };
}

const frame = (frameIndex: number, startS = 4): ArrivedFrame => ({
  frameIndex,
  face: new Float32Array(102).fill((frameIndex % 100) / 100),
  body: undefined,
  contextTimeS: startS + frameIndex / FRAME_RATE_HZ,
  tickMs: 1,
  voicing: [1, 0],
  turn: [1, 0],
});

test('frames arrive on our clock, and a timeline shows them there', () => {
  const { sender, receiver, clock, got } = pair();
  const timeline = new Timeline();
  for (let k = 0; k < 90; k++) {
    clock.senderS += 1 / 30;
    clock.ownS += 1 / 30;
    sender.send(frame(k));
    vi.advanceTimersByTime(33);
  }
  for (const { frame: one } of got) timeline.push(one);
  expect(got.map(({ frame }) => frame.frameIndex)).toEqual(Array.from({ length: 90 }, (_, k) => k));
  expect(got.filter(({ isFirst }) => isFirst)).toHaveLength(1);
  expect(receiver.speaking(0)).toBe(true);
  expect(receiver.speaking(1)).toBe(false);
  // Both clocks run side by side, 95 s apart; what is not known is the jitter buffer, which is taken as 80 ms.
  expect(receiver.stats).toMatchObject({ method: 'exchange', frames: 90, lostFrames: 0, refusedPackets: 0 });
  expect(receiver.stats.lagS).toBeCloseTo(95.08, 2);
  const last = got.at(-1)!.frame;
  const target = new Float32Array(102 + 150 + 1);
  timeline.sampleInto(target, receiver.sampleAt(last.contextTimeS - 1)); // the first look comes from rest
  const look = timeline.sampleInto(target, receiver.sampleAt(last.contextTimeS - 0.5 / FRAME_RATE_HZ));
  expect(look.fresh).toBe(true);
  expect(target[0]).toBeCloseTo(0.885, 2);
  expect(sender.stats.sentBytes / sender.stats.sentFrames).toBeLessThan(135);
});

test('loss, repeats, disorder and garbage: every frame once at most, and all of it counted', () => {
  const next = dice(11);
  const held: Packet[] = [];
  const spoil = (packet: Packet): Packet[] => {
    const fate = next(10);
    if (fate === 0) return [];
    if (fate === 1) return [packet, packet];
    if (fate === 2) return [packet, packet.slice(0, next(packet.length))];
    if (fate === 3) {
      held.push(packet);
      return [];
    }
    return [packet, ...held.splice(0)];
  };
  const { sender, receiver, got } = pair(spoil);
  for (let k = 0; k < 3000; k++) sender.send(frame(k));
  const indices = got.map(({ frame }) => frame.frameIndex);
  expect(new Set(indices).size).toBe(indices.length);
  const { frames, lostFrames, duplicateFrames, refusedPackets } = receiver.stats;
  expect(frames).toBe(indices.length);
  expect(frames + lostFrames).toBeGreaterThan(2980);
  expect(frames + lostFrames).toBeLessThanOrEqual(3000);
  expect(lostFrames).toBeGreaterThan(200);
  expect(duplicateFrames).toBeGreaterThan(200);
  expect(refusedPackets).toBeGreaterThan(200);
});

test('a new conversation begins once; frames of the old one that come late are left out', () => {
  const old: Packet[] = [];
  let hold = false;
  const { sender, receiver, got } = pair((packet) => {
    if (hold) old.push(packet);
    return hold ? [] : [packet, ...old.splice(0)];
  });
  for (let k = 0; k < 10; k++) sender.send(frame(k));
  hold = true;
  sender.send(frame(10));
  hold = false;
  vi.advanceTimersByTime(1);
  for (let k = 0; k < 10; k++) sender.send(frame(k, 20));
  expect(got.filter(({ isFirst }) => isFirst).map(({ frame }) => frame.frameIndex)).toEqual([0, 0]);
  expect(got).toHaveLength(20);
  expect(receiver.stats.staleFrames).toBe(1);
});

test('two conversations within one millisecond are two', () => {
  const { sender, got } = pair();
  for (const startS of [4, 6, 8]) sender.send(frame(0, startS));
  expect(got.map(({ isFirst }) => isFirst)).toEqual([true, true, true]);
});

test('a closed end takes and sends nothing more', () => {
  const { sender, receiver, got } = pair();
  sender.send(frame(0));
  receiver.close();
  receiver.close();
  sender.send(frame(1));
  expect(got).toHaveLength(1);
});
