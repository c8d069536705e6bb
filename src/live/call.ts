import { EngineError } from '../errors.ts';
import type { Voice } from '../workers/voice.ts';
import { type LevelTap, tapLevels } from './levels.ts';
import { Link } from './link.ts';
import { MotionChannel, type MotionChannelStats } from './motion-channel.ts';
import { MotionLine } from './motion-line.ts';
import { type MotionRole, type MotionSink, SharedMotion } from './shared-motion.ts';
import type { Seat, Signalling } from './signalling.ts';

/** How a call stands; `waiting` is alone in the room, `reconnecting` looks for another way, `ended` is for good. */
export type CallState = 'waiting' | 'connecting' | 'connected' | 'reconnecting' | 'ended';

/** What a call is made from. */
export type CallOptions = {
  /** The conversation that shows both; its audio clock must be running (`start`). */
  readonly duo: MotionSink;
  readonly signalling: Signalling;
  /** Name of a room of two. */
  readonly room: string;
  /** Our voice; the caller stops its tracks, not the call. */
  readonly microphone: MediaStream;
  /** STUN and TURN servers; none are needed within one network. */
  readonly iceServers?: readonly RTCIceServer[];
};

/** Figures of a running call; those of the motion channel are undefined while nobody is there. */
export type CallStats = {
  readonly state: CallState;
  readonly role: MotionRole;
  readonly motion: MotionChannelStats | undefined;
};

type CallEvents = {
  /** The call stands differently. */
  state: CallState;
  /** The motion comes from somewhere else now, and why. */
  role: { readonly role: MotionRole; readonly reason: string };
  /** The line to the signalling broke (a call that is connected goes on, and the line is mended), or is back. */
  signalling: { readonly open: boolean };
  /** What went wrong: no way to the other page is found (and is looked for still), or the seat was lost (`ended` follows). */
  error: EngineError;
};

/** What each side tells the other about itself, so that both come to the same mind about who generates. */
type Hello = { readonly type: 'hello'; readonly backend: string; readonly cores: number };

const STRENGTH: Readonly<Record<string, number>> = { webgpu: 3, wasm: 2, visemes: 1 };
const STATS_MS = 1000;
/** Sound waits in the receiver's graph and in the codec too. */
const GRAPH_S = 0.03;

/**
 * Whether the side of `own` generates for both: the one with the faster backend, then the one with more processors, then
 * person 0. Both sides come to opposite answers.
 */
export function generates(own: Hello, other: Hello, person: 0 | 1): boolean {
  const rank = ({ backend, cores }: Hello) => [STRENGTH[backend] ?? 0, Number(cores) || 0] as const;
  const [a, b] = [rank(own), rank(other)];
  if (a[0] !== b[0]) return a[0] > b[0];
  if (a[1] !== b[1]) return a[1] > b[1];
  return person === 0;
}

function checkMicrophone(microphone: MediaStream) {
  if (microphone.getAudioTracks().length > 0) return;
  throw new EngineError('unsupported', 'The microphone of the call has no audio track.', {
    hint: 'Ask getUserMedia for { audio: true }.',
  });
}

const noWay = () =>
  new EngineError('unsupported', 'The other page is there, but no way to it has been found yet.', {
    hint: 'Both must be in one network; from network to network, name STUN and TURN servers in iceServers.',
  });

const isHello = (message: unknown): message is Hello =>
  typeof message === 'object' && message !== null && (message as Hello).type === 'hello';

/**
 * Joins a room of two: each microphone drives its own character on both pages, and both see the same talk. Person 0 is who
 * was in the room first and stands on the left on both pages. Throws `unsupported` when the room cannot be joined.
 */
