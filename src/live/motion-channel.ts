import { FRAME_RATE_HZ, PERSONS, SAMPLE_RATE_HZ } from '../engine/motion.ts';
import {
  decodeMessage,
  encodeFrame,
  encodeLevels,
  encodePing,
  encodePong,
  type WireFrame,
  type WireLevels,
} from '../engine/wire.ts';
import type { ArrivedFrame } from '../workers/motion.player.ts';
import { Recent } from '../workers/recent.ts';
import { PlayoutClock, type PlayoutStats } from './playout.ts';

/** Carries packets to the other side, in any order, some of them twice or never. */
export type PacketTransport = {
  /** Sends or drops; never throws. */
  send(packet: Uint8Array<ArrayBuffer>): void;
  listen(listener: (packet: Uint8Array) => void): () => void;
};

/** Motion that comes from elsewhere, on our audio clock. */
export type MotionSource = {
  /** The 16 kHz sample of the sender's conversation that belongs to what enters our graph at a context time. */
  sampleAt(contextTimeS: number): number;
  /** Percentile of the recent latencies, in milliseconds: from the sound entering our graph to its frame. */
  latencyMs(share: number): number;
  /** Whether the person was heard speaking in the last third of a second. */
  speaking(person: number): boolean;
  /** Hears every frame once; `isFirst` begins another conversation. Returns what stops it. */
  listen(listener: (frame: ArrivedFrame, isFirst: boolean) => void): () => void;
};

/** Counters of a motion channel. */
export type MotionChannelStats = PlayoutStats & {
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly frames: number;
  /** Frames that never came, as far as their numbers tell. */
  readonly lostFrames: number;
  readonly duplicateFrames: number;
  /** Frames of an earlier conversation, or older than eight seconds. */
  readonly staleFrames: number;
  /** Packets that were none of ours, cut off or garbled. */
  readonly refusedPackets: number;
};

const KEPT_FRAMES = 256;
const KEPT_LATENCIES = 150;
const TICK_MS = 250;
const FIRST_PINGS = 8;
const VOICED = 0.5;
const SPEAKING_HOLD_FRAMES = 10;
const NEW_CONVERSATION_S = 1e-3;

/** True when `a` comes after `b` in numbers that wrap at 2^32. */
const after = (a: number, b: number) => ((a - b) | 0) > 0;

/**
 * One end of the motion channel. Sends frames stamped on our audio clock, and takes the other side's frames and lays them
 * on ours, so that lips meet the sender's voice where it enters our graph. `now` reads our audio clock in seconds.
 */
export class MotionChannel implements MotionSource {
  readonly #transport: PacketTransport;
  readonly #now: () => number;
  readonly #clock = new PlayoutClock();
  readonly #listeners = new Set<(frame: ArrivedFrame, isFirst: boolean) => void>();
  readonly #latencyMs = new Recent(KEPT_LATENCIES);
  readonly #voicedAt = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  readonly #seen = new Float64Array(KEPT_FRAMES).fill(-1);
  readonly #stopListening: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #exchange: boolean;
  #ticks = 0;
  #conversation: number | undefined;
  #startS = 0;
  #newest = -1;
  #firstSequence = 0;
  #newestSequence = 0;
  #ofSender = 0;
  #counts = { frames: 0, duplicateFrames: 0, staleFrames: 0, refusedPackets: 0 };
  #sending = { conversation: 0, startS: Number.NaN, frames: 0, bytes: 0 };

