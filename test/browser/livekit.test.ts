import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { attachLiveKit, type LiveKitRoom } from '../../src/live/livekit.ts';
import { babble, lagOf, Puppets } from './puppets.ts';

// biome-ignore lint/suspicious/noExplicitAny: as livekit-client's events are
type Listener = (...args: any[]) => void;
type Publication = { track?: { kind: string; mediaStreamTrack: MediaStreamTrack } };

/** A LiveKit server within one page: `Room`s with the names and arguments of livekit-client 2.23. */
class Server {
  readonly rooms: FakeRoom[] = [];
  loss = 0;
  packets: { topic: string | undefined; reliable: boolean | undefined }[] = [];

  enter(identity: string): FakeRoom {
    const room = new FakeRoom(this, identity);
    for (const other of this.rooms) {
      other.remoteParticipants.set(identity, room.localParticipant);
      room.remoteParticipants.set(other.localParticipant.identity, other.localParticipant);
    }
    this.rooms.push(room);
    return room;
  }
}

class FakeRoom implements LiveKitRoom {
  readonly remoteParticipants = new Map<string, FakeRoom['localParticipant']>();
  readonly localParticipant;
  readonly listeners = new Map<string, Set<Listener>>();

  constructor(server: Server, identity: string) {
    const audioTrackPublications = new Map<string, Publication>();
    this.localParticipant = {
      identity,
      audioTrackPublications,
      publishData: async (
        data: Uint8Array<ArrayBuffer>,
        options: { reliable?: boolean; topic?: string } = {},
      ) => {
        server.packets.push({ topic: options.topic, reliable: options.reliable });
        if (Math.random() < server.loss) return;
        const copy = data.slice();
        for (const room of server.rooms)
          if (room !== this) room.emit('dataReceived', copy, this.localParticipant, 1, options.topic);
      },
      publishTrack: (mediaStreamTrack: MediaStreamTrack) => {
        const publication = { track: { kind: 'audio', mediaStreamTrack } };
        audioTrackPublications.set('TR_1', publication);
        this.emit('localTrackPublished', publication, this.localParticipant);
        for (const room of server.rooms)
          if (room !== this)
            room.emit('trackSubscribed', publication.track, publication, this.localParticipant);
      },
    };
  }

  on(event: string, listener: Listener) {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners.add(listener));
    return this;
  }

  off(event: string, listener: Listener) {
    this.listeners.get(event)?.delete(listener);
    return this;
  }

  emit(event: string, ...args: unknown[]) {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...args);
  }
}

const closing: (() => unknown)[] = [];
beforeEach(() => userEvent.click(document.body)); // a page may make sound only after a gesture
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function puppets() {
  const context = new AudioContext();
  await context.resume();
  closing.push(() => context.close());
  const opened = await Puppets.open('wasm', context);
  closing.push(() => opened.close());
  return opened;
}

const persons = { alice: 0, bob: 1 } as const;
const eventually = { timeout: 20_000, interval: 50 };

test('one in the room generates, who watches plays it in time, with a tenth of the packets lost', async () => {
  const server = new Server();
  server.loss = 0.1;
  const [alice, bob, watcher] = [server.enter('alice'), server.enter('bob'), server.enter('watcher')];
  const [atAlice, atWatcher] = [await puppets(), await puppets()];
  const voices = [babble(atAlice.context, 1), babble(atAlice.context, 2)];
  // Alice is there before the conversation is tied to the room, Bob comes later.
  alice.localParticipant.publishTrack(voices[0]!.getAudioTracks()[0]!);
  const roles: string[] = [];
  const generating = await attachLiveKit(atAlice, alice, { persons });
  const watching = await attachLiveKit(atWatcher, watcher, { persons, onRole: (role) => roles.push(role) });
  closing.push(
    () => generating.close(),
    () => watching.close(),
  );
  bob.localParticipant.publishTrack(voices[1]!.getAudioTracks()[0]!);
  await vi.waitFor(() => expect(watching.role).toBe('following'), eventually);
  expect(generating.role).toBe('generating');
  await vi.waitFor(() => expect(watching.stats.method).toBe('levels'), eventually);
  let best = { lagMs: Number.NaN, r: -1 };
  for (let window = 0; window < 5 && !(best.r > 0.95); window++) {
    const fromS = atWatcher.context.currentTime;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    best = lagOf(atWatcher.jaw(0, fromS), atWatcher.loudness[0]);
  }
  console.log(`watcher: ${best.lagMs} ms (r ${best.r.toFixed(3)}), ${JSON.stringify(watching.stats)}`);
  expect(best.r).toBeGreaterThan(0.9);
  expect(Math.abs(best.lagMs)).toBeLessThanOrEqual(15);
  expect(watching.stats.lostFrames).toBeGreaterThan(0);
  expect(
    server.packets.every(({ topic, reliable }) => topic === 'duologue-motion' && reliable === false),
  ).toBe(true);
  expect(atWatcher.loudness[1].some(({ value }) => value > 0.3)).toBe(true);
  // The generator goes: the watcher sees motion made on its own page.
  generating.close();
  await vi.waitFor(() => expect(watching.role).toBe('fallback'), eventually);
  expect(roles).toEqual(['fallback', 'following', 'fallback']);
  watching.close();
  watching.close();
  for (const room of [alice, watcher])
    expect([...room.listeners.values()].every(({ size }) => size === 0)).toBe(true);
}, 60_000);

test('packets of others and other topics are none of ours', async () => {
  const server = new Server();
  const [, bob, watcher] = [server.enter('alice'), server.enter('bob'), server.enter('watcher')];
  const watching = await attachLiveKit(await puppets(), watcher, { persons });
  closing.push(() => watching.close());
  watcher.emit('dataReceived', new Uint8Array([1, 2, 3]), bob.localParticipant, 1, 'duologue-motion');
  watcher.emit('dataReceived', new Uint8Array([1, 2, 3]), undefined, 1, 'duologue-motion');
  watcher.emit('dataReceived', new Uint8Array([1, 2, 3]), { identity: 'alice' }, 1, 'chat');
  expect(watching.stats.refusedPackets).toBe(0);
  watcher.emit('dataReceived', new Uint8Array([1, 2, 3]), { identity: 'alice' }, 1, 'duologue-motion');
  expect(watching.stats.refusedPackets).toBe(1);
  expect(watching.role).toBe('fallback');
});

test('nobody to generate is said', async () => {
  const room = new Server().enter('alice');
  await expect(attachLiveKit(await puppets(), room, { persons: { bob: 1 } })).rejects.toThrow(
    'no generator is named',
  );
});
