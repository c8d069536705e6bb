import type { Reference } from '../kernel.ts';
import { philox4x32 } from '../philox.ts';
import { sample } from './sample.ts';

/** Logits whose order is known: a shuffled ramp, steep enough that noise decides among the likeliest few. */
const ramp = (count: number, K: number, slope: number) =>
  Array.from({ length: count }, (_, i) => Math.fround((slope * ((i * 37) % K)) / K));

export default {
  kernel: sample,
  run({ logits, clock, codes }, { R, E, G }, { temperature, topK, roles = 1 }) {
    const K = E / (roles * G);
    for (let r = 0; r < R; r++)
      for (let g = 0; g < G; g++) {
        const l = logits.subarray(r * E + ((r % roles) * G + g) * K).subarray(0, K);
        const order = [...l.keys()].sort((a, b) => l[b] - l[a] || a - b);
        const scores = [...l.keys()].map((k) => {
          if (order.indexOf(k) >= topK) return Number.NEGATIVE_INFINITY;
          if (temperature === 0) return l[k];
          const words = philox4x32([k >> 2, r * G + g, clock[0], 0x10000], [clock[1], clock[2]]);
          const u = ((words[k & 3] >>> 8) + 0.5) / 2 ** 24;
          return l[k] / temperature - Math.log(-Math.log(u));
        });
        codes[r * G + g] = scores.indexOf(Math.max(...scores));
      }
  },
  cases: {
    'the likeliest': {
      dims: { R: 2, T: 1, E: 14, G: 2 },
      options: { temperature: 0, topK: 7 },
      data: { clock: [3, 1, 2, 0] },
    },
    'the lowest of equals': {
      dims: { R: 1, T: 1, E: 130, G: 1 },
      options: { temperature: 0, topK: 1 },
      data: { clock: [0, 0, 0, 0], logits: Array.from({ length: 130 }, (_, k) => Number(k % 61 === 5)) },
    },
    'one of one is no choice': {
      dims: { R: 4, T: 1, E: 40, G: 1 },
      options: { temperature: 5, topK: 1 },
      data: { clock: [9, 9, 9, 0] },
    },
    'hot, all codes, two roles': {
      dims: { R: 4, T: 1, E: 132, G: 3 },
      options: { temperature: 3, topK: 99, roles: 2 },
      data: { clock: [4294967290, 4042322160, 1048575, 0], logits: ramp(4 * 132, 22, 2) },
    },
    'code decoder': {
      dims: { R: 4, T: 1, E: 1024, G: 2 },
      options: { temperature: 0.8, topK: 26, roles: 2 },
      data: { clock: [100, 1234, 0, 0], logits: ramp(4 * 1024, 256, 8) },
      bench: true,
    },
  },
  flops: ({ R, E }) => R * E * 30,
  tolerance: { abs: 0, rel: 0 },
} satisfies Reference<typeof sample>;
