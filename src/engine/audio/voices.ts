import { invariant } from '../../errors.ts';
import { PERSONS, SAMPLE_RATE_HZ } from '../motion.ts';
import { BLOCK_HEADER, blockFrame, blockFrames, blockPresent } from './block.ts';
import { LogMel, MEL_BANDS, MEL_SILENCE } from './logmel.ts';
import { Resampler } from './resample.ts';

/** What went wrong with the sound so far, in samples at 16 kHz, both persons added. */
export type VoicesStats = {
  /** Samples that never came, taken as silence. */
  gapSamples: number;
  /** Samples that came again or too late, left out. */
  lateSamples: number;
  /** Samples that were NaN or infinite, taken as 0 (counted at the rate at which they came). */
  nonFinite: number;
};

/** Floats of one tick: [2 persons, 2 rows, 80 bands]. */
export const TICK_LENGTH = PERSONS * 2 * MEL_BANDS;

const SILENCE = new Float32Array(4096);

/** A longer gap (s) is leapt over. */
const LONGEST_GAP_S = 1;

/** Leaps are of whole tenths of a second, which leave every phase as it is: three ticks, or 1600 samples. */
const LEAPS = 10;
const LEAP_TICKS = 3;
const LEAP_SAMPLES = SAMPLE_RATE_HZ / LEAPS;

/** Where on a context's clock voices begin that were heard by others so far; context frames. */
export type VoicesOrigin = { readonly startFrame: number; readonly heardFrame: number };

/**
 * Lays both voices on the one 16 kHz clock and yields the log-mel rows of each tick. Feed it either with captured blocks
 * (`pushBlock`) or with sound at 16 kHz (`push`), not with both for the same person. The clock's sample 0 is the first
 * frame of the first block: context frame f stands at sample (f − startFrame) · 16000 / context rate, exactly, for ever.
 */
export class Voices {
  /** The tick that the next `pull` gives; tick n stands at n / 30 s. */
  tickIndex = 0;
  /** The context frame of the clock's sample 0; undefined before the first block. */
  startFrame: number | undefined;
  /** Bit p says that the last block's sound of person p was not all exact zeros. */
  present = 0;
  readonly contextRateHz: number;
  readonly #resamplers: readonly Resampler[];
  readonly #mels: readonly LogMel[];
  readonly #dropped = new Float32Array(TICK_LENGTH);
  #nextFrame = 0;
  #leaps = 0;
  #gapFrames = 0;
  #lateFrames = 0;
  #gapSamples = 0;
  #lateSamples = 0;

  /**
   * `contextRateHz` is the rate of the captured blocks; `push` always takes 16 kHz. With an `origin` the clock is that of
   * voices that began earlier, and sound is missed from where they were heard last.
   */
  constructor(contextRateHz = SAMPLE_RATE_HZ, origin?: VoicesOrigin) {
    this.contextRateHz = contextRateHz;
    if (origin) {
      this.startFrame = origin.startFrame;
      this.#nextFrame = origin.startFrame;
      this.#leapTo(origin.heardFrame);
    }
    this.#resamplers = Array.from({ length: PERSONS }, () => new Resampler(contextRateHz));
    this.#mels = Array.from({ length: PERSONS }, () => new LogMel());
  }

  get stats(): VoicesStats {
    const toSamples = (PERSONS * SAMPLE_RATE_HZ) / this.contextRateHz;
    let nonFinite = 0;
    for (let p = 0; p < PERSONS; p++) nonFinite += this.#resamplers[p].nonFinite + this.#mels[p].nonFinite;
    return {
      gapSamples: this.#gapSamples + Math.round(this.#gapFrames * toSamples),
      lateSamples: this.#lateSamples + Math.round(this.#lateFrames * toSamples),
      nonFinite,
    };
  }

  /** Ticks that wait to be pulled. */
  get waiting() {
    let ticks = Infinity;
    for (const mel of this.#mels) ticks = Math.min(ticks, Math.floor((mel.row + mel.waiting + 1) / 2));
    return ticks + this.#leaps * LEAP_TICKS - this.tickIndex;
  }

  /** Samples of the clock that person `person` has got so far. */
  samples(person: number) {
    return this.#mels[person].samples + this.#leaps * LEAP_SAMPLES;
  }

  /**
   * Takes a captured block: missing frames before it become silence, frames that came before are left out. After a gap of
   * more than a second nothing from before it waits any more, and `tickIndex` has leapt over most of it.
   */
  pushBlock(block: Float32Array) {
    const frames = blockFrames(block.length);
    const frame = blockFrame(block);
    if (this.startFrame === undefined) {
      this.startFrame = frame;
      this.#nextFrame = frame;
    }
    this.present = blockPresent(block);
    if (frame - this.#nextFrame > LONGEST_GAP_S * this.contextRateHz) {
      while (this.pull(this.#dropped));
      this.#gapFrames += this.#leapTo(frame);
    }
    for (; this.#nextFrame < frame; ) {
      const count = Math.min(frame - this.#nextFrame, SILENCE.length);
      for (let p = 0; p < PERSONS; p++) this.#toMel(p, this.#resamplers[p].pushSilence(count));
      this.#nextFrame += count;
      this.#gapFrames += count;
    }
    const skip = Math.min(this.#nextFrame - frame, frames);
    for (let p = 0; p < PERSONS; p++) {
      const start = BLOCK_HEADER + p * frames;
      this.#toMel(p, this.#resamplers[p].push(block, start + skip, start + frames));
    }
    this.#nextFrame += frames - skip;
    this.#lateFrames += skip;
  }

  /** Takes sound at 16 kHz of one person, whose first sample is number `sampleIndex` of the clock. */
  push(person: number, samples: Float32Array, sampleIndex: number) {
    invariant(person >= 0 && person < PERSONS, `voices: person ${person}, expected 0…${PERSONS - 1}`);
    const mel = this.#mels[person];
    while (mel.samples < sampleIndex) {
      const count = Math.min(sampleIndex - mel.samples, SILENCE.length);
      mel.push(SILENCE, 0, count);
      this.#gapSamples += count;
    }
    const skip = Math.min(mel.samples - sampleIndex, samples.length);
    mel.push(samples, skip);
    this.#lateSamples += skip;
  }

  /**
   * Writes the next tick's rows 2n − 1 and 2n of both persons into `mel` [2, 2, 80] (row −1 is silence);
   * false means that one of the voices is not there yet.
   */
  pull(mel: Float32Array): boolean {
    if (this.waiting <= 0) return false;
    for (let p = 0; p < PERSONS; p++) {
      const from = p * 2 * MEL_BANDS;
      if (this.#mels[p].row === 0) mel.fill(MEL_SILENCE, from, from + MEL_BANDS);
      else this.#mels[p].pull(mel, from);
      this.#mels[p].pull(mel, from + MEL_BANDS);
    }
    this.tickIndex++;
    return true;
  }

  /** Leaps close to a frame, or not at all if it has passed; gives the frames that were leapt over. */
  #leapTo(frame: number): number {
    const length = this.contextRateHz / LEAPS;
    // At a rate of odd tenths only whole seconds hold whole frames.
    const most = Math.max(0, Math.floor((frame - this.#nextFrame) / length));
    const leaps = Number.isInteger(length) ? most : most - (most % LEAPS);
    this.#leaps += leaps;
    this.tickIndex += leaps * LEAP_TICKS;
    this.#nextFrame += leaps * length;
    return leaps * length;
  }

  #toMel(person: number, count: number) {
    this.#mels[person].push(this.#resamplers[person].output, 0, count);
  }
}
