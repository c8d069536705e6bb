import type { Reference } from '../kernel.ts';
import { attention } from './attention.ts';

const clock = (blocks: number) => [blocks, 0, 0, 0];

export default {
  kernel: attention,
  run(
    { qkv, prefix, ring, clock, out },
    { R, T, C, P, W },
    { heads, group = 1, period = 1, prefix: used = P },
  ) {
    const D = C / heads;
    const emitted = clock[0] * T;
    const moment = (token: number) => Math.floor(token / group);
    const at = (from: Float64Array, row: number, width: number, h: number, part: number) =>
      from.subarray(row * width * C + part * C + h * D, row * width * C + part * C + (h + 1) * D);
    for (let r = 0; r < R; r++)
      for (let t = 0; t < T; t++)
        for (let h = 0; h < heads; h++) {
          const slope = 2 ** ((-8 * (h + 1)) / heads);
          const q = at(qkv, r * T + t, 3, h, 0);
          const keys: { k: Float64Array; v: Float64Array; bias: number }[] = [];
          for (let p = 0; p < used; p++)
            keys.push({ k: at(prefix, r * P + p, 2, h, 0), v: at(prefix, r * P + p, 2, h, 1), bias: 0 });
          for (let j = Math.max(0, emitted - W); j < emitted + T; j++) {
            const bias = -slope * Math.floor(Math.abs(moment(emitted + t) - moment(j)) / period);
            const row = r * W + (j % W);
            if (j < emitted) keys.push({ k: at(ring, row, 2, h, 0), v: at(ring, row, 2, h, 1), bias });
            else {
              const own = r * T + j - emitted;
              keys.push({ k: at(qkv, own, 3, h, 1), v: at(qkv, own, 3, h, 2), bias });
            }
          }
          const scores = keys.map(
            ({ k, bias }) => q.reduce((sum, v, d) => sum + v * k[d], 0) / Math.sqrt(D) + bias,
          );
          const top = Math.max(...scores);
          const weights = scores.map((s) => Math.exp(s - top));
          const total = weights.reduce((a, b) => a + b);
          for (let d = 0; d < D; d++)
            out[(r * T + t) * C + h * D + d] =
              keys.reduce((sum, { v }, j) => sum + weights[j] * v[d], 0) / total;
        }
  },
  cases: {
    'one key: itself': {
      dims: { R: 1, T: 1, C: 4, E: 12, E2: 8, P: 1, W: 3 },
      options: { heads: 1, prefix: 0 },
      data: { clock: clock(0) },
    },
    'ring half full, ragged heads': {
      dims: { R: 2, T: 1, C: 36, E: 108, E2: 72, P: 5, W: 7 },
      options: { heads: 3 },
      data: { clock: clock(4) },
    },
    'ring wrapped, blocks of three': {
      dims: { R: 4, T: 3, C: 24, E: 72, E2: 48, P: 2, W: 9 },
      options: { heads: 2 },
      data: { clock: clock(1003) },
    },
    'long period, part of the prefix': {
      dims: { R: 1, T: 2, C: 16, E: 48, E2: 32, P: 5, W: 20 },
      options: { heads: 4, period: 6, prefix: 3 },
      data: { clock: clock(10) },
    },
    'head wider than the workgroup': {
      dims: { R: 1, T: 1, C: 520, E: 1560, E2: 1040, P: 1, W: 5 },
      options: { heads: 1, prefix: 1 },
      data: { clock: clock(5) },
    },
    'more keys than lanes': {
      dims: { R: 1, T: 2, C: 8, E: 24, E2: 16, P: 1, W: 150 },
      options: { heads: 1 },
      data: { clock: clock(400) },
    },
    'two tokens a frame': {
      dims: { R: 2, T: 2, C: 24, E: 72, E2: 48, P: 1, W: 10 },
      options: { heads: 2, group: 2, prefix: 0 },
      data: { clock: clock(3) },
    },
    'two tokens a frame, wrapped': {
      dims: { R: 2, T: 2, C: 192, E: 576, E2: 384, P: 1, W: 128 },
      options: { heads: 4, group: 2, prefix: 0 },
      data: { clock: clock(100) },
      bench: true,
    },
    'four frames of both persons, wrapped': {
      dims: { R: 1, T: 8, C: 256, E: 768, E2: 512, P: 2, W: 128 },
      options: { heads: 4, group: 2 },
      data: { clock: clock(20) },
      bench: true,
    },
    'groups of three that the blocks cut': {
      dims: { R: 1, T: 4, C: 8, E: 24, E2: 16, P: 1, W: 12 },
      options: { heads: 1, group: 3, period: 2 },
      data: { clock: clock(7) },
    },
    'speech encoder': {
      dims: { R: 2, T: 1, C: 256, E: 768, E2: 512, P: 1, W: 64 },
      options: { heads: 4, prefix: 0 },
      data: { clock: clock(100) },
    },
    face: {
      dims: { R: 2, T: 1, C: 256, E: 768, E2: 512, P: 5, W: 64 },
      options: { heads: 4 },
      data: { clock: clock(100) },
      bench: true,
    },
  },
  flops: ({ R, T, C, P, W }) => 4 * R * T * C * (P + W + T),
} satisfies Reference<typeof attention>;
