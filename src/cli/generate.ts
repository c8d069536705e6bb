import type { PlacementPreset } from '../engine/body/placement.ts';
import type { Core } from '../engine/core/core.ts';
import type { CoreFrame } from '../engine/core/frame.ts';
import type { PersonMotion } from '../engine/export/json.ts';
import { BODY_NUMBERS, FACE_CHANNELS, FRAME_RATE_HZ, PERSONS } from '../engine/motion.ts';
import type { Person } from '../engine/person.ts';
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

/** How the two stand, and samples handed over at a time (default all). */
export type GenerateOptions = {
  readonly placement: PlacementPreset;
  readonly chunk?: number;
};

/** Seconds of a sound; of silence, none. */
export const durationOf = (sound: Sound | undefined) =>
  sound ? sound.samples.length / sound.sampleRateHz : 0;

/** Frames that a sound covers: 0 … ⌊duration · 30⌋. */
export function framesOf(sound: Sound | undefined): number {
  return sound ? Math.floor((sound.samples.length * FRAME_RATE_HZ) / sound.sampleRateHz) + 1 : 1;
}

/**
 * Runs the engine over two whole sounds (undefined is silence), handed over `chunk` samples at a time. The shorter one goes
 * on as silence, and so does the longer one until the look-ahead of its last frame is there.
 */
export async function generateMotion(
  sounds: readonly [Sound | undefined, Sound | undefined],
  { core }: { readonly core: Core },
  { placement, chunk = Infinity }: GenerateOptions,
): Promise<Motion> {
  const frames = Math.max(...sounds.map(framesOf));
  const phones = core.phones.length;
  const persons = sounds.map(() => ({
    face: new Float32Array(frames * FACE_CHANNELS),
    phones: new Float32Array(frames * phones),
    voicing: new Float32Array(frames),
    turn: new Float32Array(frames),
    ...(core.info.backend !== 'visemes' && {
      whole: {
        body: new Float32Array(frames * BODY_NUMBERS),
        listener: new Uint16Array(2 * frames),
        speaker: new Uint16Array(2 * frames),
      },
    }),
  }));
  const tickMs = new Float32Array(frames);
  await core.reset(placement);
  for (const [p, sound] of sounds.entries())
    for (let at = 0; sound && at < sound.samples.length; at += chunk)
      core.pushSamples(p as Person, sound.samples.subarray(at, at + chunk), sound.sampleRateHz);
  core.finish();
  for await (const frame of core.frames()) {
    const k = frame.frameIndex;
    if (k === frames) break; // at the rate of the sound it was a sample too few
    for (let p = 0; p < PERSONS; p++) keep(persons[p], p, k, frame);
    tickMs[k] = frame.tickMs;
  }
  const { heldBodyFrames, nonFinite } = core.stats;
  return {
    frames,
    durationS: Math.max(...sounds.map(durationOf)),
    persons,
    tickMs,
    heldBodyFrames,
    nonFinite,
  };
}

/** Copies person `p`'s part of a generated frame to row `k`. */
function keep({ face, phones, voicing, turn, whole }: PersonMotion, p: number, k: number, frame: CoreFrame) {
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
