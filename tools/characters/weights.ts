import { mix, smooth, type Vec } from './math.ts';
import type { Skin } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';

const chain = (
  names: readonly string[],
  at: readonly number[],
  width: readonly number[],
  x: number,
): Skin => {
  let k = 0;
  while (k < at.length && x > at[k]! + width[k]!) k++;
  if (k === at.length) return [[names[k]!, 1]];
  const t = smooth(at[k]! - width[k]!, at[k]! + width[k]!, x);
  return [
    [names[k]!, 1 - t],
    [names[k + 1]!, t],
  ];
};

const blend = (a: Skin, b: Skin, t: number): Skin =>
  t <= 0
    ? a
    : t >= 1
      ? b
      : [...a.map(([n, w]) => [n, w * (1 - t)] as const), ...b.map(([n, w]) => [n, w * t] as const)];

/** Weights of a point of torso or sleeve at rest. */
export const torsoSkin = (person: Person, p: Vec): Skin => {
  const j = joints(person);
  const span = j.neckBase[1] - j.hipY;
  const side = p[0] >= 0 ? 'left' : 'right';
  const ax = Math.abs(p[0]);
  const spine = chain(
    ['hips', 'spine', 'chest', 'upperChest', 'neck'],
    [j.hipY + span * 0.14, j.hipY + span * 0.36, j.hipY + span * 0.6, j.neckBase[1] + 0.01],
    [0.06, 0.06, 0.06, 0.03],
    p[1],
  );
  const arm = chain(
    [`${side}UpperArm`, `${side}LowerArm`, `${side}Hand`],
    [j.shoulderX + j.arm, j.shoulderX + j.arm + j.forearm],
    [0.042, 0.026],
    ax,
  );
  const lift = smooth(j.shoulderY - 0.13, j.shoulderY - 0.03, p[1]);
  const collar = 0.75 * smooth(0.03, 0.1, ax) * smooth(j.shoulderY - 0.1, j.shoulderY + 0.01, p[1]);
  const below = smooth(j.shoulderY - 0.17, j.shoulderY - 0.075, p[1]);
  const low = below * smooth(j.shoulderX - 0.05, j.shoulderX + 0.075, ax + mix(-0.02, 0.005, lift));
  return blend(blend(spine, [[`${side}Shoulder`, 1]], collar), arm, low);
};

/** Weights of a point of hips, leg or shoe at rest. */
export const legSkin = (person: Person, p: Vec): Skin => {
  const j = joints(person);
  const leg = (side: 'left' | 'right'): Skin => {
    const down = chain(
      [`${side}UpperLeg`, `${side}LowerLeg`, `${side}Foot`],
      [-j.kneeY, -j.ankleY],
      [0.05, 0.026],
      -p[1],
    );
    const toes = smooth(j.footLength * 0.38, j.footLength * 0.52, p[2]) * smooth(0.1, 0.06, p[1]);
    return blend(down, [[`${side}Toes`, 1]], toes);
  };
  const both = blend(leg('right'), leg('left'), smooth(-0.022, 0.022, p[0]));
  const outer = smooth(0.03, 0.12, Math.abs(p[0])) * 0.03;
  return blend(both, [['hips', 1]], smooth(j.hipY - 0.115, j.hipY + 0.03 + outer, p[1]));
};

/** Weights of a point of the neck or head, by its place on the unrolled head. */
export const headSkin = (b: number): Skin =>
  chain(['upperChest', 'neck', 'head'], [-19.4, -14.2], [1.6, 2.4], b);
