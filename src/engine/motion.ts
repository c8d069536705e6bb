/** Samples per second of the one clock: every time in the engine is a sample index at this rate. */
export const SAMPLE_RATE_HZ = 16_000;

/** Motion frames per second; frame k stands at time k / 30 s. */
export const FRAME_RATE_HZ = 30;

/** Persons in a conversation. */
export const PERSONS = 2;

/** The 51 ARKit channels of a face frame, in InterAct's order (MediaPipe's without `_neutral`, no tongueOut). */
export const ARKIT_51 = [
  'browDownLeft',
  'browDownRight',
  'browInnerUp',
  'browOuterUpLeft',
  'browOuterUpRight',
  'cheekPuff',
  'cheekSquintLeft',
  'cheekSquintRight',
  'eyeBlinkLeft',
  'eyeBlinkRight',
  'eyeLookDownLeft',
  'eyeLookDownRight',
  'eyeLookInLeft',
  'eyeLookInRight',
  'eyeLookOutLeft',
  'eyeLookOutRight',
  'eyeLookUpLeft',
  'eyeLookUpRight',
  'eyeSquintLeft',
  'eyeSquintRight',
  'eyeWideLeft',
  'eyeWideRight',
  'jawForward',
  'jawLeft',
  'jawOpen',
  'jawRight',
  'mouthClose',
  'mouthDimpleLeft',
  'mouthDimpleRight',
  'mouthFrownLeft',
  'mouthFrownRight',
  'mouthFunnel',
  'mouthLeft',
  'mouthLowerDownLeft',
  'mouthLowerDownRight',
  'mouthPressLeft',
  'mouthPressRight',
  'mouthPucker',
  'mouthRight',
  'mouthRollLower',
  'mouthRollUpper',
  'mouthShrugLower',
  'mouthShrugUpper',
  'mouthSmileLeft',
  'mouthSmileRight',
  'mouthStretchLeft',
  'mouthStretchRight',
  'mouthUpperUpLeft',
  'mouthUpperUpRight',
  'noseSneerLeft',
  'noseSneerRight',
] as const;

/** A channel name of {@link ARKIT_51}. */
export type ArkitChannel = (typeof ARKIT_51)[number];

/** Channels of one face. */
export const FACE_CHANNELS = ARKIT_51.length;

/** The sample (16 kHz, may be fractional) at which frame `frameIndex` stands. */
export const frameSample = (frameIndex: number) => (frameIndex * SAMPLE_RATE_HZ) / FRAME_RATE_HZ;

/** One frame of both persons: `face` is [2, 51] ARKit weights 0…1, row-major, standing at `frameIndex / 30` s. */
export type MotionFrame = { readonly frameIndex: number; readonly face: Float32Array };
