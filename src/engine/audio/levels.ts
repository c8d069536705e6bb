/** The level of silence, in dB. */
export const SILENCE_DB = -120;

const toDb = (amplitude: number) => (amplitude > 1e-6 ? 20 * Math.log10(amplitude) : SILENCE_DB);

/** Root mean square of `samples[start…end)` in dB of full scale, at least −120; NaN and Infinity count as 0. */
export function rmsDb(samples: Float32Array, start = 0, end = samples.length) {
  let sum = 0;
  for (let i = start; i < end; i++) if (Number.isFinite(samples[i])) sum += samples[i] * samples[i];
  return end > start ? toDb(Math.sqrt(sum / (end - start))) : SILENCE_DB;
}

/** Largest magnitude of `samples[start…end)` in dB of full scale, at least −120; NaN and Infinity count as 0. */
export function peakDb(samples: Float32Array, start = 0, end = samples.length) {
  let peak = 0;
  for (let i = start; i < end; i++)
    if (Number.isFinite(samples[i])) peak = Math.max(peak, Math.abs(samples[i]));
  return toDb(peak);
}
