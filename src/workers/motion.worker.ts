import { splitFrame } from '../engine/audio/block.ts';
import { TICK_LENGTH, Voices } from '../engine/audio/voices.ts';
import type { Backend } from '../engine/backend/backend.ts';
import { openBackend } from '../engine/backend/open.ts';
import { wasmRuntimeUrl } from '../engine/backend/wasm.runtime.ts';
import { type GeneratedFrame, Generator } from '../engine/model/generator.ts';
import { EngineError, invariant } from '../errors.ts';
import { makeFetch } from './fetch.ts';
import { MOTION_BLOCK, MOTION_HEADER } from './motion.block.ts';
import type { LoadRequest, MotionWorker, WorkerStats } from './motion.protocol.ts';
import { serve } from './rpc.ts';
import { openReader, openWriter, type StreamEnd, type StreamReader, type StreamWriter } from './stream.ts';

/** Ticks of backlog (2 s) beyond which the oldest are dropped: a machine that cannot keep up must not fall ever further behind. */
const MOST_BACKLOG = 60;

/** Tick times kept for the percentiles. */
const KEPT_TICKS = 300;

type Loaded = { backend: Backend; generator: Generator };

let loaded: Loaded | undefined;
let conversation: Conversation | undefined;

/** One run from `start` to `stop`: pulls sound, generates, pushes frames. */
class Conversation {
  readonly #generator: Generator;
  readonly #sound: StreamReader;
  readonly #motion: StreamWriter;
  readonly #contextRateHz: number;
  readonly #mel = new Float32Array(TICK_LENGTH);
  readonly #block = new Float32Array(MOTION_BLOCK);
  readonly #soundBlock: Float32Array;
  readonly #tickMs = new Float64Array(KEPT_TICKS);
  readonly finished: Promise<void>;
  #voices: Voices;
  #frames = 0;
  #droppedFrames = 0;
  #skippedFrames = 0;
  #running = true;
  #restart = false;

  constructor(generator: Generator, sound: StreamEnd, contextRateHz: number, motion: StreamEnd) {
    this.#generator = generator;
    this.#sound = openReader(sound);
    this.#motion = openWriter(motion);
    this.#contextRateHz = contextRateHz;
    this.#voices = new Voices(contextRateHz);
    this.#soundBlock = new Float32Array(this.#sound.blockLength);
    this.finished = this.#run();
  }

  reset() {
    this.#restart = true;
  }

  async stop() {
    this.#running = false;
    await this.finished;
    this.#sound.close();
    this.#motion.close();
  }

  get stats(): WorkerStats {
    const sorted = this.#tickMs.slice(0, Math.min(this.#frames, KEPT_TICKS)).sort();
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    const { gapSamples, nonFinite } = this.#voices.stats;
    return {
      frames: this.#frames,
      tickMsP50: at(0.5),
      tickMsP95: at(0.95),
      gapSamples,
      nonFinite,
      droppedFrames: this.#droppedFrames,
      skippedFrames: this.#skippedFrames,
    };
  }

  async #run() {
    while (this.#running) {
      if (this.#restart) {
        this.#restart = false;
        this.#voices = new Voices(this.#contextRateHz);
        this.#generator.reset();
      }
      while (this.#sound.pull(this.#soundBlock)) this.#voices.pushBlock(this.#soundBlock);
      if (!this.#voices.pull(this.#mel)) {
        await this.#sound.wait(100);
        continue;
      }
      if (this.#voices.waiting > MOST_BACKLOG) {
        this.#generator.skip();
        this.#skippedFrames++;
        continue;
      }
      const frame = await this.#generator.tick(this.#mel);
      if (frame) this.#emit(frame);
    }
  }

  #emit({ frameIndex, face, voicing, tickMs }: GeneratedFrame) {
    this.#tickMs[this.#frames++ % KEPT_TICKS] = tickMs;
    this.#block[0] = frameIndex;
    splitFrame(this.#block, 1, this.#voices.startFrame ?? 0);
    this.#block[3] = tickMs;
    this.#block[4] = voicing[0];
    this.#block[5] = voicing[1];
    this.#block.set(face, MOTION_HEADER);
    if (!this.#motion.push(this.#block)) this.#droppedFrames++;
  }
}

const opened = () => {
  invariant(loaded, 'motion worker: load() has not been called');
  return loaded;
};

serve<MotionWorker>({
  async load({ modelBaseUrl, backend: choice, sampler, conditions, progress }: LoadRequest) {
    const writer = openWriter(progress);
    const report = new Float32Array(2);
    const fetch = makeFetch(modelBaseUrl, (loadedBytes, totalBytes) => {
      report[0] = loadedBytes;
      report[1] = totalBytes;
      writer.push(report);
    });
    const sources = { fetch, gpu: navigator.gpu as GPU | undefined, runtime: () => fetch(wasmRuntimeUrl) };
    const { backend, models } = await openBackend(choice, sources, { sampler, conditions });
    writer.close();
    loaded = { backend, generator: new Generator(backend, models.encoder.lookahead) };
    return backend.info;
  },
  async start(sound, contextRateHz, motion) {
    if (conversation) throw new EngineError('bug', 'motion worker: start() was called twice');
    conversation = new Conversation(opened().generator, sound, contextRateHz, motion);
  },
  setConditions: (conditions) => opened().backend.setConditions(conditions),
  async reset() {
    conversation?.reset();
  },
  async stats() {
    invariant(conversation, 'motion worker: start() has not been called');
    return conversation.stats;
  },
  async stop() {
    await conversation?.stop();
    conversation = undefined;
    loaded?.backend.dispose();
    loaded = undefined;
  },
});
