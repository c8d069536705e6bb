import { Resampler } from '../engine/audio/resample.ts';
import { TICK_LENGTH, Voices } from '../engine/audio/voices.ts';
import type { Backend } from '../engine/backend/backend.ts';
import type { Models } from '../engine/backend/models.ts';
import type { PlacementPreset } from '../engine/body/placement.ts';
import type { PersonMotion } from '../engine/export/json.ts';
import { type GeneratedFrame, Generator } from '../engine/model/generator.ts';
import type { Steps } from '../engine/model/sampler.ts';
import { BODY_NUMBERS, FACE_CHANNELS, FRAME_RATE_HZ, PERSONS } from '../engine/motion.ts';
import type { Sound } from './sound.ts';

/** The motion of a whole conversation and what it cost. */
export type Motion = {
  readonly frames: number;
  /** Length of the longer sound. */
  readonly durationS: number;
  readonly persons: readonly PersonMotion[];
  /** Frames in which a body was held or eased because its block was not there. */
  readonly heldBodyFrames: number;
  /** Wall time of every tick that gave a frame, in milliseconds. */
  readonly tickMs: Float32Array;
  /** Samples of the files that were NaN or infinite and were taken as silence. */
  readonly nonFinite: number;
};

/** Denoising steps of the backend's sampler, how the two stand, and samples handed over at a time (default all). */
export type GenerateOptions = {
  readonly steps: Steps;
  readonly placement: PlacementPreset;
  readonly chunk?: number;
};

const SILENCE = new Float32Array(8192);

/** Seconds of a sound; of silence, none. */
export const durationOf = (sound: Sound | undefined) =>
  sound ? sound.samples.length / sound.sampleRateHz : 0;

/** Frames that a sound covers: 0 … ⌊duration · 30⌋. */
export function framesOf(sound: Sound | undefined): number {
  return sound ? Math.floor((sound.samples.length * FRAME_RATE_HZ) / sound.sampleRateHz) + 1 : 1;
}

/**
 * Runs the streaming generator over two whole sounds (undefined is silence), `chunk` samples at a time. The shorter
 * one goes on as silence, and so does the longer one until the look-ahead of its last frame is there.
 */
export async function generateMotion(
  sounds: readonly [Sound | undefined, Sound | undefined],
  { backend, models }: { readonly backend: Backend; readonly models: Models },
  { steps, placement, chunk = Infinity }: GenerateOptions,
): Promise<Motion> {
  const frames = Math.max(...sounds.map(framesOf));
  const phones = models.encoder.phones.length;
  const persons = sounds.map(() => ({
    face: new Float32Array(frames * FACE_CHANNELS),
    phones: new Float32Array(frames * phones),
    voicing: new Float32Array(frames),
    turn: new Float32Array(frames),
    ...(backend.full && {
      whole: {
        body: new Float32Array(frames * BODY_NUMBERS),
        listener: new Uint16Array(2 * frames),
        speaker: new Uint16Array(2 * frames),
      },
    }),
  }));
  const tickMs = new Float32Array(frames);
  const generator = new Generator(backend, models.encoder.lookahead, steps, placement);
  await generator.reset();
  const voices = new Voices();
  const feeds = sounds.map((sound, person) => new Feed(voices, person, sound, chunk));
  const mel = new Float32Array(TICK_LENGTH);
  for (let done = 0; done < frames; ) {
    while (voices.pull(mel) && done < frames) {
      const tick = await generator.tick(mel);
      if (!tick) continue;
      const k = tick.frameIndex;
      for (let p = 0; p < PERSONS; p++) keep(persons[p], p, k, tick);
      tickMs[k] = tick.tickMs;
      done = k + 1;
    }
    feeds.reduce((behind, feed) => (feed.samples < behind.samples ? feed : behind)).push();
  }
  const nonFinite = feeds.reduce((sum, feed) => sum + feed.nonFinite, 0);
  const { heldBodyFrames } = generator.stats;
  return {
    frames,
    durationS: Math.max(...sounds.map(durationOf)),
    persons,
    tickMs,
    heldBodyFrames,
    nonFinite,
  };
}

/** Copies person `p`'s part of a generated frame, whose arrays the next tick overwrites, to row `k`. */
function keep(
  { face, phones, voicing, turn, whole }: PersonMotion,
  p: number,
  k: number,
  frame: GeneratedFrame,
) {
  const P = frame.phones.length / PERSONS;
  face.set(frame.face.subarray(p * FACE_CHANNELS, (p + 1) * FACE_CHANNELS), k * FACE_CHANNELS);
  phones.set(frame.phones.subarray(p * P, (p + 1) * P), k * P);
  voicing[k] = frame.voicing[p];
  turn[k] = frame.turn[p];
  if (!whole || !frame.body || !frame.codes) return;
  whole.body.set(frame.body.subarray(p * BODY_NUMBERS, (p + 1) * BODY_NUMBERS), k * BODY_NUMBERS);
  // In pair i person i is the speaker (row 2i + 1) and the other the listener (row 2i).
  const listener = 2 * (1 - p);
  const speaker = 2 * p + 1;
  whole.listener.set(frame.codes.subarray(2 * listener, 2 * listener + 2), 2 * k);
  whole.speaker.set(frame.codes.subarray(2 * speaker, 2 * speaker + 2), 2 * k);
}

/** Hands one person's sound over in chunks, at 16 kHz, and silence after its end. */
class Feed {
  readonly #voices: Voices;
  readonly #person: number;
  readonly #sound: Sound | undefined;
  readonly #resampler: Resampler | undefined;
  readonly #chunk: number;
  #at = 0;

  constructor(voices: Voices, person: number, sound: Sound | undefined, chunk: number) {
    this.#voices = voices;
    this.#person = person;
    this.#sound = sound;
    this.#resampler = sound && new Resampler(sound.sampleRateHz);
    this.#chunk = chunk;
  }

  get nonFinite() {
    return this.#resampler?.nonFinite ?? 0;
  }

  /** Samples handed over so far, at 16 kHz. */
  get samples() {
    return this.#voices.samples(this.#person);
  }

  push() {
    const samples = this.#sound?.samples;
    const resampler = this.#resampler;
    if (!samples || !resampler || this.#at === samples.length) {
      this.#toVoice(SILENCE, Math.min(this.#chunk, SILENCE.length));
      return;
    }
    const end = Math.min(samples.length, this.#at + this.#chunk);
    const ready = resampler.push(samples, this.#at, end); // it may give `output` a new array
    this.#toVoice(resampler.output, ready);
    this.#at = end;
    if (end < samples.length) return;
    const rest = resampler.flush();
    this.#toVoice(resampler.output, rest);
  }

  #toVoice(samples: Float32Array, count: number) {
    this.#voices.push(this.#person, samples.subarray(0, count), this.samples);
  }
}
