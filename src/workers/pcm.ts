import type { JitterOptions, JitterStats } from '../engine/audio/jitter.ts';
import { EngineError } from '../errors.ts';
import type { PcmOrder, PcmSetting } from './pcm.worklet.ts';
import worklet from './pcm.worklet.ts?worker&url';

/** How pushed sound is played. */
export type PcmOptions = {
  /**
   * `queue` (default): all of it is heard at its own speed, however early it came, as from text-to-speech. `live`: the
   * producer has a clock of its own, as a network has; sound is kept `targetS` behind by changing its speed by at most 0.1 %.
   */
  readonly mode?: JitterOptions['mode'];
  /** Sound that must be there before it begins, 0.01 … 2 s: default 0.04 in `queue`, 0.08 in `live`. */
  readonly targetS?: number;
  /** Most sound that may wait, default ten minutes. */
  readonly mostBufferedS?: number;
};

/** Figures of a {@link PcmSource}, as the audio thread told them within the last 50 ms. */
export type PcmStats = JitterStats;

const LOWEST_RATE_HZ = 8000;
const HIGHEST_RATE_HZ = 192_000;
const TARGET_S = { queue: 0.04, live: 0.08 } as const;

/** What is taken back fades as fast as can be without a click. */
const FADE_S = 0.005;

/** Silence between what was interrupted and what follows, in which whoever plays the source can part the two. */
export const PARTING_S = 0.03;

/** Seconds are summed on both threads, in parts of different sizes. */
const ROUNDING_S = 1e-5;

const NOTHING: PcmStats = {
  bufferedS: 0,
  playedS: 0,
  silenceS: 0,
  underruns: 0,
  skippedS: 0,
  interruptedS: 0,
  nonFinite: 0,
  clipped: 0,
  trimPpm: 0,
};

/** Figures added up, or with `sign` −1 taken away; the trim is the later one's. */
const sum = (a: PcmStats, b: PcmStats, sign: 1 | -1 = 1): PcmStats => ({
  bufferedS: a.bufferedS + sign * b.bufferedS,
  playedS: a.playedS + sign * b.playedS,
  silenceS: a.silenceS + sign * b.silenceS,
  underruns: a.underruns + sign * b.underruns,
  skippedS: a.skippedS + sign * b.skippedS,
  interruptedS: a.interruptedS + sign * b.interruptedS,
  nonFinite: a.nonFinite + sign * b.nonFinite,
  clipped: a.clipped + sign * b.clipped,
  trimPpm: b.trimPpm,
});

/** The audio thread's part, and the gate that shuts what it says at once. */
type Speaker = { readonly worklet: AudioWorkletNode; readonly gate: GainNode };

type Flush = { readonly atS: number; readonly settle: (heard: boolean) => void };

/**
 * A voice made of pushed samples: chunks of any length, faster or slower than real time, at any rate from 8 to 192 kHz.
 * It may be pushed to at once; sound begins when the worklet has loaded and the context runs. Needs no shared memory.
 */
export class PcmSource {
  /** Gives the sound, one channel; connect it like any other node. */
  readonly node: AudioNode;
  /** Resolves when the worklet runs; rejects with `unsupported` when it cannot. */
  readonly ready: Promise<void>;
  /** Resolves when `end` was called and all has been heard, or on `dispose`. */
  readonly ended: Promise<void>;
  readonly #context: BaseAudioContext;
  readonly #output: GainNode;
  readonly #mostBufferedS: number;
  readonly #flushes: Flush[] = [];
  readonly #options: JitterOptions;
  #speaker: Speaker | undefined;
  #orders: PcmOrder[] | undefined = []; // until the worklet runs
  #stats = NOTHING;
  #past = NOTHING; // of speakers that were interrupted
  #failure: EngineError | undefined;
  #pushedS = 0;
  #clearedS = 0; // of what was pushed, what `interrupt` took away at the latest
  #state: 'open' | 'ending' | 'disposed' = 'open';
  #end: () => void = () => undefined;
  readonly #closed = () => {
    if (this.#context.state === 'closed') this.dispose();
  };