  /** `exchange` (default true) asks the other side for its clock; a side with many listeners is better not asked. */
  constructor(transport: PacketTransport, now: () => number, { exchange = true } = {}) {
    this.#transport = transport;
    this.#now = now;
    this.#exchange = exchange;
    this.#stopListening = transport.listen((packet) => this.#take(packet));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get stats(): MotionChannelStats {
    const expected = this.#ofSender > 0 ? ((this.#newestSequence - this.#firstSequence) >>> 0) + 1 : 0;
    return {
      ...this.#clock.stats,
      ...this.#counts,
      lostFrames: Math.max(0, expected - this.#ofSender),
      sentFrames: this.#sending.frames,
      sentBytes: this.#sending.bytes,
    };
  }

  /** What the jitter buffer adds, in seconds; used until the voices themselves have been compared. */
  set bufferingS(seconds: number) {
    this.#clock.bufferingS = seconds;
  }

  /** Sends a frame of our own generation. */
  send({ frameIndex, face, body, contextTimeS, voicing, turn }: ArrivedFrame): void {
    const startS = contextTimeS - frameIndex / FRAME_RATE_HZ;
    const sending = this.#sending;
    if (!(Math.abs(startS - sending.startS) < NEW_CONVERSATION_S)) {
      sending.startS = startS;
      const now = Date.now() >>> 0;
      // Later than the last one, here and on a page that was loaded again.
      sending.conversation = after(now, sending.conversation) ? now : (sending.conversation + 1) >>> 0;
    }
    const packet = encodeFrame({
      conversation: sending.conversation,
      sequence: sending.frames++ >>> 0,
      frameIndex,
      timeS: contextTimeS,
      face,
      body,
      voicing,
      turn,
    });
    sending.bytes += packet.length;
    this.#transport.send(packet);
  }

  /** Sends how loud our voice is, by which the other side finds it in what it hears. */
  sendLevels(levels: WireLevels): void {
    const packet = encodeLevels(levels);
    this.#sending.bytes += packet.length;
    this.#transport.send(packet);
  }

  /** Takes how loud the sender's voice is where it enters our graph. */
  heard(levels: WireLevels): void {
    this.#clock.heard(levels);
  }

  listen(listener: (frame: ArrivedFrame, isFirst: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  sampleAt(contextTimeS: number): number {
    return (contextTimeS - this.#clock.lagAt(this.#now()) - this.#startS) * SAMPLE_RATE_HZ;
  }

  latencyMs(share: number): number {
    return this.#latencyMs.percentile(share);
  }

  speaking(person: number): boolean {
    return this.#newest - this.#voicedAt[person]! < SPEAKING_HOLD_FRAMES;
  }

  /** Ends both directions; safe to call twice. */
  close(): void {
    clearInterval(this.#timer);
    this.#stopListening();
    this.#listeners.clear();
  }

  #tick() {
    // Often at first, so that the best of them is soon a good one.
    const asks = this.#ticks++ < FIRST_PINGS || this.#ticks % 4 === 0;
    if (this.#exchange && asks) this.#transport.send(encodePing(this.#now()));
    this.#clock.update();
  }

  #take(packet: Uint8Array) {
    const message = decodeMessage(packet);
    if (!message) this.#counts.refusedPackets++;
    else if (message.kind === 'frame') this.#takeFrame(message.frame);
    else if (message.kind === 'levels') this.#clock.sent(message.levels);
    else if (message.kind === 'ping') this.#transport.send(encodePong(message.sentS, this.#now()));
    else this.#clock.exchanged(message.sentS, message.answeredS, this.#now());
  }

  #takeFrame(frame: WireFrame) {
    const { conversation, sequence, frameIndex, timeS, face, body, voicing, turn } = frame;
    const isFirst = conversation !== this.#conversation;
    if (isFirst && this.#conversation !== undefined && !after(conversation, this.#conversation)) {
      this.#counts.staleFrames++;
      return;
    }
    if (isFirst) this.#begin(frame);
    const slot = frameIndex % KEPT_FRAMES;
    if (this.#seen[slot] === frameIndex || frameIndex <= this.#newest - KEPT_FRAMES) {
      this.#counts[this.#seen[slot] === frameIndex ? 'duplicateFrames' : 'staleFrames']++;
      return;
    }
    this.#seen[slot] = frameIndex;
    this.#count(sequence);
    const cameS = this.#now();
    this.#clock.arrived(timeS, cameS);
    if (Number.isNaN(this.#clock.lagAt(cameS))) this.#clock.update();
    const contextTimeS = timeS + this.#clock.lagAt(cameS);
    this.#latencyMs.add((cameS - contextTimeS) * 1000);
    this.#newest = Math.max(this.#newest, frameIndex);
    for (let p = 0; p < PERSONS; p++)
      if (voicing[p]! > VOICED) this.#voicedAt[p] = Math.max(this.#voicedAt[p]!, frameIndex);
    const arrived = { frameIndex, face, body, contextTimeS, tickMs: Number.NaN, voicing, turn };
    for (const listener of [...this.#listeners]) listener(arrived, isFirst);
  }

  #begin({ conversation, sequence, timeS, frameIndex }: WireFrame) {
    this.#conversation = conversation;
    // A sender that was loaded again counts from 0.
    if (!after(sequence, this.#newestSequence)) this.#ofSender = 0;
    this.#startS = timeS - frameIndex / FRAME_RATE_HZ;
    this.#newest = -1;
    this.#seen.fill(-1);
    this.#voicedAt.fill(Number.NEGATIVE_INFINITY);
    this.#latencyMs.clear();
  }

  #count(sequence: number) {
    this.#counts.frames++;
    if (this.#ofSender++ === 0) {
      this.#firstSequence = sequence;
      this.#newestSequence = sequence;
    } else if (after(sequence, this.#newestSequence)) this.#newestSequence = sequence;
  }
}
