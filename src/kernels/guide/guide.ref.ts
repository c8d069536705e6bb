import type { Reference } from '../kernel.ts';
import { guide } from './guide.ts';

export default {
  kernel: guide,
  run({ y }, { N }, { scale }) {
    for (let n = 0; n < N; n++) {
      y[n] = y[N + n] + scale * (y[n] - y[N + n]);
      y[N + n] = y[n];
    }
  },
  cases: {
    'a scale of one changes nothing in the first row': { dims: { B: 2, N: 3 }, options: { scale: 1 } },
    ragged: { dims: { B: 2, N: 101 }, options: { scale: 2.5 } },
    'a body block': { dims: { B: 2, N: 752 }, options: { scale: 1.5 }, bench: true },
  },
  flops: ({ N }) => 3 * N,
} satisfies Reference<typeof guide>;