  constructor(context: BaseAudioContext, options: PcmOptions = {}) {
    const { mode = 'queue', mostBufferedS = 600 } = options;
    if (mode !== 'queue' && mode !== 'live')
      throw new EngineError('unsupported', `PcmSource: mode is "${mode}", expected queue or live`);
    const { targetS = TARGET_S[mode] } = options;
    if (!(targetS >= 0.01 && targetS <= 2))
      throw new EngineError('unsupported', `PcmSource: targetS is ${targetS}, expected 0.01 … 2 seconds`);
    this.#context = context;
    this.#mostBufferedS = mostBufferedS;
    this.#output = new GainNode(context, { channelCount: 1, channelCountMode: 'explicit' });
    this.node = this.#output;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#options = { mode, targetS };
    this.ready = this.#load();
    this.ready.catch((error: EngineError) => {
      this.#failure = error; // which the next push throws
      this.dispose();
    });
    context.addEventListener('statechange', this.#closed);
  }

  /** Sound that was pushed and is neither heard nor cleared yet, to within 50 ms. */
  get bufferedS(): number {
    return Math.max(0, this.#pushedS - this.#goneS);
  }

  /** What became of the sound so far; `playedS` says how much of a speech was heard before an interruption. */
  get stats(): PcmStats {
    return { ...sum(this.#past, this.#stats), bufferedS: this.bufferedS };
  }

  /**
   * Takes a copy of a chunk of sound, one channel in −1…1: NaN and infinity become 0, what is beyond is clipped, both
   * counted. Throws `unsupported` for anything else, for a rate outside 8,000 … 192,000 Hz, after `end`, and when
   * ten minutes are waiting already.
   */
  push(samples: Float32Array, rateHz: number): void {
    if (!(samples instanceof Float32Array))
      throw new EngineError(
        'unsupported',
        `pushed samples are ${describe(samples)}, expected a Float32Array`,
        {
          hint: 'For 16-bit samples: Float32Array.from(samples, (x) => x / 32768).',
        },
      );
    if (!(rateHz >= LOWEST_RATE_HZ && rateHz <= HIGHEST_RATE_HZ))
      throw new EngineError(
        'unsupported',
        `the rate of pushed samples is ${rateHz}, expected ${LOWEST_RATE_HZ} … ${HIGHEST_RATE_HZ} Hz`,
        { hint: 'Give samples per second, such as 24000, with every chunk.' },
      );
    if (this.#failure) throw this.#failure;
    if (this.#state !== 'open')
      throw new EngineError(
        'unsupported',
        `samples were pushed after ${this.#state === 'ending' ? 'end' : 'dispose'}()`,
        {
          hint: 'Make a new source, or call flush() instead of end() between two utterances.',
        },
      );
    const seconds = samples.length / rateHz;
    if (this.bufferedS + seconds > this.#mostBufferedS)
      throw new EngineError(
        'unsupported',
        `${(this.bufferedS + seconds).toFixed(0)} s of pushed sound would wait, expected at most ${this.#mostBufferedS} s`,
        { hint: 'Wait until bufferedS has fallen, and see whether the audio context was started.' },
      );
    if (samples.length === 0) return;
    const copy = samples.slice() as Float32Array<ArrayBuffer>;
    this.#pushedS += seconds;
    this.#tell({ samples: copy, rateHz }, [copy.buffer]);
  }

  /**
   * Says that an utterance is complete, so that its end is no underrun and a short one begins at once. Resolves with true
   * when all that was pushed before has been heard, with false when it was interrupted or the source disposed.
   */
  flush(): Promise<boolean> {
    if (this.#state === 'disposed') return Promise.resolve(false);
    this.#tell('flush');
    const atS = this.#pushedS;
    if (this.#goneS >= atS - ROUNDING_S) return Promise.resolve(true);
    return new Promise((settle) => this.#flushes.push({ atS, settle }));
  }

  /**
   * Clears what has not been heard, at once, with a fade of 5 ms, however busy the audio thread is. What is pushed
   * afterwards is heard whole, 30 ms later at the earliest.
   */
  interrupt(): void {
    if (this.#state === 'disposed') return;
    this.#clearedS = this.#pushedS;
    this.#tell('interrupt');
    if (this.#speaker) this.#replace(this.#speaker);
    for (const { settle } of this.#flushes.splice(0)) settle(false);
    if (this.#state === 'ending') this.#end();
  }

  /** Says that nothing more will come; `ended` resolves when all has been heard. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    void this.flush().then(() => this.#end());
  }

  /** Falls silent and frees the audio thread's part; safe to call twice. */
  dispose(): void {
    if (this.#state === 'disposed') return;
    this.#state = 'disposed';
    this.#context.removeEventListener('statechange', this.#closed);
    this.#tell('stop');
    this.#orders = undefined;
    this.#speaker?.gate.disconnect();
    for (const { settle } of this.#flushes.splice(0)) settle(false);
    this.#end();
  }

  async #load() {
    const context = this.#context;
    if (!context.audioWorklet)
      throw new EngineError('unsupported', 'This page may not play pushed sound: it has no audio worklets.', {
        hint: 'Open the page over https or from localhost.',
      });
    try {
      await context.audioWorklet.addModule(worklet);
    } catch (cause) {
      throw new EngineError(
        'unsupported',
        `The worklet for pushed sound could not be loaded from ${worklet}.`,
        {
          hint: 'Serve that file as JavaScript, and let the Content-Security-Policy allow it as a script.',
          cause,
        },
      );
    }
    if (this.#state === 'disposed') return;
    const { port } = this.#open(0);
    for (const order of this.#orders ?? []) port.postMessage(order);
    this.#orders = undefined;
  }

  #open(fromS: number): AudioWorkletNode {
    const worklet = new AudioWorkletNode(this.#context, 'pcm', {
      numberOfInputs: 0,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      processorOptions: { ...this.#options, fromS } satisfies PcmSetting,
    });
    const gate = new GainNode(this.#context);
    worklet.port.onmessage = ({ data }: MessageEvent<PcmStats>) => {
      this.#stats = data;
      this.#settle();
    };
    worklet.connect(gate).connect(this.#output);
    this.#speaker = { worklet, gate };
    return worklet;
  }

  /** Shuts a speaker, which may go on until the audio thread hears of it, and lets another say what is pushed from now on. */
  #replace({ worklet, gate }: Speaker) {
    const now = this.#context.currentTime;
    gate.gain.setValueAtTime(1, now).linearRampToValueAtTime(0, now + FADE_S);
    this.#past = sum(this.#past, this.#stats);
    let counted = this.#stats;
    this.#stats = NOTHING;
    worklet.port.onmessage = ({ data }: MessageEvent<PcmStats>) => {
      this.#past = sum(this.#past, sum(data, counted, -1));
      counted = data;
      this.#settle();
    };
    worklet.port.postMessage('stop' satisfies PcmOrder);
    this.#open(now + PARTING_S);
  }

  #tell(order: PcmOrder, transfer: Transferable[] = []) {
    if (this.#speaker) this.#speaker.worklet.port.postMessage(order, transfer);
    else this.#orders?.push(order);
  }

  /** How much of what was pushed is heard, left out or cleared. */
  get #goneS() {
    const { playedS, skippedS, interruptedS } = sum(this.#past, this.#stats);
    return Math.max(playedS + skippedS + interruptedS, this.#clearedS);
  }

  #settle() {
    const goneS = this.#goneS + ROUNDING_S;
    while (this.#flushes.length > 0 && this.#flushes[0].atS <= goneS) this.#flushes.shift()?.settle(true);
  }
}

const describe = (value: unknown) =>
  value === null || typeof value !== 'object' ? String(value) : value.constructor.name;
