import type { ShapeName } from './shapes.ts';

type Weights = Partial<Record<ShapeName, number>>;

const both = (name: string, weight: number): Weights => ({
  [`${name}Left`]: weight,
  [`${name}Right`]: weight,
});
const apart = (lower: number, upper: number): Weights => ({
  ...both('mouthLowerDown', lower),
  ...both('mouthUpperUp', upper),
});

/** The 15 Oculus visemes at their full, in ARKit weights. */
export const VISEMES: Readonly<Record<string, Weights>> = {
  sil: {},
  PP: { mouthRollLower: 0.3, mouthRollUpper: 0.3, ...both('mouthPress', 0.6) },
  FF: { jawOpen: 0.08, mouthRollLower: 0.6, ...both('mouthUpperUp', 0.25) },
  TH: { jawOpen: 0.2, tongueOut: 0.35, ...apart(0.2, 0.15) },
  DD: { jawOpen: 0.16, ...apart(0.25, 0.15) },
  kk: { jawOpen: 0.26, ...apart(0.2, 0.12), ...both('mouthStretch', 0.1) },
  CH: { jawOpen: 0.12, jawForward: 0.15, mouthPucker: 0.2, mouthFunnel: 0.7, ...apart(0.15, 0.15) },
  SS: { jawOpen: 0.06, ...apart(0.35, 0.25), ...both('mouthStretch', 0.35), ...both('mouthSmile', 0.15) },
  nn: { jawOpen: 0.2, ...apart(0.22, 0.1) },
  RR: { jawOpen: 0.2, mouthPucker: 0.35, mouthFunnel: 0.35 },
  aa: { jawOpen: 0.65, ...apart(0.2, 0.15) },
  E: { jawOpen: 0.38, ...apart(0.25, 0.15), ...both('mouthStretch', 0.3), ...both('mouthSmile', 0.12) },
  ih: { jawOpen: 0.22, ...apart(0.28, 0.18), ...both('mouthStretch', 0.35), ...both('mouthSmile', 0.25) },
  oh: { jawOpen: 0.45, mouthPucker: 0.35, mouthFunnel: 0.45 },
  ou: { jawOpen: 0.18, mouthPucker: 0.8, mouthFunnel: 0.3 },
};
