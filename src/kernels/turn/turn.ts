import { kernel } from '../kernel.ts';
import wgsl from './turn.wgsl?raw';

/** How a turn follows a voice: it is taken faster than it is left, and between two levels of activity it is shared. */
export const TURN = { attack: 0.35, release: 0.06, silent: 0.25, span: 0.55 } as const;

/**
 * How much each row has the turn: with v = sigmoid(`voicing`), `activity` a moves by attack·(v − a) where v > a, else by
 * release·(v − a); `out` is s²(3 − 2s), s = clamp((a − silent) / span, 0, 1). One `encode` is one frame.
 */
export const turn = kernel({
  name: 'turn',
  wgsl,
  tensors: { voicing: 'read R', activity: 'update R', out: 'write R' },
  launch: ({ R }) => ({
    constants: {
      ATTACK: TURN.attack,
      RELEASE: TURN.release,
      SILENT: TURN.silent,
      SPAN: TURN.span,
      COUNT: R,
    },
    grid: [Math.ceil(R / 64), 1, 1],
  }),
});
