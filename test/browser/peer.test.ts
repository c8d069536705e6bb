import { afterEach, expect, test } from 'vitest';
import { Peer, type PeerSignal } from '../../src/live/peer.ts';

type Said = { readonly from: 0 | 1; readonly signal: PeerSignal };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Two peers whose signals take a moment; `passes` may lose one. Person 0 makes the offers. */
function pair(passes: (said: Said) => boolean = () => true) {
  const context = new AudioContext();
  const said: Said[] = [];
  const peers: Peer[] = [];
  const connected = ([0, 1] as const).map(
    (from) =>
      new Promise<void>((resolve) => {
        const peer = new Peer({
          iceServers: [],
          offers: from === 0,
          microphone: new MediaStreamAudioDestinationNode(context).stream,
          send(signal) {
            said.push({ from, signal });
            if (!passes({ from, signal })) return;
            const copy = JSON.parse(JSON.stringify(signal));
            setTimeout(() => peers[1 - from]?.signal(copy), 2);
          },
          onState: (state) => state === 'connected' && resolve(),
          onVoice: () => undefined,
          onReady: () => undefined,
          onControl: () => undefined,
          onMotion: () => undefined,
          onBroken: () => undefined,
        });
        peers.push(peer);
      }),
  );
  closing.push(() => {
    for (const peer of peers) peer.close();
    void context.close();
  });
  return { peers, said, connected: Promise.all(connected) };
}

const offersOf = (said: readonly Said[], person: 0 | 1) =>
  said.filter(({ from, signal }) => from === person && signal.description?.type === 'offer');

test('both begin at once: one of the two offers, so that none is taken back, and they find each other', async () => {
  const pairs = Array.from({ length: 8 }, () => pair());
  for (const { connected, said } of pairs) {
    await connected;
    expect(offersOf(said, 0)).not.toHaveLength(0);
    expect(offersOf(said, 1)).toHaveLength(0);
  }
});

test('who does not offer says that it is there until an offer comes, and asks for a new way', async () => {
  let lost = 0;
  const { peers, said, connected } = pair(({ from }) => from === 1 || lost++ > 6);
  await connected;
  expect(
    said.filter(({ from, signal }) => from === 1 && Object.keys(signal).length === 0).length,
  ).toBeGreaterThan(1);
  const before = offersOf(said, 0).length;
  peers[0]!.signal({ restart: true });
  peers[0]!.signal({ restart: true });
  await expect.poll(() => offersOf(said, 0).length).toBe(before + 1);
  const ways = offersOf(said, 0).map(({ signal }) => /ice-ufrag:(\S+)/.exec(signal.description!.sdp!)![1]);
  expect(ways.at(-1), 'a new way, not the old one said again').not.toBe(ways[0]);
  await expect.poll(() => peers[1]!.connection.signalingState).toBe('stable');
  expect(peers.map(({ state }) => state)).toEqual(['connected', 'connected']);
});
