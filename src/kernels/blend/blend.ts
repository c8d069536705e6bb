import { EngineError } from '../../errors.ts';
import { kernel } from '../kernel.ts';
import wgsl from './blend.wgsl?raw';

/** Stands in `channels` where another motion knows nothing of the channel. */
export const NO_CHANNEL = 0xffffffff;

/**
 * Blends two normalised motions by turn: `out[r,f] = (1 − turn_r)·listener[r,f] + turn_r·own[r,f]`. `own` is the speaker's
 * or, where `channels[f]` is a channel c of `face`, the face's: its weight clamp(face[r,c]·n₀ + n₁, 0, 1) renormalised to
 * (weight − n₂) / n₃, with n the column f of `norms`. `tail` gets the last H channels of out as out·n₃ + n₂.
 */
export const blend = kernel({
  name: 'blend',
  wgsl,
  tensors: {
    turn: 'read R',
    listener: 'read R F',
    speaker: 'read R F',
    face: 'read R C',
    channels: 'index F',
    norms: 'read 4 F',
    out: 'write R F',
    tail: 'write R H',
  },
  launch: ({ R, F, C, H }) => {
    if (H > F) throw new EngineError('bug', `blend: the last ${H} of ${F} channels`);
    return { constants: { F, C, H, COUNT: R * F }, grid: [Math.ceil((R * F) / 64), 1, 1] };
  },
});
