import { REST_LOWER } from '../body/rest.ts';
import { blendInto, type Numbers } from '../body/rotation.ts';
import { ANKLE_M, BODY_AT } from '../body/skeleton.ts';

/** Height of the hips, and of each ankle the place to the side and ahead (m), of the reference person at rest. */
const STANDING = { hipsM: REST_LOWER[3], sideM: 0.115, aheadM: 0 } as const;
const SITTING = { hipsM: 0.5, sideM: 0.115, aheadM: 0.4 } as const;
/** Hips this low sit, and this high stand. */
const SITS_M = 0.55;
const STANDS_M = 0.82;

const UPRIGHT = Float64Array.of(0, 0, 0, 1);

/**
 * Brings root, hips and feet nearer to a person who stands or sits at home: of all that differs a `share` is left. Of the body
 * frame `body` the root and the hips change; `feet` are the ankles [2, 3], `turns` their quaternions [2, 4].
 */
export function stayInto(body: Numbers, feet: Numbers, turns: Numbers, share: number): void {
  const low = Math.min(1, Math.max(0, (STANDS_M - body[1]) / (STANDS_M - SITS_M)));
  const sits = low * low * (3 - 2 * low);
  const between = (what: keyof typeof SITTING) => STANDING[what] + sits * (SITTING[what] - STANDING[what]);
  const hipsM = between('hipsM');
  body[0] *= share;
  body[1] = hipsM + share * (body[1] - hipsM);
  body[2] *= share;
  body[3] *= share;
  for (let i = 0; i < 3; i++) body[BODY_AT.lower + i] *= share;
  for (let leg = 0; leg < 2; leg++) {
    const at = 3 * leg;
    const x = between('sideM') * (leg === 0 ? 1 : -1);
    const z = between('aheadM');
    feet[at] = x + share * (feet[at] - x);
    feet[at + 1] = ANKLE_M + share * (feet[at + 1] - ANKLE_M);
    feet[at + 2] = z + share * (feet[at + 2] - z);
    blendInto(turns, 4 * leg, UPRIGHT, 0, turns, 4 * leg, share);
  }
}
