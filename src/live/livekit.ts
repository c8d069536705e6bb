import { EngineError } from '../errors.ts';
import { type Attached, attachStream } from './call.ts';
import { tapLevels } from './levels.ts';
import { MotionChannel, type MotionChannelStats, type PacketTransport } from './motion-channel.ts';
import { type MotionRole, type MotionSink, SharedMotion } from './shared-motion.ts';

type LiveKitTrack = { readonly kind: string; readonly mediaStreamTrack: MediaStreamTrack };
type LiveKitPublication = { readonly track?: LiveKitTrack | undefined };
type LiveKitParticipant = {
  readonly identity: string;
  readonly audioTrackPublications: ReadonlyMap<string, LiveKitPublication>;
};

/** What is used of livekit-client's `Room`; the class itself fits. */
export type LiveKitRoom = {
  readonly localParticipant: LiveKitParticipant & {
    publishData(
      data: Uint8Array<ArrayBuffer>,
      options?: { reliable?: boolean; topic?: string },
    ): Promise<void>;
  };
  readonly remoteParticipants: ReadonlyMap<string, LiveKitParticipant>;
  // biome-ignore lint/suspicious/noExplicitAny: livekit-client types each event's listener by its name
  on(event: any, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: see `on`
  off(event: any, listener: (...args: any[]) => void): unknown;
};

/** Who is who in a room. */
export type LiveKitOptions = {
  /** Which participant, by identity, speaks for which person; everybody else watches. */
  readonly persons: Readonly<Record<string, 0 | 1>>;
  /** Identity of the participant who generates the motion for all; default: person 0. */
  readonly generator?: string;
  /** Hears where the motion comes from, and why. */
  readonly onRole?: (role: MotionRole, reason: string) => void;
};

/** A conversation that is tied to a LiveKit room. */
export type LiveKitLink = {
  readonly role: MotionRole;
  readonly stats: MotionChannelStats;
  /** Takes the voices away and generates here; the room stays as it is. Safe to call twice. */
  close(): void;
};

const TOPIC = 'duologue-motion';

/**
 * Ties a conversation to a connected LiveKit room: the audio tracks of the two persons become their voices, one
 * participant generates the motion and sends it in lossy data packets, all others play it. Throws `unsupported` when
 * nobody is named to generate.
 */
export async function attachLiveKit(
  duo: MotionSink,
  room: LiveKitRoom,
  { persons, generator, onRole = () => undefined }: LiveKitOptions,
): Promise<LiveKitLink> {
  const leader = generator ?? Object.keys(persons).find((identity) => persons[identity] === 0);
  if (leader === undefined)
    throw new EngineError(
      'unsupported',
      'Nobody in the LiveKit room is person 0, and no generator is named.',
      {
        hint: 'Pass persons such as { alice: 0, bob: 1 }, or the identity of a generator.',
      },
    );
  const { identity } = room.localParticipant;
  const leads = identity === leader;
  // Everybody lays the generator's clock on their own by the same voice: the generator's, or person 0's where it has none.
  const reference = persons[leader] ?? 0;
  const tap = await tapLevels(duo.context, (index, levels) => {
    if (leads && index === 0) channel.sendLevels(levels);
    else if (!leads && index === 1) channel.heard(levels);
  });
  const stops: (() => void)[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: see LiveKitRoom
  const on = (event: string, listener: (...args: any[]) => void) => {
    room.on(event, listener);
    stops.push(() => room.off(event, listener));
  };
  const transport: PacketTransport = {
    send(packet) {
      room.localParticipant.publishData(packet, { reliable: false, topic: TOPIC }).catch(() => undefined); // lost, as a packet may be
    },
    listen(listener) {
      on(
        'dataReceived',
        (payload: Uint8Array, participant?: LiveKitParticipant, _?: unknown, topic?: string) => {
          if (topic === TOPIC && participant?.identity === leader) listener(payload);
        },
      );
      return () => undefined;
    },
  };
  // Watchers may be many, so they ask nothing of the generator: no exchange of clocks.
  const channel = new MotionChannel(transport, () => duo.context.currentTime, { exchange: false });
  const shared = new SharedMotion(duo, channel, onRole);
  shared.lead(leads);

  const voices = new Map<MediaStreamTrack, Attached>();
  const add = (who: string, track: LiveKitTrack | undefined) => {
    const person = persons[who];
    if (person === undefined || track?.kind !== 'audio' || voices.has(track.mediaStreamTrack)) return;
    const own = who === identity;
    const measured = person === reference && (leads || !own);
    const stream = new MediaStream([track.mediaStreamTrack]);
    const meter = measured ? tap.input(leads ? 0 : 1) : undefined;
    voices.set(track.mediaStreamTrack, attachStream(duo, person, stream, meter, !own));
  };
  const remove = (track: LiveKitTrack | undefined) => {
    if (!track) return;
    voices.get(track.mediaStreamTrack)?.close();
    voices.delete(track.mediaStreamTrack);
  };
  on('trackSubscribed', (track: LiveKitTrack, _: unknown, participant: LiveKitParticipant) =>
    add(participant.identity, track),
  );
  on('trackUnsubscribed', (track: LiveKitTrack) => remove(track));
  on('localTrackPublished', ({ track }: LiveKitPublication) => add(identity, track));
  on('localTrackUnpublished', ({ track }: LiveKitPublication) => remove(track));
  for (const participant of [room.localParticipant, ...room.remoteParticipants.values()])
    for (const { track } of participant.audioTrackPublications.values()) add(participant.identity, track);

  let open = true;
  return {
    get role() {
      return shared.role;
    },
    get stats() {
      return channel.stats;
    },
    close() {
      if (!open) return;
      open = false;
      shared.close();
      channel.close();
      for (const stop of stops) stop();
      for (const voice of voices.values()) voice.close();
      voices.clear();
      tap.close();
    },
  };
}