export async function joinCall(options: CallOptions): Promise<Call> {
  checkMicrophone(options.microphone);
  let tap: LevelTap | undefined;
  let call: Call | undefined;
  const early: ((call: Call) => void)[] = [];
  const tell = (what: (call: Call) => void) => {
    if (call) what(call);
    else early.push(what);
  };
  try {
    tap = await tapLevels(options.duo.context, (index, levels) => call?.heard(index, levels));
    const seat = await options.signalling.join(options.room, {
      peer: (id) => tell((it) => it.peer(id)),
      message: (data) => tell((it) => it.message(data)),
      line: (open) => tell((it) => it.line(open)),
      lost: (error) => tell((it) => it.lost(error)),
    });
    call = new Call(options, seat, tap);
    for (const what of early) what(call);
    return call;
  } catch (error) {
    tap?.close();
    throw error;
  }
}

/** A call between two pages; made by {@link joinCall}. */
export class Call {
  /** Whom we are, on both pages. */
  readonly person: 0 | 1;
  readonly #options: CallOptions;
  readonly #seat: Seat;
  readonly #tap: LevelTap;
  readonly #listeners = new Map<keyof CallEvents, Set<(event: never) => void>>();
  readonly #timer: ReturnType<typeof setInterval>;
  #microphone: MediaStream;
  #own: Attached | undefined;
  #remote: Attached | undefined;
  #link: Link | undefined;
  #channel: MotionChannel | undefined;
  #shared: SharedMotion | undefined;
  #theirs: Hello | undefined;
  #told = '';
  #muted = false;
  #state: CallState = 'waiting';

  /** @internal */
  constructor(options: CallOptions, seat: Seat, tap: LevelTap) {
    this.#options = options;
    this.#seat = seat;
    this.#tap = tap;
    this.#microphone = options.microphone;
    this.person = seat.person;
    this.#own = this.#attach(this.person, options.microphone, 0, false);
    this.#timer = setInterval(() => void this.#refresh(), STATS_MS);
  }

  /** How far the call is; `state` events tell of changes. */
  get state(): CallState {
    return this.#state;
  }

  /** Where the motion comes from. */
  get role(): MotionRole {
    return this.#shared?.role ?? 'generating';
  }

