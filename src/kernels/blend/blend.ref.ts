import type { Reference } from '../kernel.ts';
import { blend, NO_CHANNEL } from './blend.ts';

/** Norms [4, F] with positive deviations. */
const norms = (F: number) =>
  Array.from({ length: 4 * F }, (_, i) => (i < F || i >= 3 * F ? 0.5 + (i % 5) / 8 : (i % 7) / 16));

export default {
  kernel: blend,
  run({ turn, listener, speaker, face, channels, norms, out, tail }, { R, F, C, H }) {
    for (let r = 0; r < R; r++)
      for (let f = 0; f < F; f++) {
        const [gain, offset, mean, std] = [0, 1, 2, 3].map((row) => norms[row * F + f]);
        const weight = Math.min(1, Math.max(0, face[r * C + channels[f]] * gain + offset));
        const own = channels[f] < C ? (weight - mean) / std : speaker[r * F + f];
        const z = (1 - turn[r]) * listener[r * F + f] + turn[r] * own;
        out[r * F + f] = z;
        if (f >= F - H) tail[r * H + f - (F - H)] = z * std + mean;
      }
  },
  cases: {
    ragged: {
      dims: { R: 3, F: 5, C: 4, H: 2 },
      data: { turn: [0, 0.25, 1], channels: [3, NO_CHANNEL, 0, 2, NO_CHANNEL], norms: norms(5) },
    },
    'model size': {
      dims: { R: 2, F: 24, C: 51, H: 3 },
      data: {
        turn: [0.125, 0.75],
        channels: Array.from({ length: 24 }, (_, f) => (f < 21 ? (f * 17) % 51 : NO_CHANNEL)),
        norms: norms(24),
      },
      bench: true,
    },
  },
  flops: ({ R, F }) => 8 * R * F,
} satisfies Reference<typeof blend>;
