import { joinFrame } from '../engine/audio/block.ts';
import { AudioClock } from '../engine/audio/clock.ts';
import type { MotionFrame } from '../engine/motion.ts';
import { frameSample, PERSONS, SAMPLE_RATE_HZ } from '../engine/motion.ts';
import { MOTION_BLOCK, MOTION_BODIES, MOTION_HEADER } from './motion.block.ts';
import type { Origin } from './motion.protocol.ts';
import { Recent } from './recent.ts';
import { openReader, type StreamEnd, type StreamReader } from './stream.ts';

/** A motion frame as it reached the page. */
export type ArrivedFrame = MotionFrame & {
  /** The context time at which the frame stands, in seconds. */
  readonly contextTimeS: number;
  /** Wall time from the tick's beginning to the frame, in milliseconds. */
  readonly tickMs: number;
  /** Probability of voicing of each person. */
  readonly voicing: readonly [number, number];
  /** How much each person has the turn, 0 listening … 1 speaking. */
  readonly turn: readonly [number, number];
};

/** Voicing above which a person counts as speaking, for as long as {@link SPEAKING_HOLD_FRAMES} after it. */
const VOICED = 0.5;
/** Frames without voice after which a person has stopped. */
export const SPEAKING_HOLD_FRAMES = 10;
const KEPT_LATENCIES = 150;
/** Of more frames than that (a second) that wait at once, because the page slept, the oldest are left out. */
const MOST_WAITING = 30;

/**
 * The page's end of the motion stream: hands each frame on as it arrives, and measures its latency, which is the moment
 * it arrives minus the moment it stands at, on the audio clock.
 */
export class MotionPlayer {
  readonly #context: AudioContext;
  readonly #clock: AudioClock;
  readonly #onFrame: (frame: ArrivedFrame, isFirst: boolean) => void;
  readonly #latencyMs = new Recent(KEPT_LATENCIES);
  readonly #voicedAt = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  #startFrame: number | undefined;
  #newest = 0;
  #isFirst = false;
  #staleFrames = 0;
  #reader: StreamReader | undefined;

  constructor(context: AudioContext, onFrame: (frame: ArrivedFrame, isFirst: boolean) => void) {
    this.#context = context;
    this.#clock = new AudioClock(context);
    this.#onFrame = onFrame;
  }

  /** Frames that were left out because the page slept. */
  get staleFrames(): number {
    return this.#staleFrames;
  }

  /** Where on the context's clock the motion began, and up to where it has come; undefined before the first frame. */
  get origin(): Origin | undefined {
    if (this.#startFrame === undefined) return undefined;
    const heardS = frameSample(this.#newest) / SAMPLE_RATE_HZ;
    const heardFrame = this.#startFrame + Math.floor(heardS * this.#context.sampleRate);
    return { startFrame: this.#startFrame, heardFrame };
  }

  /** Takes frames from this stream from now on, and no more from the one before. */
  open(end: StreamEnd): void {
    this.close();
    const reader = openReader(end);
    this.#reader = reader;
    void this.#run(reader);
  }

  /** Percentile of the recent latencies, in milliseconds; NaN before the first frame. */
  latencyMs(share: number) {
    return this.#latencyMs.percentile(share);
  }

  /** Whether the person was heard speaking in the last third of a second. */
  speaking(person: number) {
    return this.#newest - this.#voicedAt[person] < SPEAKING_HOLD_FRAMES;
  }

  /** The 16 kHz sample since the conversation's start that corresponds to a context time. */
  sampleAt(contextTimeS: number) {
    return (contextTimeS - (this.#startFrame ?? 0) / this.#context.sampleRate) * SAMPLE_RATE_HZ;
  }

  close() {
    this.#reader?.close();
    this.#reader = undefined;
  }

  async #run(reader: StreamReader) {
    const block = new Float32Array(MOTION_BLOCK);
    while (reader === this.#reader) {
      await reader.wait(1000);
      while (reader === this.#reader && reader.pull(block))
        this.#take(block, reader.stats.fill > MOST_WAITING);
    }
  }

  #take(block: Float32Array, isStale: boolean) {
    const startFrame = joinFrame(block, 1);
    if (startFrame !== this.#startFrame) {
      this.#startFrame = startFrame; // a new conversation has a new start
      this.#isFirst = true;
      this.#latencyMs.clear();
      this.#voicedAt.fill(Number.NEGATIVE_INFINITY);
    }
    const frameIndex = block[0];
    this.#newest = frameIndex;
    const contextTimeS = startFrame / this.#context.sampleRate + frameSample(frameIndex) / SAMPLE_RATE_HZ;
    const latencyS = this.#clock.renderedS() - contextTimeS;
    if (isStale) {
      this.#staleFrames++;
      return;
    }
    this.#latencyMs.add(latencyS * 1000);
    const voicing: [number, number] = [block[4], block[5]];
    for (let p = 0; p < PERSONS; p++) if (voicing[p] > VOICED) this.#voicedAt[p] = frameIndex;
    const turn: [number, number] = [block[6], block[7]];
    const face = block.slice(MOTION_HEADER, MOTION_BODIES);
    const body = block[8] ? block.slice(MOTION_BODIES) : undefined;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#onFrame({ frameIndex, face, body, contextTimeS, tickMs: block[3], voicing, turn }, isFirst);
  }
}