  /** Figures of the call so far. */
  stats(): CallStats {
    return { state: this.#state, role: this.role, motion: this.#channel?.stats };
  }

  /** Hears `state`, `role` or `error`; returns what stops it. */
  on<Name extends keyof CallEvents>(name: Name, listener: (event: CallEvents[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener as (event: never) => void);
    return () => listeners.delete(listener as (event: never) => void);
  }

  /** Whether our microphone gives silence, on both pages. */
  get muted(): boolean {
    return this.#muted;
  }

  /** Silences our microphone, and whichever follows it, or lets it speak again. */
  setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#obeyMuted();
  }

  /** Speaks through another microphone from now on. Throws `unsupported` for a stream without an audio track. */
  async setMicrophone(microphone: MediaStream): Promise<void> {
    if (this.#state === 'ended') return;
    checkMicrophone(microphone);
    this.#microphone = microphone;
    this.#obeyMuted();
    this.#own?.close();
    this.#own = this.#attach(this.person, microphone, 0, false);
    await this.#link?.setMicrophone(microphone);
  }

  /** Ends the call and leaves the room; the conversation goes on without voices. Safe to call twice. */
  hangUp(): void {
    if (this.#state === 'ended') return;
    this.#link?.control({ type: 'bye' });
    this.#dropLink();
    clearInterval(this.#timer);
    this.#own?.close();
    this.#tap.close();
    this.#seat.leave();
    this.#become('ended');
    this.#listeners.clear();
  }

  /** @internal Somebody sits opposite now, or nobody. */
  peer(id: string | null): void {
    if (this.#state === 'ended') return;
    this.#dropLink();
    if (id === null) this.#become('waiting');
    else this.#meet();
  }

  /** @internal Something came over the signalling. */
  message(data: unknown): void {
    this.#link?.signal(data);
  }

  /** @internal The line to the signalling broke, or is back. */
  line(open: boolean): void {
    this.#emit('signalling', { open });
  }

  /** @internal The seat is gone for good. */
  lost(error: EngineError): void {
    if (this.#state === 'ended') return;
    this.#emit('error', error);
    this.hangUp();
  }

  /** @internal How loud our own voice (0) or the other (1) was. */
  heard(index: 0 | 1, levels: Parameters<MotionChannel['heard']>[0]): void {
    if (index === 1) this.#channel?.heard(levels);
    else if (this.role === 'generating') this.#channel?.sendLevels(levels);
  }

  #meet() {
    const { duo, iceServers = [] } = this.#options;
    const line = new MotionLine();
    const channel = new MotionChannel(line, () => duo.context.currentTime);
    this.#channel = channel;
    this.#shared = new SharedMotion(duo, channel, (role, reason) => this.#emit('role', { role, reason }));
    this.#become('connecting');
    const link = new Link({
      iceServers,
      offers: this.person === 0,
      microphone: this.#microphone,
      send: (signal) => this.#seat.send(signal),
      onState: (state) => this.#become(state),
      onVoice: (stream) => {
        this.#remote?.close();
        this.#remote = this.#attach(this.person === 0 ? 1 : 0, stream, 1, true);
      },
      onMotion: (motion) => line.use(motion),
      onReady: () => {
        this.#told = '';
        this.#tell();
      },
      onControl: (message) => this.#control(link, message),
      onNoWay: () => this.#emit('error', noWay()),
    });
    this.#link = link;
  }

  #dropLink() {
    this.#shared?.close();
    this.#channel?.close();
    this.#remote?.close();
    this.#link?.close();
    this.#shared = this.#channel = this.#remote = this.#link = this.#theirs = undefined;
  }

  #control(link: Link, message: unknown) {
    if (link !== this.#link) return;
    if (isHello(message)) {
      this.#theirs = message;
      this.#tell(true);
    } else if ((message as { type?: string } | null)?.type === 'bye') this.peer(null);
  }

  /** Tells the other side about us where that has changed, and decides who generates. */
  #tell(decide = false) {
    const own: Hello = {
      type: 'hello',
      backend: this.#options.duo.info.backend,
      cores: navigator.hardwareConcurrency,
    };
    const text = JSON.stringify(own);
    if (text !== this.#told) {
      this.#told = text;
      this.#link?.control(own);
      decide = true;
    }
    if (decide && this.#theirs) this.#shared?.lead(generates(own, this.#theirs, this.person));
  }

  async #refresh() {
    const [link, channel] = [this.#link, this.#channel];
    if (!link || !channel || !this.#theirs) return;
    this.#tell();
    const bufferS = await link.jitterBufferS().catch(() => Number.NaN);
    if (Number.isFinite(bufferS)) channel.bufferingS = bufferS + GRAPH_S;
  }

  #obeyMuted() {
    for (const track of this.#microphone.getAudioTracks()) track.enabled = !this.#muted;
  }

  #attach(person: 0 | 1, stream: MediaStream, index: 0 | 1, play: boolean): Attached {
    return attachStream(this.#options.duo, person, stream, this.#tap.input(index), play);
  }

  #become(state: CallState) {
    if (state === this.#state) return;
    this.#state = state;
    this.#emit('state', state);
  }

  #emit<Name extends keyof CallEvents>(name: Name, event: CallEvents[Name]) {
    for (const listener of [...(this.#listeners.get(name) ?? [])])
      (listener as (event: CallEvents[Name]) => void)(event);
  }
}

/** A stream that speaks for a person and is measured on the way. */
export type Attached = { close(): void };

/** Lets a stream speak for a person; person and `meter` hear it through the same node, so at the same time. */
export function attachStream(
  duo: MotionSink,
  person: 0 | 1,
  stream: MediaStream,
  meter: AudioNode | undefined,
  play: boolean,
): Attached {
  // Chromium gives silence for a remote track until a media element plays it, muted or not.
  const puller = new Audio();
  puller.muted = true;
  puller.srcObject = stream;
  puller.play().catch(() => undefined);
  const node = duo.context.createMediaStreamSource(stream);
  if (meter) node.connect(meter);
  const voice: Voice = duo.attach(person, node, { play });
  return {
    close() {
      voice.detach();
      if (meter) node.disconnect(meter);
      puller.srcObject = null;
    },
  };
}
