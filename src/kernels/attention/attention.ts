import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import subgroups from './attention.subgroups.wgsl?raw';
import wgsl from './attention.wgsl?raw';

type AttentionOptions = { heads: number; group?: number; period?: number; prefix?: number };

/**
 * Attention of a block of T tokens over PREFIX tokens, the ring of the last W emitted tokens and the block itself,
 * per head of D = C / heads channels, a multiple of 4: `softmax_j(q·k_j/√D − slope_h·⌊dist_j/period⌋)·v_j` with
 * `slope_h = 2^(−8h/H)`, h from 1; prefix tokens have no bias (DiffSpeaker's biased attention). `group` tokens stand at
 * one moment: the distance of tokens i and j of the stream is |⌊i/group⌋ − ⌊j/group⌋|.
 *
 * Rows of `qkv` are q‖k‖v (E = 3C), of `prefix` and `ring` k‖v (E2 = 2C). `clock[0]` is the number of blocks emitted so
 * far, n = `clock[0]`·T tokens: token j stands in slot j mod W, W a multiple of T, and min(n, W) slots count. `prefix`
 * is how many of its P tokens are used; a binding cannot be empty, so with 0 any tensor will do (the ring, say).
 */
export const attention = kernel({
  name: 'attention',
  wgsl,
  variants: { subgroups },
  tensors: {
    qkv: 'read R T E',
    prefix: 'read R P E2',
    ring: 'read R W E2',
    clock: 'index 4',
    out: 'write R T C',
  },
  launch: (
    { R, T, C, E, E2, P, W },
    { heads, group = 1, period = 1, prefix = P }: AttentionOptions,
    tuning,
  ) => {
    if (E !== 3 * C || E2 !== 2 * C || C % (4 * heads) !== 0)
      throw new EngineError(
        'bug',
        `attention: qkv [${E}], ring [${E2}], out [${C}] do not fit ${heads} heads`,
      );
    if (W % T !== 0) throw new EngineError('bug', `attention: blocks of ${T} do not fill a ring of ${W}`);
    if (prefix > P) throw new EngineError('bug', `attention: ${prefix} prefix tokens of ${P}`);
    const { software } = tuning;
    const D = C / heads;
    const WG = software ? 8 : prefix + W + T > 64 ? 128 : 64;
    const TILE = T === 1 ? 1 : T === 2 || !software ? 2 : 4; // a GPU would rather have more workgroups
    const STRIDE = Math.min(D / 4, WG);
    const split = { TILE, WG, STRIDE, PARTS: Math.floor(WG / STRIDE) };
    return {
      ...(tuning.subgroups && !software && { variant: 'subgroups' }),
      constants: { T, C, D, H: heads, P, PREFIX: prefix, W, GROUP: group, PERIOD: period, ...split },
      grid: [heads, Math.ceil(T / TILE), R],
    };
  },
});
