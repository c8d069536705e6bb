import { ARKIT_51, FRAME_RATE_HZ } from '../../src/engine/motion.ts';
import type { WireLevels } from '../../src/engine/wire.ts';
import { type LevelTap, tapLevels } from '../../src/live/levels.ts';
import type { MotionSource } from '../../src/live/motion-channel.ts';
import type { MotionSink } from '../../src/live/shared-motion.ts';
import type { Seat, Signalling, SignallingListener } from '../../src/live/signalling.ts';
import type { ArrivedFrame } from '../../src/workers/motion.player.ts';
import { attachVoice, type VoiceSource } from '../../src/workers/voice.ts';
import { dice } from '../sound.ts';

const JAW = ARKIT_51.indexOf('jawOpen');
const FLOOR_DB = -60;

type Point = { readonly timeS: number; readonly value: number };

/** A conversation without characters or networks: a jaw is as open as its voice is loud, and what is shown is kept. */
export class Puppets implements MotionSink {
  readonly context: AudioContext;
  readonly info: { backend: string };
  /** Every frame that was shown. */
  readonly shown: ArrivedFrame[] = [];
  /** Loudness of each person's voice where it enters the graph, 0…1 over 60 dB. */
  readonly loudness: [Point[], Point[]] = [[], []];
  readonly #listeners = new Set<(frame: ArrivedFrame) => void>();
  readonly #tap: LevelTap;
  readonly #inputs: readonly GainNode[];
  #source: MotionSource | null = null;
  #unfollow: (() => void) | undefined;
  #startS = 0;
  #next = 0;

  static async open(backend: string, context: AudioContext): Promise<Puppets> {
    let puppets: Puppets | undefined;
    const tap = await tapLevels(context, (person, levels) => puppets?.hear(person, levels));
    puppets = new Puppets(backend, context, tap);
    return puppets;
  }

  private constructor(backend: string, context: AudioContext, tap: LevelTap) {
    this.info = { backend };
    this.context = context;
    this.#tap = tap;
    this.#inputs = [0, 1].map((person) => {
      const input = new GainNode(context);
      input.connect(tap.input(person as 0 | 1));
      return input;
    });
    this.#begin();
  }

  get follows() {
    return this.#source !== null;
  }

  attach(person: 0 | 1, source: VoiceSource) {
    return attachVoice(this.context, source, this.#inputs[person]!, undefined);
  }

  follow(source: MotionSource | null) {
    this.#unfollow?.();
    this.#unfollow = source?.listen((frame) => this.#show(frame));
    if (this.#source && !source) this.#begin();
    this.#source = source;
  }

  on(_: 'frame', listener: (frame: ArrivedFrame) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close() {
    this.follow(null);
    this.#tap.close();
  }

  /** What was shown of a person's jaw from `fromS` on. */
  jaw(person: 0 | 1, fromS = 0): Point[] {
    return this.shown
      .filter(({ contextTimeS }) => contextTimeS > fromS)
      .map(({ contextTimeS, face }) => ({ timeS: contextTimeS, value: face[51 * person + JAW]! }));
  }

  hear(person: 0 | 1, { timeS, periodS, levels }: WireLevels) {
    levels.forEach((level, i) => {
      this.loudness[person].push({
        timeS: timeS + i * periodS,
        value: (Math.max(FLOOR_DB, level) - FLOOR_DB) / -FLOOR_DB,
      });
    });
    if (person === 1 && !this.#source) this.#generate();
  }

  #begin() {
    this.#startS = this.context.currentTime + 0.05;
    this.#next = 0;
  }

  #generate() {
    for (;;) {
      const contextTimeS = this.#startS + this.#next / FRAME_RATE_HZ;
      if (!(contextTimeS < (this.loudness[1].at(-1)?.timeS ?? 0))) return;
      const face = new Float32Array(102);
      for (const p of [0, 1] as const) face[51 * p + JAW] = valueAt(this.loudness[p], contextTimeS);
      const frameIndex = this.#next++;
      this.#show({
        frameIndex,
        face,
        body: undefined,
        contextTimeS,
        tickMs: 1,
        voicing: [0, 0],
        turn: [0, 0],
      });
    }
  }

  #show(frame: ArrivedFrame) {
    this.shown.push(frame);
    for (const listener of this.#listeners) listener(frame);
  }
}

/** A curve's value at a time, between its points; 0 outside. */
export function valueAt(curve: readonly Point[], timeS: number): number {
  for (let i = curve.length - 1; i > 0; i--) {
    const [a, b] = [curve[i - 1]!, curve[i]!];
    if (timeS < a.timeS || timeS > b.timeS) continue;
    return a.value + ((b.value - a.value) * (timeS - a.timeS)) / (b.timeS - a.timeS || 1);
  }
  return 0;
}

/** The lag (ms) at which `shown` follows `heard` best, in steps of 2.5 ms within ±400 ms, and the correlation there. */
export function lagOf(shown: readonly Point[], heard: readonly Point[]): { lagMs: number; r: number } {
  let best = { lagMs: Number.NaN, r: -1 };
  for (let lagMs = -400; lagMs <= 400; lagMs += 2.5) {
    const pairs = shown.map(({ timeS, value }) => [valueAt(heard, timeS - lagMs / 1000), value] as const);
    const mean = (k: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[k], 0) / pairs.length;
    const [ma, mb] = [mean(0), mean(1)];
    let [ab, aa, bb] = [0, 0, 0];
    for (const [a, b] of pairs) {
      ab += (a - ma) * (b - mb);
      aa += (a - ma) ** 2;
      bb += (b - mb) ** 2;
    }
    const r = ab / Math.sqrt(aa * bb);
    if (r > best.r) best = { lagMs, r };
  }
  return best;
}

/** A voice that never ends: bursts of noise of uneven length and loudness, with pauses, the same for the same seed. */
export function babble(context: AudioContext, seed: number): MediaStream {
  const next = dice(seed);
  const rate = context.sampleRate;
  const samples = new Float32Array(30 * rate);
  for (let at = 0; at < samples.length; ) {
    at += Math.round(((40 + next(120) + (next(5) === 0 ? 400 : 0)) / 1000) * rate);
    const length = Math.round(((80 + next(220)) / 1000) * rate);
    const level = 0.05 + next(100) / 300;
    for (let i = 0; i < length && at + i < samples.length; i++)
      samples[at + i] = level * Math.sin((Math.PI * i) / length) * Math.sin(i * 0.02 * (1 + (at % 3))) * 0.9;
    at += length;
  }
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: rate });
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  const to = new MediaStreamAudioDestinationNode(context);
  source.connect(to);
  source.start();
  return to.stream;
}

/** A signalling within one page, which loses nothing. */
export function signallingInPage(): Signalling {
  const seats: ({ id: string; listener: SignallingListener } | undefined)[] = [undefined, undefined];
  let count = 0;
  return {
    async join(_, listener): Promise<Seat> {
      const free = seats.findIndex((seat) => !seat);
      if (free < 0) throw new Error('the room is full');
      const person = free === 0 ? 0 : 1;
      const id = `page ${count++}`;
      seats[person] = { id, listener };
      const other = () => seats[1 - person];
      setTimeout(() => {
        listener.peer(other()?.id ?? null);
        other()?.listener.peer(id);
      });
      return {
        person,
        send(data) {
          const copy: unknown = JSON.parse(JSON.stringify(data));
          const to = other();
          setTimeout(() => to?.listener.message(copy));
        },
        leave() {
          if (seats[person]?.id !== id) return;
          seats[person] = undefined;
          const left = other();
          setTimeout(() => left?.listener.peer(null));
        },
      };
    },
  };
}
