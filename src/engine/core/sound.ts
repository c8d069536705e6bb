import { EngineError } from '../../errors.ts';
import { Resampler } from '../audio/resample.ts';
import { Voices } from '../audio/voices.ts';
import { told } from '../checks.ts';
import { FRAME_RATE_HZ, PERSONS, SAMPLE_RATE_HZ } from '../motion.ts';

const SILENCE = new Float32Array(8192);
const LOWEST_RATE_HZ = 8000;
const HIGHEST_RATE_HZ = 192_000;

/** The sound of one talk: both voices on the 16 kHz clock, at whatever rates they come. */
export class Sound {
  readonly voices = new Voices();
  /** The last frame, once all sound is here. */
  lastFrame: number | undefined;
  readonly #firstTick: number;
  readonly #resamplers: (Resampler | undefined)[] = [undefined, undefined];
  #nonFinite = 0;

  constructor(firstTick: number) {
    this.#firstTick = firstTick;
  }

  get nonFinite() {
    return this.#resamplers.reduce((sum, resampler) => sum + (resampler?.nonFinite ?? 0), this.#nonFinite);
  }

  push(person: number, samples: Float32Array, rateHz: number) {
    let resampler = this.#resamplers[person];
    if (resampler?.inputRateHz !== rateHz) {
      this.#flush(person);
      resampler = new Resampler(rateHz);
      this.#resamplers[person] = resampler;
    }
    const ready = resampler.push(samples); // it may give `output` a new array
    this.#add(person, resampler.output.subarray(0, ready));
  }

  pushSilence(person: number, durationS: number) {
    this.#flush(person);
    this.#silence(person, Math.round(durationS * SAMPLE_RATE_HZ));
  }

  finish() {
    if (this.lastFrame !== undefined) return;
    for (let p = 0; p < PERSONS; p++) this.#flush(p);
    const ends = [0, 1].map((p) => this.voices.samples(p));
    const end = Math.max(...ends);
    for (const [p, at] of ends.entries()) this.#silence(p, end - at);
    this.lastFrame = this.#firstTick + Math.floor((end * FRAME_RATE_HZ) / SAMPLE_RATE_HZ);
  }

  /** Lets both be silent for a frame more, for the look-ahead of the last one; a longer silence would look like a backlog. */
  goOnInSilence() {
    for (let p = 0; p < PERSONS; p++) this.#silence(p, Math.ceil(SAMPLE_RATE_HZ / FRAME_RATE_HZ));
  }

  /** Ends a person's sound at its rate. */
  #flush(person: number) {
    const resampler = this.#resamplers[person];
    if (!resampler) return;
    const rest = resampler.flush();
    this.#add(person, resampler.output.subarray(0, rest));
    this.#nonFinite += resampler.nonFinite;
    this.#resamplers[person] = undefined;
  }

  #silence(person: number, samples: number) {
    for (let left = samples; left > 0; left -= SILENCE.length)
      this.#add(person, SILENCE.subarray(0, Math.min(left, SILENCE.length)));
  }

  #add(person: number, samples: Float32Array) {
    this.voices.push(person, samples, this.voices.samples(person));
  }
}

/** Throws `unsupported` for what is no channel of samples. */
export function checkSamples(samples: unknown, name: string): asserts samples is Float32Array {
  if (samples instanceof Float32Array) return;
  throw new EngineError('unsupported', `${name} is ${told(samples)}, expected a Float32Array`, {
    hint: 'Give one channel of samples in −1…1; divide 16-bit samples by 32768.',
  });
}

/** Throws `unsupported` for a rate that no sound comes at. */
export function checkRate(sampleRateHz: unknown): void {
  if ((sampleRateHz as number) >= LOWEST_RATE_HZ && (sampleRateHz as number) <= HIGHEST_RATE_HZ) return;
  throw new EngineError(
    'unsupported',
    `sampleRateHz is ${told(sampleRateHz)}, expected ${LOWEST_RATE_HZ} to ${HIGHEST_RATE_HZ}`,
    { hint: 'Give the rate of the samples themselves, in samples per second.' },
  );
}
