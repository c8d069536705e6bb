/** Seeded whole numbers 0 … below. */
export function dice(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Seeded white noise in −1…1. */
export function noise(seed: number, length: number): Float32Array {
  const next = dice(seed);
  return Float32Array.from({ length }, () => next(2 ** 24) / 2 ** 23 - 1);
}

/** A sine of full scale; `phase` in radians at sample 0. */
export const sine = (hz: number, rateHz: number, length: number, phase = 0): Float32Array =>
  Float32Array.from({ length }, (_, n) => Math.sin((2 * Math.PI * hz * n) / rateHz + phase));

/** `length` cut into chunks of seeded random sizes 0 … largest, as [start, end) pairs. */
export function chunks(seed: number, length: number, largest: number): [start: number, end: number][] {
  const next = dice(seed);
  const cuts: [number, number][] = [];
  for (let start = 0; start < length; ) {
    const end = Math.min(length, start + next(largest + 1));
    cuts.push([start, end]);
    start = end;
  }
  return cuts;
}
