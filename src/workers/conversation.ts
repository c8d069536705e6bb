import { splitFrame } from '../engine/audio/block.ts';
import { MEL_SILENCE } from '../engine/audio/logmel.ts';
import { TICK_LENGTH, Voices } from '../engine/audio/voices.ts';
import type { Backend } from '../engine/backend/backend.ts';
import type { GeneratedFrame, Generator } from '../engine/model/generator.ts';
import { effortFor } from '../engine/model/scheduler.ts';
import { EngineError } from '../errors.ts';
import { MOTION_BLOCK, MOTION_BODIES, MOTION_HEADER } from './motion.block.ts';
import type { Origin, WorkerStats } from './motion.protocol.ts';
import { Recent } from './recent.ts';
import { openReader, openWriter, type StreamEnd, type StreamReader, type StreamWriter } from './stream.ts';

/** Ticks of backlog (2 s) beyond which sound is left out too, as after a sleep: a slow machine must not fall ever further behind. */
const MOST_BACKLOG = 60;

/** Tick times kept for the percentiles: ten seconds. */
const KEPT_TICKS = 300;

/**
 * Ticks of silence that are worked on while no sound has come yet, as before the gesture that lets a page hear: WebAssembly is
 * compiled for speed while it runs, and a tick takes a third of its first time after about so many.
 */
const WARMING_TICKS = 300;

/** Somebody who waits until the talk keeps up. */
type Waiting = { readonly sinceFrames: number; readonly resolve: () => void };

