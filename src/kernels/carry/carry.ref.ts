import type { Reference } from '../kernel.ts';
import { carry } from './carry.ts';

export default {
  kernel: carry,
  run({ x, state }, { R, T, C, S }) {
    for (let r = 0; r < R; r++) {
      const [from, to] = [r * S * C, (r + 1) * S * C];
      const stream = [...state.subarray(from, to), ...x.subarray(r * T * C, (r + 1) * T * C)];
      state.set(stream.slice(-S * C), from);
    }
  },
  cases: {
    'chunk longer than the state': { dims: { R: 2, T: 5, C: 3, S: 2 } },
    'chunk as long as the state': { dims: { R: 1, T: 2, C: 70, S: 2 } },
    'chunk shorter than the state': { dims: { R: 4, T: 1, C: 33, S: 4 } },
    'model size': { dims: { R: 2, T: 1, C: 256, S: 2 }, bench: true },
  },
  flops: () => 0,
} satisfies Reference<typeof carry>;
