import { PERSONS } from '../motion.ts';

/**
 * A block of captured sound: [frame high, frame low, connected, 0, samples of person 0…, samples of person 1…].
 * The frame is the context's count of the first sample, in two floats because one holds only 24 bits exactly;
 * bit p of `connected` says that something played into person p's input.
 */
export const BLOCK_HEADER = 4;

const SPLIT = 2 ** 24;

/** Floats of a block with `hopFrames` samples of each person. */
export const blockLength = (hopFrames: number) => BLOCK_HEADER + PERSONS * hopFrames;

/** Samples of each person in a block of that many floats. */
export const blockFrames = (length: number) => (length - BLOCK_HEADER) / PERSONS;

/** Writes the header of `block`; `frame` is a whole number below 2^48. */
export function stampBlock(block: Float32Array, frame: number, connected: number) {
  block[0] = Math.floor(frame / SPLIT);
  block[1] = frame % SPLIT;
  block[2] = connected;
  block[3] = 0;
}

/** The context frame of the block's first sample. */
export const blockFrame = (block: Float32Array) => block[0] * SPLIT + block[1];

/** Bit p is set when something played into person p's input during the block. */
export const blockConnected = (block: Float32Array) => block[2];