type Change = {
  readonly old: Backend;
  readonly backend: Backend;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** One conversation in the motion worker: pulls sound, generates, pushes frames stamped on the audio clock. */
export class Conversation {
  #sound: StreamReader;
  readonly #motion: StreamWriter;
  readonly #contextRateHz: number;
  readonly #onSlow: (tickMs: number) => void;
  readonly #mel = new Float32Array(TICK_LENGTH);
  readonly #block = new Float32Array(MOTION_BLOCK);
  #soundBlock: Float32Array;
  readonly #tickMs = new Recent(KEPT_TICKS);
  readonly #pong = new MessageChannel();
  readonly #generator: Generator;
  #voices: Voices;
  #frames = 0;
  #droppedFrames = 0;
  #slowTicks = 0;
  #countedTicks = 0;
  #watchedTicks = KEPT_TICKS;
  #skippedFrames = 0;
  #restarts = 0;
  #running = true;
  #resetAsked = false;
  #resting = false;
  #change: Change | undefined;
  #waiting: Waiting[] = [];
  #inRun = false;
  #warmedTicks = 0;
  /** What the generator remembers is nobody's talk. */
  #isWarming = false;
  #finish: (() => void) | undefined;

  /**
   * `onSlow` hears the median time of a tick (ms) when the machine cannot keep up for long; `origin` is where an earlier
   * worker began what goes on here.
   */
  constructor(
    generator: Generator,
    sound: StreamEnd,
    contextRateHz: number,
    motion: StreamEnd,
    onSlow: (tickMs: number) => void = () => undefined,
    origin?: Origin,
  ) {
    this.#generator = generator;
    this.#onSlow = onSlow;
    this.#sound = openReader(sound);
    this.#motion = openWriter(motion);
    this.#contextRateHz = contextRateHz;
    this.#voices = new Voices(contextRateHz, origin);
    this.#soundBlock = new Float32Array(this.#sound.blockLength);
  }

  /** Counters so far. */
  get stats(): Omit<WorkerStats, 'info' | 'gpuMs'> {
    const { gapSamples, nonFinite } = this.#voices.stats;
    return {
      frames: this.#frames,
      tickMsP50: this.#tickMs.percentile(0.5),
      tickMsP95: this.#tickMs.percentile(0.95),
      gapSamples,
      nonFinite,
      droppedFrames: this.#droppedFrames,
      skippedFrames: this.#skippedFrames,
      restarts: this.#restarts,
      ...this.#generator.stats,
    };
  }

  /** Generates until `stop`; rejects with what the backend throws, and may be called again after `resume`. */
  async run(): Promise<void> {
    this.#inRun = true;
    try {
      while (this.#running) await this.#advance();
    } finally {
      this.#inRun = false;
      this.#finish?.();
    }
  }

  /** Goes on with a new backend after the old one was lost, in the same time; what it remembered of the talk is gone. */
  async resume(backend: Backend) {
    this.#restarts++;
    await this.#generator.change(backend);
  }

  /**
   * Goes on with another backend from the next tick on, without losing the talk: it takes over what `old` remembers.
   * Settles when it has; rejects, with `old` still at work, when the state does not fit.
   */
  exchange(old: Backend, backend: Backend): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#change = { old, backend, resolve, reject };
    });
  }

  /**
   * Resolves when the talk keeps up, a frame having been made from now on, and no sound waiting for its own; after `mostMs`
   * in any case, because where nothing sounds there are no frames.
   */
  keepsUp(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, mostMs);
      this.#waiting.push({ sinceFrames: this.#frames, resolve });
    });
  }

  /** Judges the pace once over `ticks` only, from now on: whether a backend that is tried keeps up. */
  watchClosely(ticks: number) {
    this.#watchedTicks = ticks;
    this.#tickMs.clear();
    this.#slowTicks = 0;
    this.#countedTicks = 0;
  }

  /** Takes sound from another stream from now on, in the same time. */
  listen(sound: StreamEnd) {
    this.#sound.close();
    this.#sound = openReader(sound);
    this.#soundBlock = new Float32Array(this.#sound.blockLength);
  }

  /** Begins a new conversation at frame 0 with the next sound. */
  reset() {
    this.#resetAsked = true;
  }

  /** Lets sound go by without generating, or begins a new conversation with the next sound. */
  rest(resting: boolean) {
    if (this.#resting && !resting) this.#resetAsked = true;
    this.#resting = resting;
  }

  /** Resolves when the tick under way is done and the streams are closed; safe to call twice. */
  async stop(): Promise<void> {
    this.#running = false;
    if (this.#inRun)
      await new Promise<void>((resolve) => {
        this.#finish = resolve;
      });
    this.#change?.reject(new EngineError('bug', 'The conversation stopped before its backend was changed.'));
    this.#change = undefined;
    this.#sound.close();
    this.#motion.close();
    this.#pong.port1.close();
  }

  /** Takes the sound that has arrived and makes one tick of it, or waits for more. */
  async #advance() {
    await this.#takeReset();
    await this.#takeChange();
    if (this.#resting) {
      while (this.#sound.pull(this.#soundBlock));
      await this.#sound.wait(100);
      return;
    }
    while (this.#sound.pull(this.#soundBlock)) this.#voices.pushBlock(this.#soundBlock);
    if (!this.#voices.pull(this.#mel)) {
      this.#tellWaiting();
      if (!(await this.#warmUp())) await this.#sound.wait(100);
      return;
    }
    if (this.#isWarming) await this.#generator.reset();
    this.#isWarming = false;
    // What lies between is a gap of seconds: the page slept, or another worker went on.
    while (this.#generator.ticks < this.#voices.tickIndex - 1) this.#generator.skip();
    if (this.#voices.waiting > MOST_BACKLOG) this.#dropBacklog();
    const effort = effortFor(this.#voices.waiting);
    this.#watchPace(effort === 'listen');
    const begin = performance.now();
    const frame = await this.#generator.tick(this.#mel, effort, this.#emit);
    if (frame) this.#tickMs.add(performance.now() - begin);
    else if (effort === 'listen') this.#skippedFrames++;
    await this.#turn();
  }

  /** Works on silence, unseen, if nothing was heard yet; false when there is no need for it. */
  async #warmUp(): Promise<boolean> {
    if (this.#voices.startFrame !== undefined || this.#warmedTicks >= WARMING_TICKS) return false;
    if (!this.#generator.warms) return false;
    this.#warmedTicks++;
    this.#isWarming = true;
    await this.#generator.tick(this.#mel.fill(MEL_SILENCE));
    await this.#turn();
    return true;
  }

  /** Leaves out all but the newest tick: who is that far behind would show nothing in time by hearing the rest. */
  #dropBacklog() {
    while (this.#voices.waiting > 0 && this.#voices.pull(this.#mel)) {
      this.#generator.skip();
      this.#skippedFrames++;
    }
  }

  /** Lets messages in: WebAssembly answers without leaving the task, so sound and verbs would wait while there is a backlog. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#pong.port1.onmessage = () => resolve();
      this.#pong.port2.postMessage(null);
    });
  }

  async #takeReset() {
    if (!this.#resetAsked) return;
    this.#resetAsked = false;
    while (this.#sound.pull(this.#soundBlock)); // sound of the old conversation
    this.#voices = new Voices(this.#contextRateHz);
    await this.#generator.reset();
  }

  #tellWaiting() {
    if (this.#waiting.length === 0) return;
    for (const { sinceFrames, resolve } of this.#waiting) if (this.#frames > sinceFrames) resolve();
    this.#waiting = this.#waiting.filter(({ sinceFrames }) => this.#frames <= sinceFrames);
  }

  /** Tells, once in ten seconds, that a third of the frames were left out. */
  #watchPace(slow: boolean) {
    if (slow) this.#slowTicks++;
    if (++this.#countedTicks < this.#watchedTicks) return;
    if (3 * this.#slowTicks >= this.#watchedTicks) this.#onSlow(this.#tickMs.percentile(0.5));
    this.#watchedTicks = KEPT_TICKS;
    this.#slowTicks = 0;
    this.#countedTicks = 0;
  }

  async #takeChange() {
    const change = this.#change;
    if (!change) return;
    this.#change = undefined;
    try {
      await this.#generator.change(change.backend, await change.old.save());
      change.resolve();
    } catch (error) {
      change.reject(error);
    }
  }

  readonly #emit = ({ frameIndex, face, body, voicing, turn, tickMs }: GeneratedFrame) => {
    this.#frames++;
    this.#block[0] = frameIndex;
    splitFrame(this.#block, 1, this.#voices.startFrame ?? 0);
    this.#block[3] = tickMs;
    this.#block[4] = voicing[0];
    this.#block[5] = voicing[1];
    this.#block[6] = turn[0];
    this.#block[7] = turn[1];
    this.#block[8] = body ? 1 : 0;
    this.#block.set(face, MOTION_HEADER);
    if (body) this.#block.set(body, MOTION_BODIES);
    if (!this.#motion.push(this.#block)) this.#droppedFrames++;
  };
}
