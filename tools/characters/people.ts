/** Everything that makes one character who they are. Face lengths are in face units (24 from chin to crown, eyes at y = 0). */
export type Person = {
  name: string;
  title: string;
  seed: number;
  /** Metres from sole to crown. */
  height: number;
  /** Metres from chin to crown. */
  head: number;
  face: {
    /** Factors on the width of cranium and jaw. */
    cranium: number;
    jaw: number;
    chin: { width: number; forward: number; drop: number };
    cheek: number;
    brow: { heavy: number };
    neck: number;
    nose: { width: number; length: number; tip: number; bridge: number };
    eye: { x: number; radius: number; width: number; upper: number; lower: number; tilt: number };
    mouth: {
      y: number;
      width: number;
      upper: number;
      lower: number;
      bow: number;
      forward: number;
      corner: number;
    };
    eyebrow: { thick: number; y: number; arch: number; inner: number; outer: number; tilt: number };
    ear: { size: number };
  };
  body: {
    shoulder: number;
    chest: number;
    waist: number;
    hip: number;
    depth: number;
    /** Depth in front at the waist, in metres. */
    belly: number;
    arm: number;
    leg: number;
    hand: number;
  };
  colours: {
    skin: string;
    blush: string;
    lips: string;
    inner: string;
    hair: string;
    hairTip: string;
    iris: string;
    irisDark: string;
    shirt: string;
    top: string;
    trim: string;
    trousers: string;
    shoe: string;
    sole: string;
    accent: string;
  };
  hair: 'bob' | 'short';
  beard: number;
  /** How many freckles cross cheeks and nose. */
  freckles: number;
  /** Darkness (0…1) of the skin above the upper lashes. */
  lash: number;
  clothes: 'sweater' | 'overshirt';
};

/** Taller and slimmer, shoulder-length hair, knitted sweater with rolled sleeves. */
export const ada: Person = {
  name: 'ada',
  title: 'Ada',
  seed: 11,
  height: 1.75,
  head: 0.266,
  face: {
    cranium: 1,
    jaw: 0.82,
    chin: { width: 0.82, forward: 0.1, drop: 0.1 },
    cheek: 0.95,
    brow: { heavy: 0.7 },
    neck: 0.76,
    nose: { width: 0.82, length: 0.98, tip: 0.95, bridge: 0.9 },
    eye: { x: 3.6, radius: 2.3, width: 1.98, upper: 1.12, lower: 0.9, tilt: 0.16 },
    mouth: { y: -7.35, width: 2.75, upper: 0.6, lower: 0.84, bow: 1, forward: -0.1, corner: 0.4 },
    eyebrow: { thick: 0.72, y: 2.755, arch: 0.45, inner: 1.45, outer: 5.75, tilt: 0 },
    ear: { size: 0.95 },
  },
  body: {
    shoulder: 0.172,
    chest: 0.123,
    waist: 0.101,
    hip: 0.138,
    depth: 0.92,
    belly: 0.094,
    arm: 0.92,
    leg: 0.95,
    hand: 0.176,
  },
  colours: {
    skin: '#eebd9c',
    blush: '#e58d76',
    lips: '#c8756a',
    inner: '#7a2e2e',
    hair: '#7a4022',
    hairTip: '#a8622f',
    iris: '#5f8f6a',
    irisDark: '#27412f',
    shirt: '#f1e7d4',
    top: '#3f6f73',
    trim: '#35595d',
    trousers: '#49526a',
    shoe: '#e9e2d3',
    sole: '#f7f3ea',
    accent: '#e0a63a',
  },
  hair: 'bob',
  beard: 0,
  freckles: 54,
  lash: 0.6,
  clothes: 'sweater',
};

/** Broader and shorter, dark skin, short textured hair, beard shadow, open overshirt on a T-shirt. */
export const bo: Person = {
  name: 'bo',
  title: 'Bo',
  seed: 23,
  height: 1.67,
  head: 0.256,
  face: {
    cranium: 1.03,
    jaw: 1.09,
    chin: { width: 1.25, forward: 0.3, drop: 0 },
    cheek: 1,
    brow: { heavy: 1.05 },
    neck: 1.02,
    nose: { width: 1.22, length: 0.96, tip: 1.12, bridge: 1.08 },
    eye: { x: 3.7, radius: 2.2, width: 1.9, upper: 1.05, lower: 0.86, tilt: 0.05 },
    mouth: { y: -7.3, width: 3.35, upper: 0.8, lower: 1, bow: 0.7, forward: 0.2, corner: 0.52 },
    eyebrow: { thick: 0.72, y: 2.75, arch: 0.3, inner: 1.35, outer: 5.9, tilt: 0.06 },
    ear: { size: 1.05 },
  },
  body: {
    shoulder: 0.198,
    chest: 0.158,
    waist: 0.15,
    hip: 0.15,
    depth: 1.12,
    belly: 0.128,
    arm: 1.18,
    leg: 1.12,
    hand: 0.182,
  },
  colours: {
    skin: '#8f5b3d',
    blush: '#a0543f',
    lips: '#94574b',
    inner: '#54211f',
    hair: '#1d1513',
    hairTip: '#33251f',
    iris: '#5b3419',
    irisDark: '#2a150a',
    shirt: '#efe6d6',
    top: '#b5543a',
    trim: '#94402b',
    trousers: '#4d5a48',
    shoe: '#3a2c26',
    sole: '#e8dfd0',
    accent: '#f0c04d',
  },
  hair: 'short',
  beard: 1,
  freckles: 0,
  lash: 0.25,
  clothes: 'overshirt',
};

/** The two default characters. */
export const people = [ada, bo] as const;
