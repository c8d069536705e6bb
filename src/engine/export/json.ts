import {
  ARKIT_51,
  BODY_NUMBERS,
  FACE_CHANNELS,
  FRAME_RATE_HZ,
  LOWER_JOINTS,
  REFERENCE_HIPS_M,
  SAMPLE_RATE_HZ,
  UPPER_JOINTS,
} from '../motion.ts';
import { argmax, VISEMES, VisemeMap } from '../visemes.ts';

/** The version of `motion.json` that this code writes. */
export const MOTION_JSON_VERSION = 2;

/** What one person did: every array has one row a frame. */
export type PersonMotion = {
  /** [n, 51] ARKit weights 0…1, row-major. */
  readonly face: Float32Array;
  /** [n, P] phone probabilities, row-major. */
  readonly phones: Float32Array;
  /** [n] probability of voicing. */
  readonly voicing: Float32Array;
  /** [n] how much the person has the turn, 0 listening … 1 speaking. */
  readonly turn: Float32Array;
  /** There where the networks move the whole person. */
  readonly whole?: {
    /** [n, 75] numbers of the body, row-major. */
    readonly body: Float32Array;
    /** [n, 2] codes of the person's listening and speaking. */
    readonly listener: Uint16Array;
    readonly speaker: Uint16Array;
  };
};

/** How a motion was made: everything a reader needs to make it again. */
export type MotionSource = {
  readonly models: readonly { readonly network: string; readonly version: string; readonly sha256: string }[];
  readonly sampler: {
    /** DDIM steps of a face frame and of a body block. */
    readonly steps: { readonly face: number; readonly body: number };
    readonly eta: number;
    readonly seed: number;
    readonly guidance: { readonly face: number; readonly body: number };
    readonly codes: { readonly temperature: number; readonly topK: number };
  };
  /** How the two stand at the start, and how they are related. */
  readonly placement: string;
  readonly relationship: string;
  /** Frames by which a live face trails its sound. */
  readonly lookahead: number;
  /** Order of the phone probabilities. */
  readonly phones: readonly string[];
  readonly backend: { readonly backend: string; readonly adapter: string; readonly reason: string };
  readonly precision: string;
};

/** One person's sound and conditions. */
export type PersonSource = {
  readonly sound: string;
  readonly durationS: number;
  readonly style: number;
  readonly facing: number;
  readonly emotion: number;
  readonly action: string;
};

/** What a number of a body frame is. */
export type BodyChannel = { readonly name: string; readonly unit: string; readonly about: string };

/** The content of `motion.json`; frame k of every list stands at k / frameRateHz s. */
export type MotionJson = {
  readonly format: 'duologue-motion';
  readonly version: number;
  readonly frameRateHz: number;
  readonly sampleRateHz: number;
  readonly frames: number;
  readonly source: MotionSource;
  readonly channels: readonly string[];
  /** What the numbers of `body` are, in their order; empty where there is no body. */
  readonly bodyChannels: readonly BodyChannel[];
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
    /** [n] 0 listening … 1 speaking, to 3 decimals. */
    readonly turn: readonly number[];
    /** [n][75] the body, to 5 decimals; `bodyChannels` names the numbers. */
    readonly body?: readonly (readonly number[])[];
    /** [n][2] codes of listening and of speaking behaviour, 0…255. */
    readonly listener?: readonly (readonly number[])[];
    readonly speaker?: readonly (readonly number[])[];
  })[];
};

const exp = (joint: string, about: string): BodyChannel[] =>
  ['x', 'y', 'z'].map((axis) => ({ name: `${joint}.${axis}`, unit: 'rad', about }));
const hand = (side: string): BodyChannel[] => [
  ...['thumb', 'index', 'middle', 'ring', 'little'].map((finger) => ({
    name: `${side}Hand.${finger}`,
    unit: '0…1',
    about: 'curl, 0 flat … 1 fist',
  })),
  { name: `${side}Hand.spread`, unit: '-1…1', about: 'fingers together … apart' },
  { name: `${side}Hand.opposition`, unit: '0…1', about: 'thumb beside the palm … across it' },
];

/** What the 75 numbers of a body frame are. */
export const BODY_CHANNELS: readonly BodyChannel[] = [
  { name: 'root.x', unit: 'm', about: 'hips in the world, +X' },
  {
    name: 'root.height',
    unit: 'm',
    about: `hips over the floor of a person whose hips stand at ${REFERENCE_HIPS_M} m`,
  },
  { name: 'root.z', unit: 'm', about: 'hips in the world, +Z; +Y is up' },
  { name: 'root.yaw', unit: 'rad', about: 'facing: 0 is +Z, positive to the own left; may go past pi' },
  ...exp('hips', 'exp-map against the facing frame'),
  ...[...LOWER_JOINTS.slice(1), ...UPPER_JOINTS].flatMap((joint) =>
    exp(joint, 'exp-map (axis times angle) of the VRM normalised bone against the T-pose, in its parent'),
  ),
  ...hand('left'),
  ...hand('right'),
  ...exp('head', 'exp-map of the head against a chest that faces the partner: 0 looks at the partner'),
];

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
  const rows = (values: Float32Array | Uint16Array, count: number, decimals: number) =>
    perFrame((k) => Array.from(values.subarray(k * count, (k + 1) * count), (x) => round(x, decimals)));
  return {
    format: 'duologue-motion',
    version: MOTION_JSON_VERSION,
    frameRateHz: FRAME_RATE_HZ,
    sampleRateHz: SAMPLE_RATE_HZ,
    frames,
    source,
    channels: ARKIT_51,
    bodyChannels: persons[0].motion.whole ? BODY_CHANNELS : [],
    visemes: VISEMES,
    persons: persons.map(({ motion, ...person }) => ({
      ...person,
      face: rows(motion.face, FACE_CHANNELS, 5),
      phone: perFrame((k) => argmax(motion.phones, k * phones, phones)),
      viseme: perFrame((k) => visemes.likeliest(motion.phones, k * phones)),
      voicing: perFrame((k) => round(motion.voicing[k], 3)),
      turn: perFrame((k) => round(motion.turn[k], 3)),
      ...(motion.whole && {
        body: rows(motion.whole.body, BODY_NUMBERS, 5),
        listener: rows(motion.whole.listener, 2, 0),
        speaker: rows(motion.whole.speaker, 2, 0),
      }),
    })),
  };
}
