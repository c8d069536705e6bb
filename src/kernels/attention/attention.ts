import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './attention.wgsl?raw';

/**
 * Attention of a block of T frames over PREFIX tokens, the ring of the last W emitted frames and the block itself,
 * per head: `softmax_j(q·k_j/√D − slope_h·⌊dist_j/period⌋)·v_j` with `slope_h = 2^(−8h/H)`, h from 1; prefix tokens
 * have no bias (DiffSpeaker's biased attention).
 *
 * Rows of `qkv` are q‖k‖v (E = 3C), of `prefix` and `ring` k‖v (E2 = 2C). `clock[0]` is the number n of frames
 * emitted so far: frame j stands in slot j mod W, and min(n, W) slots count. `prefix` is how many of its P tokens
 * are used; a binding cannot be empty, so with 0 any tensor will do (the ring, say).
 */
export const attention = kernel({
  name: 'attention',
  wgsl,
  tensors: {
    qkv: 'read R T E',
    prefix: 'read R P E2',
    ring: 'read R W E2',
    clock: 'index 4',
    out: 'write R T C',
  },
  launch: (
    { R, T, C, E, E2, P, W },
    { heads, period = 1, prefix = P }: { heads: number; period?: number; prefix?: number },
    { software },
  ) => {
    if (E !== 3 * C || E2 !== 2 * C || C % heads !== 0)
      throw new EngineError(
        'bug',
        `attention: qkv [${E}], ring [${E2}], out [${C}] do not fit ${heads} heads`,
      );
    if (prefix > P) throw new EngineError('bug', `attention: ${prefix} prefix tokens of ${P}`);
    const D = C / heads;
    const WG = software ? 16 : prefix + W + T > 64 ? 128 : 64;
    const PARTS = Math.max(1, 2 ** Math.floor(Math.log2(WG / D)));
    return {
      constants: { T, C, D, H: heads, P, PREFIX: prefix, W, PERIOD: period, WG, PARTS },
      grid: [heads, T, R],
    };
  },
});
