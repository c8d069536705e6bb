/** Numbers that look like chance and are the same for the same seed: uniform in [0, 1) (mulberry32). */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A standard normal number from two uniform ones (Box–Muller). */
export const normal = (random: () => number) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** A log-normal number: its median, and the spread of its logarithm. */
export const logNormal = (random: () => number, median: number, spread: number) =>
  median * Math.exp(spread * normal(random));

const knot = (seed: number, index: number) => {
  let h = Math.imul(index ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2_147_483_648 - 1;
};

/** Smooth noise of −1…1 at `x`, with one random value at each whole number. */
const smoothNoise = (seed: number, x: number) => {
  const cell = Math.floor(x);
  const t = x - cell;
  const ease = t * t * t * (t * (6 * t - 15) + 10);
  const a = knot(seed, cell);
  return a + (knot(seed, cell + 1) - a) * ease;
};

/**
 * Noise whose power falls with frequency, as that of living things: four octaves from `lowestHz` up, each with 0.6 of
 * the amplitude of the one below it; about −1…1 at `timeS`, the same for the same seed.
 */
export function drift(seed: number, timeS: number, lowestHz: number): number {
  let sum = 0;
  let amplitude = 1;
  // The ratio is off two, so that the octaves never fall into step.
  for (let octave = 0, hz = lowestHz; octave < 4; octave++, hz *= 1.93, amplitude *= 0.6)
    sum += amplitude * smoothNoise(seed + octave * 101, timeS * hz * 2 + octave * 17.3);
  return sum * 0.75;
}
