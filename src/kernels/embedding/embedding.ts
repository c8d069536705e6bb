import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './embedding.wgsl?raw';

/**
 * Looks N ids a row up in a table of K rows: `out[r, at + n, :] = table[ids[r,n], :]`; the other rows of `out` stay,
 * so tokens of several tables can stand side by side. An id past the end reads the last row.
 */
export const embedding = kernel({
  name: 'embedding',
  wgsl,
  tensors: { ids: 'index R N', table: 'half K C', out: 'update R P C' },
  launch: ({ R, N, K, C, P }, { at = 0 }: { at?: number }) => {
    if (at + N > P) throw new EngineError('bug', `embedding: ${N} rows at ${at} do not fit into ${P}`);
    return {
      constants: { N, K, C, P, AT: at, COUNT: R * N * C },
      grid: [Math.ceil((R * N * C) / 64), 1, 1],
    };
  },
});
