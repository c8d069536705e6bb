import type { Curve } from './curves.ts';

const RECORDER = `registerProcessor('loudness', class extends AudioWorkletProcessor {
  #sum = 0; #count = 0;
  process([input]) {
    const left = input[0] ?? [];
    for (const v of left) this.#sum += v * v;
    if (++this.#count < 4) return true;
    this.port.postMessage([(currentFrame - 192) / sampleRate, Math.sqrt(this.#sum / 512)]);
    this.#sum = this.#count = 0;
    return true;
  }
});`;

/** Loudness as the ear has it: RMS to dB, silence cut off at −60 dB. */
const decibels = (rms: number) => Math.max(-60, 20 * Math.log10(rms + 1e-9));

/**
 * Listens to what a page plays from outside, where it goes into the loudspeaker: everything that is connected to an audio
 * destination from now on goes through here, and `lateMs` later than whoever plays it knows.
 */
export class Output {
  /** When what was heard came out of the graph (context time, s), and its loudness (dB). */
  readonly #timesS: number[] = [];
  readonly #loudness: number[] = [];
  readonly #connect = AudioNode.prototype.connect;
  #tap: GainNode | undefined;

  constructor(lateMs: number) {
    const connect = this.#connect as (this: AudioNode, ...to: unknown[]) => AudioNode;
    const output = this;
    AudioNode.prototype.connect = function (this: AudioNode, ...to: unknown[]) {
      if (!(to[0] instanceof AudioDestinationNode) || !(this.context instanceof AudioContext))
        return connect.apply(this, to);
      output.#tap ??= output.#open(this.context, lateMs);
      return connect.call(this, output.#tap);
    } as typeof AudioNode.prototype.connect;
  }

  #open(context: AudioContext, lateMs: number): GainNode {
    const connect = this.#connect as (this: AudioNode, to: AudioNode) => AudioNode;
    const tap = new GainNode(context);
    const end = lateMs > 0 ? new DelayNode(context, { delayTime: lateMs / 1000 }) : tap;
    if (end !== tap) connect.call(tap, end);
    connect.call(end, context.destination);
    const module = URL.createObjectURL(new Blob([RECORDER], { type: 'text/javascript' }));
    void context.audioWorklet.addModule(module).then(() => {
      const recorder = new AudioWorkletNode(context, 'loudness', { numberOfOutputs: 0, channelCount: 1 });
      recorder.port.onmessage = ({ data: [timeS, rms] }: MessageEvent<[number, number]>) => {
        this.#timesS.push(timeS);
        this.#loudness.push(decibels(rms));
      };
      connect.call(end, recorder);
    });
    return tap;
  }

  /** What was played between two context times, by when it was heard. */
  heard(clock: Clock, fromS: number, toS: number): Curve {
    const kept = this.#timesS.map((s) => s >= fromS && s <= toS);
    return {
      timesMs: this.#timesS.filter((_, i) => kept[i]).map((s) => clock.heardMs(s)),
      values: this.#loudness.filter((_, i) => kept[i]),
    };
  }

  /** Lets pages play again as they did. */
  close(): void {
    AudioNode.prototype.connect = this.#connect;
  }
}

const NEAR_MS = 1000;
/** Where the context does not tell how long its bursts are. */
const LONGEST_BURST_S = 0.1;

/** Notes how the clocks of context and page stand to each other, to tell afterwards what was when. */
export class Clock {
  readonly #context: AudioContext;
  readonly #readings: { readonly nowMs: number; readonly renderedMs: number; readonly heardMs: number }[] =
    [];

  constructor(context: AudioContext) {
    this.#context = context;
  }

  /** Reads both clocks; to be called often. */
  read(nowMs = performance.now()): void {
    const { currentTime, outputLatency } = this.#context;
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    const heardMs = contextTime
      ? contextTime * 1000 - performanceTime!
      : (currentTime - outputLatency) * 1000 - nowMs;
    this.#readings.push({ nowMs, renderedMs: currentTime * 1000 - nowMs, heardMs });
  }

  /**
   * The context time (ms) that sound entered the graph with at a moment of the page: `currentTime` moves in bursts, and
   * between two of them, a buffer apart, time goes on. A machine that stops the audio thread for longer takes that time from
   * the context.
   */
  renderedMs(nowMs: number): number {
    const near = this.#near(nowMs);
    const closest = near.reduce((a, b) => (Math.abs(b.nowMs - nowMs) < Math.abs(a.nowMs - nowMs) ? b : a));
    const ahead = Math.max(...near.map(({ renderedMs }) => renderedMs));
    return (
      nowMs + Math.min(ahead, closest.renderedMs + (this.#context.baseLatency || LONGEST_BURST_S) * 1000)
    );
  }

  /** When the sound of a context time entered the graph (ms of the page). */
  enteredMs(contextS: number): number {
    const guess = contextS * 1000 - (this.#readings[0]?.renderedMs ?? 0);
    return contextS * 1000 - (this.renderedMs(guess) - guess);
  }

  /** When the sound of a context time left the loudspeaker (ms of the page). */
  heardMs(contextS: number): number {
    const guess = contextS * 1000 - (this.#readings[0]?.heardMs ?? 0);
    const near = this.#near(guess).map(({ heardMs }) => heardMs);
    near.sort((a, b) => a - b);
    return contextS * 1000 - near[near.length >> 1]!;
  }

  #near(atMs: number) {
    const readings = this.#readings;
    let [low, high] = [0, readings.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (readings[middle]!.nowMs < atMs - NEAR_MS / 2) low = middle + 1;
      else high = middle;
    }
    const from = Math.min(low, readings.length - 1);
    let to = from + 1;
    while (to < readings.length && readings[to]!.nowMs <= atMs + NEAR_MS / 2) to++;
    return readings.slice(from, to);
  }
}
