import { ARKIT_51, FACE_CHANNELS, FRAME_RATE_HZ, SAMPLE_RATE_HZ } from '../motion.ts';
import { argmax, VISEMES, VisemeMap } from '../visemes.ts';

/** The version of `motion.json` that this code writes. */
export const MOTION_JSON_VERSION = 1;

/** What one person did: every array has one row a frame. */
export type PersonMotion = {
  /** [n, 51] ARKit weights 0…1, row-major. */
  readonly face: Float32Array;
  /** [n, P] phone probabilities, row-major. */
  readonly phones: Float32Array;
  /** [n] probability of voicing. */
  readonly voicing: Float32Array;
};

/** How a motion was made: everything a reader needs to make it again. */
export type MotionSource = {
  readonly models: readonly { readonly network: string; readonly version: string; readonly sha256: string }[];
  readonly sampler: { readonly steps: number; readonly eta: number; readonly seed: number };
  /** Frames by which a live face trails its sound. */
  readonly lookahead: number;
  /** Order of the phone probabilities. */
  readonly phones: readonly string[];
  readonly backend: { readonly backend: string; readonly adapter: string; readonly reason: string };
  readonly precision: string;
};

/** One person's sound and the conditions of the face. */
export type PersonSource = {
  readonly sound: string;
  readonly durationS: number;
  readonly style: number;
  readonly facing: number;
  readonly emotion: number;
};

/** The content of `motion.json`; frame k of every list stands at k / frameRateHz s. */
export type MotionJson = {
  readonly format: 'duologue-motion';
  readonly version: number;
  readonly frameRateHz: number;
  readonly sampleRateHz: number;
  readonly frames: number;
  readonly source: MotionSource;
  readonly channels: readonly string[];
  readonly visemes: readonly string[];
  readonly persons: readonly (PersonSource & {
    /** [n][51] ARKit weights 0…1, to 5 decimals. */
    readonly face: readonly (readonly number[])[];
    /** [n] index of the likeliest phone. */
    readonly phone: readonly number[];
    /** [n] index of the likeliest viseme, by summed phone probabilities. */
    readonly viseme: readonly number[];
    /** [n] probability of voicing, to 3 decimals. */
    readonly voicing: readonly number[];
  })[];
};

const round = (value: number, decimals: number) => Math.round(value * 10 ** decimals) / 10 ** decimals;

/** Describes the motion of all persons for other programs; the persons' arrays must have the same frames. */
export function motionJson(
  source: MotionSource,
  persons: readonly (PersonSource & { readonly motion: PersonMotion })[],
): MotionJson {
  const visemes = new VisemeMap(source.phones);
  const phones = source.phones.length;
  const frames = persons[0].motion.voicing.length;
  const perFrame = <T>(of: (frame: number) => T) => Array.from({ length: frames }, (_, k) => of(k));
  return {
    format: 'duologue-motion',
    version: MOTION_JSON_VERSION,
    frameRateHz: FRAME_RATE_HZ,
    sampleRateHz: SAMPLE_RATE_HZ,
    frames,
    source,
    channels: ARKIT_51,
    visemes: VISEMES,
    persons: persons.map(({ motion, ...person }) => ({
      ...person,
      face: perFrame((k) =>
        Array.from(motion.face.subarray(k * FACE_CHANNELS, (k + 1) * FACE_CHANNELS), (w) => round(w, 5)),
      ),
      phone: perFrame((k) => argmax(motion.phones, k * phones, phones)),
      viseme: perFrame((k) => visemes.likeliest(motion.phones, k * phones)),
      voicing: perFrame((k) => round(motion.voicing[k], 3)),
    })),
  };
}
