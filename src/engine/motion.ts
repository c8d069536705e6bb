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

/** The 21 face channels that the listening and speaking codes carry (DIM): upper face and mouth corners. */
export const BEHAVIOUR_FACE = [
  'browDownLeft',
  'browDownRight',
  'browInnerUp',
  'browOuterUpLeft',
  'browOuterUpRight',
  'cheekSquintLeft',
  'cheekSquintRight',
  'eyeBlinkLeft',
  'eyeBlinkRight',
  'eyeSquintLeft',
  'eyeSquintRight',
  'eyeWideLeft',
  'eyeWideRight',
  'noseSneerLeft',
  'noseSneerRight',
  'mouthSmileLeft',
  'mouthSmileRight',
  'mouthFrownLeft',
  'mouthFrownRight',
  'mouthDimpleLeft',
  'mouthDimpleRight',
] as const satisfies readonly ArkitChannel[];

/** Channels of a behaviour frame: {@link BEHAVIOUR_FACE}, then the head's exp-map (rad) against the chest. */
export const BEHAVIOUR_CHANNELS = BEHAVIOUR_FACE.length + 3;

/** Joints of the lower body, each an exp-map (rad) of the VRM normalised bone against the T-pose. */
export const LOWER_JOINTS = [
  'hips',
  'leftUpperLeg',
  'leftLowerLeg',
  'leftFoot',
  'rightUpperLeg',
  'rightLowerLeg',
  'rightFoot',
] as const;

/** Joints of the upper body, each an exp-map (rad) of the VRM normalised bone against the T-pose. */
export const UPPER_JOINTS = [
  'spine',
  'chest',
  'upperChest',
  'leftShoulder',
  'leftUpperArm',
  'leftLowerArm',
  'leftHand',
  'rightShoulder',
  'rightUpperArm',
  'rightLowerArm',
  'rightHand',
] as const;

/** Numbers of one hand: curl of thumb, index, middle, ring, little (0 flat … 1 fist), spread −1…1, thumb opposition 0…1. */
export const HAND_NUMBERS = 7;

/** Features of the lower body network: dx, dz (m), dyaw (rad), hips height (m), {@link LOWER_JOINTS}, contact left and right 0…1. */
export const LOWER_FEATURES = 4 + 3 * LOWER_JOINTS.length + 2;

/** Features of the upper body network: {@link UPPER_JOINTS}, then left and right hand. */
export const UPPER_FEATURES = 3 * UPPER_JOINTS.length + 2 * HAND_NUMBERS;

/** Frames of a body block. */
export const BODY_BLOCK = 8;

/** Height of the hips of the reference person over the floor, in metres; body motion is stated in metres on that person. */
export const REFERENCE_HIPS_M = 0.93;

/**
 * Numbers of one person's body in a frame: hips x, height, z (m, world), facing yaw (rad, 0 faces +Z, positive to the
 * person's left), {@link LOWER_JOINTS}, {@link UPPER_JOINTS}, left hand, right hand, head exp-map.
 */
export const BODY_NUMBERS = 4 + 3 * (LOWER_JOINTS.length + UPPER_JOINTS.length) + 2 * HAND_NUMBERS + 3;

/**
 * One frame of both persons, standing at `frameIndex / 30` s: `face` is [2, 51] ARKit weights 0…1, `body` [2, 75]
 * ({@link BODY_NUMBERS}) where the networks move the bodies; row-major.
 */
export type MotionFrame = {
  readonly frameIndex: number;
  readonly face: Float32Array;
  readonly body?: Float32Array | undefined;
};
