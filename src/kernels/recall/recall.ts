import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './recall.wgsl?raw';

/**
 * Adds embeddings of N ids (whole numbers in f32) to each row: `out[r] += Σ_n table[((r mod roles)·N + n)·codes + ids[r,n]]`,
 * so a table can hold `codes` entries for each id of each role; by default it is one table for all. An id past the end
 * reads the last row.
 */
export const recall = kernel({
  name: 'recall',
  wgsl,
  tensors: { ids: 'read R N', table: 'half K C', out: 'update R T C' },
  launch: ({ R, N, K, T, C }, { codes = 0, roles = 1 }: { codes?: number; roles?: number }) => {
    if (T !== 1 || roles * N * codes > K)
      throw new EngineError('bug', `recall: ${roles} roles of ${N} ids of ${codes} codes in a table of ${K}`);
    return {
      constants: { N, K, C, CODES: codes, ROLES: roles, COUNT: R * C },
      grid: [Math.ceil((R * C) / 64), 1, 1],
    };
  },
});
