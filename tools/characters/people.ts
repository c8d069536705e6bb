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
      /** How much of the lips' colour shows (0…1). */
      tint: number;
    };
    /** How red cheeks and nose are (0…1). */
    flush: number;
    eyebrow: {
      thick: number;
      y: number;
      arch: number;
      inner: number;
      outer: number;
      tilt: number;
      raise: number;
    };
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
    /** Skin in deep shade. */
    shade: string;
    brow: string;
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
    lace: string;
    sock: string;
    belt: string;
    button: string;
    accent: string;
  };
  hair: 'bob' | 'short';
  beard: number;
  /** How many freckles cross cheeks and nose. */
  freckles: number;
  /** Darkness (0…1) of the skin above the upper lashes. */
  lash: number;
  /** Tint (0…1) of the upper lids. */
  lid: number;
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
    jaw: 0.76,
    chin: { width: 0.78, forward: 0.75, drop: 0.1 },
    cheek: 0.95,
    brow: { heavy: 0.7 },
    neck: 0.76,
    nose: { width: 0.8, length: 0.9, tip: 0.45, bridge: 0.7 },
    eye: { x: 3.6, radius: 2.3, width: 2.02, upper: 0.9, lower: 1.04, tilt: 0.24 },
    mouth: {
      y: -7.2,
      width: 2.7,
      upper: 0.56,
      lower: 0.82,
      bow: 1,
      forward: 0.25,
      corner: 0.5,
      tint: 0.9,
    },
    flush: 0.62,
    eyebrow: { thick: 0.68, y: 2.25, arch: 0.55, inner: 1.5, outer: 5.85, tilt: 0.1, raise: 0.16 },
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
    hand: 0.185,
  },
  colours: {
    skin: '#f0bb96',
    blush: '#e4745c',
    shade: '#a85a41',
    brow: '#6e3519',
    lips: '#cf5f55',
    inner: '#7a2e2e',
    hair: '#7c3a1a',
    hairTip: '#b5652c',
    iris: '#5f8f6a',
    irisDark: '#27412f',
    shirt: '#f1e7d4',
    top: '#6b9995',
    trim: '#5a8783',
    trousers: '#3f4863',
    shoe: '#cfc3ae',
    sole: '#f7f3ea',
    lace: '#d9a03c',
    sock: '#d9a03c',
    belt: '#6b4630',
    button: '#e9dfc8',
    accent: '#e0a63a',
  },
  hair: 'bob',
  beard: 0,
  freckles: 54,
  lash: 1,
  lid: 0.5,
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
    cranium: 1.05,
    jaw: 0.95,
    chin: { width: 1.15, forward: 0.75, drop: 0.1 },
    cheek: 1.1,
    brow: { heavy: 1.05 },
    neck: 1.02,
    nose: { width: 1.3, length: 0.98, tip: 0.9, bridge: 0.8 },
    eye: { x: 3.75, radius: 2.2, width: 1.92, upper: 0.86, lower: 0.9, tilt: 0.12 },
    mouth: {
      y: -7.25,
      width: 3.2,
      upper: 0.78,
      lower: 0.98,
      bow: 0.7,
      forward: 0.3,
      corner: 0.7,
      tint: 0.75,
    },
    flush: 0.5,
    eyebrow: { thick: 0.88, y: 2.25, arch: 0.5, inner: 1.45, outer: 6.1, tilt: -0.04, raise: -0.16 },
    ear: { size: 1.1 },
  },
  body: {
    shoulder: 0.198,
    chest: 0.158,
    waist: 0.15,
    hip: 0.15,
    depth: 1.12,
    belly: 0.135,
    arm: 1.18,
    leg: 1.12,
    hand: 0.189,
  },
  colours: {
    skin: '#94532f',
    blush: '#99402a',
    shade: '#4a2415',
    brow: '#24160f',
    lips: '#8a4438',
    inner: '#54211f',
    hair: '#1f1613',
    hairTip: '#4a352a',
    iris: '#5b3419',
    irisDark: '#2a150a',
    shirt: '#efe6d6',
    top: '#b9573a',
    trim: '#9a452d',
    trousers: '#465142',
    shoe: '#3a2c26',
    sole: '#e8dfd0',
    lace: '#e8dfd0',
    sock: '#d8b04a',
    belt: '#4a3022',
    button: '#f1e6d2',
    accent: '#f0c04d',
  },
  hair: 'short',
  beard: 1,
  freckles: 0,
  lash: 0.35,
  lid: 0.25,
  clothes: 'overshirt',
};

/** The two default characters. */
export const people = [ada, bo] as const;
