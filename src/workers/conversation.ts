import { splitFrame } from '../engine/audio/block.ts';
import { TICK_LENGTH, Voices } from '../engine/audio/voices.ts';
import type { Backend } from '../engine/backend/backend.ts';
import { type GeneratedFrame, Generator } from '../engine/model/generator.ts';
import { MOTION_BLOCK, MOTION_HEADER } from './motion.block.ts';
import type { WorkerStats } from './motion.protocol.ts';
import { Recent } from './recent.ts';
import { openReader, openWriter, type StreamEnd, type StreamReader, type StreamWriter } from './stream.ts';

/** Ticks of backlog (a third of a second) beyond which faces are left out: hearing alone costs a fraction, so it catches up. */
const LISTEN_BACKLOG = 10;

/** Ticks of backlog (2 s) beyond which sound is left out too: a slow machine must not fall ever further behind. */
const MOST_BACKLOG = 60;

/** Tick times kept for the percentiles: ten seconds. */
const KEPT_TICKS = 300;

/** One conversation in the motion worker: pulls sound, generates, pushes frames stamped on the audio clock. */
export class Conversation {
  readonly #sound: StreamReader;
  readonly #motion: StreamWriter;
  readonly #contextRateHz: number;
  readonly #mel = new Float32Array(TICK_LENGTH);
  readonly #block = new Float32Array(MOTION_BLOCK);
  readonly #soundBlock: Float32Array;
  readonly #tickMs = new Recent(KEPT_TICKS);
  readonly #pong = new MessageChannel();
  #generator: Generator;
  #voices: Voices;
  #frames = 0;
  #droppedFrames = 0;
  #skippedFrames = 0;
  #restarts = 0;
  #running = true;
  #resetAsked = false;
  #inRun = false;
  #finish: (() => void) | undefined;

  constructor(generator: Generator, sound: StreamEnd, contextRateHz: number, motion: StreamEnd) {
    this.#generator = generator;
    this.#sound = openReader(sound);
    this.#motion = openWriter(motion);
    this.#contextRateHz = contextRateHz;
    this.#voices = new Voices(contextRateHz);
    this.#soundBlock = new Float32Array(this.#sound.blockLength);
  }

  /** Counters so far. */
  get stats(): WorkerStats {
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

  /** Goes on with a new backend, in the same time; what the old one remembered of the talk is gone. */
  resume(backend: Backend, lookahead: number) {
    this.#restarts++;
    this.#generator = new Generator(backend, lookahead, this.#generator.ticks);
  }

  /** Begins a new conversation at frame 0 with the next sound. */
  reset() {
    this.#resetAsked = true;
  }

  /** Resolves when the tick under way is done and the streams are closed; safe to call twice. */
  async stop(): Promise<void> {
    this.#running = false;
    if (this.#inRun)
      await new Promise<void>((resolve) => {
        this.#finish = resolve;
      });
    this.#sound.close();
    this.#motion.close();
    this.#pong.port1.close();
  }

  /** Takes the sound that has arrived and makes one tick of it, or waits for more. */
  async #advance() {
    this.#takeReset();
    while (this.#sound.pull(this.#soundBlock)) this.#voices.pushBlock(this.#soundBlock);
    if (!this.#voices.pull(this.#mel)) {
      await this.#sound.wait(100);
      return;
    }
    if (this.#voices.waiting > MOST_BACKLOG) {
      this.#generator.skip();
      this.#skippedFrames++;
      return;
    }
    const listenOnly = this.#voices.waiting > LISTEN_BACKLOG;
    const frame = await this.#generator.tick(this.#mel, listenOnly);
    if (frame) this.#emit(frame);
    else if (listenOnly) this.#skippedFrames++;
    await this.#turn();
  }

  /** Lets messages in: WebAssembly answers without leaving the task, so sound and verbs would wait while there is a backlog. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#pong.port1.onmessage = () => resolve();
      this.#pong.port2.postMessage(null);
    });
  }

  #takeReset() {
    if (!this.#resetAsked) return;
    this.#resetAsked = false;
    while (this.#sound.pull(this.#soundBlock)); // sound of the old conversation
    this.#voices = new Voices(this.#contextRateHz);
    this.#generator.reset();
  }

  #emit({ frameIndex, face, voicing, tickMs }: GeneratedFrame) {
    this.#frames++;
    this.#tickMs.add(tickMs);
    this.#block[0] = frameIndex;
    splitFrame(this.#block, 1, this.#voices.startFrame ?? 0);
    this.#block[3] = tickMs;
    this.#block[4] = voicing[0];
    this.#block[5] = voicing[1];
    this.#block.set(face, MOTION_HEADER);
    if (!this.#motion.push(this.#block)) this.#droppedFrames++;
  }
}
