import { BODY_NUMBERS, FACE_CHANNELS, PERSONS } from '../engine/motion.ts';

/**
 * A block of the motion stream: [frameIndex, start frame high, start frame low, tick ms, voicing A, voicing B, turn A,
 * turn B, 1 where there are bodies, faces [2, 51], bodies [2, 75]]. Frame k stands k/30 s after the context frame
 * `start`, which is split in two floats as in a block of sound.
 */
export const MOTION_HEADER = 9;

/** Where a motion block's bodies begin. */
export const MOTION_BODIES = MOTION_HEADER + PERSONS * FACE_CHANNELS;

/** Floats of a motion block. */
export const MOTION_BLOCK = MOTION_BODIES + PERSONS * BODY_NUMBERS;
