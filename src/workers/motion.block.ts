import { FACE_CHANNELS, PERSONS } from '../engine/motion.ts';

/**
 * A block of the motion stream: [frameIndex, start frame high, start frame low, tick ms, voicing A, voicing B,
 * face A (51), face B (51)]. Frame k stands k/30 s after the context frame `start`, which is split in two floats
 * as in a block of sound.
 */
export const MOTION_HEADER = 6;

/** Floats of a motion block. */
export const MOTION_BLOCK = MOTION_HEADER + PERSONS * FACE_CHANNELS;
