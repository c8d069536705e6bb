import { PERSONS } from '../motion.ts';

/**
 * A block of captured sound: [frame high, frame low, present, 0, samples of person 0…, samples of person 1…].
 * The frame is the context's count of the first sample, in two floats because one holds only 24 bits exactly;
 * bit p of `present` says that person p's sound was not all exact zeros, as it is where nothing is connected or muted.
 */
export const BLOCK_HEADER = 4;

const SPLIT = 2 ** 24;

/** Floats of a block with `hopFrames` samples of each person. */
export const blockLength = (hopFrames: number) => BLOCK_HEADER + PERSONS * hopFrames;

/** Samples of each person in a block of that many floats. */
export const blockFrames = (length: number) => (length - BLOCK_HEADER) / PERSONS;

/** Writes a frame count below 2^48 into two floats of `block`, exactly. */
export function splitFrame(block: Float32Array, at: number, frame: number) {
  block[at] = Math.floor(frame / SPLIT);
  block[at + 1] = frame % SPLIT;
}

/** Reads what {@link splitFrame} wrote. */
export const joinFrame = (block: Float32Array, at: number) => block[at] * SPLIT + block[at + 1];

/** Writes the header of `block`; `frame` is a whole number below 2^48. */
export function stampBlock(block: Float32Array, frame: number, present: number) {
  splitFrame(block, 0, frame);
  block[2] = present;
  block[3] = 0;
}

/** The context frame of the block's first sample. */
export const blockFrame = (block: Float32Array) => joinFrame(block, 0);

/** Bit p is set when person p's sound was not all exact zeros. */
export const blockPresent = (block: Float32Array) => block[2];
