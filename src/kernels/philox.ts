/** Multiplies two u32; returns the high 32 bits (`Math.imul` gives the low). Split in 16 bits, as in WGSL. */
function mulHigh(a: number, b: number) {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

/**
 * Philox4x32-10 (Salmon et al. 2011): ten rounds over four u32 with a key of two; no state, so any number of a
 * stream can be had alone. Same bits as `noise.wgsl` and `training/philox.py`.
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(c0, 0xd2511f53);
    const high1 = mulHigh(c2, 0xcd9e8d57);
    const low0 = Math.imul(c0, 0xd2511f53) >>> 0;
    const low1 = Math.imul(c2, 0xcd9e8d57) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** 1 / the standard deviation of a sum of eight numbers from 0…65535. */
const SCALE = Math.fround(1 / Math.sqrt((8 * (65536 ** 2 - 1)) / 12));

/** Low and high u32 of a seed, a whole number from 0 to 2^53 − 1. */
export const seedWords = (seed: number): [low: number, high: number] => [
  seed >>> 0,
  Math.floor(seed / 2 ** 32) >>> 0,
];

/**
 * A standard normal number (Irwin–Hall of eight: within ±9.8) for a channel, row, frame and step. Integers until
 * one f32 multiplication, so WGSL, TypeScript and Python give the same bits.
 */
export function normal(channel: number, row: number, frame: number, step: number, seed: number): number {
  const words = philox4x32([channel, row, frame, step], seedWords(seed));
  const sum = words.reduce((total, word) => total + (word & 0xffff) + (word >>> 16), 0);
  return Math.fround((sum - 262140) * SCALE);
}
