import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './sample.wgsl?raw';

/** How codes are drawn: one of the `topK` likeliest by its probability at `temperature`, the likeliest at 0. */
export type Draw = { readonly temperature: number; readonly topK: number };

/**
 * Draws a code for each of G groups of a row by the Gumbel-max rule: the largest of `l_k / temperature − ln(−ln u)`
 * among the topK largest logits, the lowest k of equals; u = ((w >>> 8) + ½) / 2²⁴ of word w = k & 3 of Philox with the
 * counter (k >> 2, r·G + g, n, 2¹⁶) and `clock` [n, seed low, seed high, unused].
 *
 * A row of logits holds `roles` halves of G·K; row r reads half r mod roles, K = E / (roles·G). Codes are whole numbers
 * in f32.
 */
export const sample = kernel({
  name: 'sample',
  wgsl,
  tensors: { logits: 'read R T E', clock: 'index 4', codes: 'write R G' },
  launch: (
    { R, T, E, G },
    { temperature, topK, roles = 1 }: Draw & { readonly roles?: number },
    { software },
  ) => {
    const K = E / (roles * G);
    if (!Number.isInteger(K) || T !== 1)
      throw new EngineError('bug', `sample: [${R}, ${T}, ${E}] logits for ${roles} roles of ${G} groups`);
    if (!(temperature >= 0) || !(topK >= 1))
      throw new EngineError('unsupported', `temperature is ${temperature}, topK ${topK}`, {
        hint: 'Use a temperature of 0 or more and a topK of at least 1.',
      });
    const constants = { E, G, K, ROLES: roles, TEMPERATURE: temperature, TOP: Math.min(topK, K) };
    return { constants: { ...constants, WG: software ? 16 : 64 }, grid: [G, R, 1] };
  },
});
