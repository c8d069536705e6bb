import type { Reference } from '../kernel.ts';
import { TURN, turn } from './turn.ts';

export default {
  kernel: turn,
  run({ voicing, activity, out }, { R }) {
    for (let r = 0; r < R; r++) {
      const v = 1 / (1 + Math.exp(-voicing[r]));
      activity[r] += (v > activity[r] ? TURN.attack : TURN.release) * (v - activity[r]);
      const s = Math.min(1, Math.max(0, (activity[r] - TURN.silent) / TURN.span));
      out[r] = s * s * (3 - 2 * s);
    }
  },
  cases: {
    'taken, left, held, lost long ago': {
      dims: { R: 4 },
      data: { voicing: [5, -5, 2, -300], activity: [0.1, 0.5, 0.9, 0] },
      bench: true,
    },
    'between the levels': { dims: { R: 2 }, data: { voicing: [0.3, -0.2], activity: [0.35, 0.52] } },
  },
  flops: ({ R }) => 12 * R,
} satisfies Reference<typeof turn>;
