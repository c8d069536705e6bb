import { finishShirt } from './collar.ts';
import { type Fold, relief } from './folds.ts';
import { bell, colour, curve, scale, smooth } from './math.ts';
import { emptyMesh, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import { buildShoes } from './shoes.ts';
import { joints } from './skeleton.ts';
import { garment } from './top.ts';
import { buildTrousers, waistOf } from './trousers.ts';
import { followSkin } from './weights.ts';

/** What a person wears above the waist: the knit or woven outer layer, and what shows beneath it. */
export const buildTop = (person: Person): { outer: Mesh; inner: Mesh } => {
  if (person.clothes === 'sweater') return { outer: sweater(person), inner: emptyMesh() };
  const outer = overshirt(person);
  const inner = shirt(person);
  const { shoulderY } = joints(person);
  const waist = waistOf(person);
  followSkin(
    inner,
    outer,
    (p) => smooth(shoulderY + 0.02, shoulderY - 0.06, p[1]) * smooth(waist + 0.03, waist + 0.12, p[1]),
  );
  return { outer, inner };
};

/** All clothes: the top's outer layer, and what is worn under it or below. */
export const dress = (person: Person): { outer: Mesh; inner: Mesh; trousers: Mesh; shoes: Mesh } => {
  const { outer, inner } = buildTop(person);
  const trousers = buildTrousers(person);
  const hem = hemOf(person);
  followSkin(trousers, outer, (p) => smooth(hem - 0.1, hem - 0.035, p[1]) * smooth(-0.01, -0.06, p[2]));
  return { outer, inner, trousers, shoes: buildShoes(person) };
};

/** Height of the top's hem in metres. */
const hemOf = (person: Person) => joints(person).hipY - (person.clothes === 'sweater' ? 0.05 : 0.075);

const sweater = (person: Person): Mesh => {
  const c = person.colours;
  const hem = hemOf(person);
  const pit = joints(person).shoulderY - 0.09;
  const folds: Fold[] = [
    { at: hem + 0.088, from: -1.2, to: 0.7, slope: 0.012, high: 0.006, wide: 0.017 },
    { at: hem + 0.1, from: 0.3, to: 2.4, slope: -0.014, high: 0.007, wide: 0.016 },
    { at: hem + 0.092, from: 2, to: 4.3, slope: 0.01, high: 0.008, wide: 0.016 },
    { at: hem + 0.098, from: 3.8, to: 5.6, slope: 0.014, high: 0.007, wide: 0.016 },
    { at: hem + 0.155, from: 0.5, to: 2.6, slope: 0.04, high: 0.012, wide: 0.022 },
    { at: hem + 0.16, from: 3.6, to: 5.6, slope: -0.04, high: 0.011, wide: 0.022 },
    { at: hem + 0.2, from: 2.2, to: 4, slope: -0.03, high: 0.008, wide: 0.024 },
    { at: hem + 0.185, from: -1.2, to: 0.8, slope: 0.04, high: 0.01, wide: 0.022 },
    { at: hem + 0.26, from: -0.4, to: 1.8, slope: 0.06, high: 0.009, wide: 0.026 },
    // From the armpits towards the middle of chest and back.
    { at: pit - 0.05, from: 0.2, to: 2, slope: 0.07, high: 0.01, wide: 0.026 },
    { at: pit - 0.045, from: 4.28, to: 6.1, slope: -0.07, high: 0.01, wide: 0.026 },
    { at: pit - 0.105, from: 0.5, to: 1.9, slope: 0.06, high: 0.007, wide: 0.024 },
    { at: pit - 0.11, from: 4.4, to: 5.8, slope: -0.06, high: 0.007, wide: 0.024 },
    { at: pit - 0.04, from: 1.4, to: 3, slope: -0.07, high: 0.008, wide: 0.026 },
    { at: pit - 0.04, from: 3.28, to: 4.9, slope: 0.07, high: 0.008, wide: 0.026 },
  ];
  return garment(person, {
    ease: 0.012,
    cloth: colour(c.top),
    trim: colour(c.trim),
    sleeves: true,
    loose: true,
    hem,
    band: 0.052,
    dip: (angle) =>
      0.007 * Math.cos(2 * angle) + 0.004 * Math.sin(angle + 0.4) + 0.006 * Math.max(0, -Math.cos(angle)),
    rows: [0, 0.085, 0.135, 0.155, 0.2, 0.25, 0.3, 0.36, 0.43, 0.51, 0.6, 0.69, 0.775, 0.85, 0.925, 1],
    relief: (y, angle) => {
      const bag = 0.015 * bell((y - hem - 0.09) / 0.042, 1);
      const rib = -0.003 * smooth(hem + 0.075, hem + 0.05, y);
      return bag + rib + relief(folds, y, angle);
    },
    edge: [
      [-0.003, -0.003, 1],
      [-0.007, -0.001, 0.7],
      [-0.008, 0.03, 0.4],
    ],
    collar: [
      [0.004, 0.001, 0.8],
      [0.0085, 0.006, 1],
      [0.009, 0.02, 1],
      [0.0055, 0.027, 1],
      [0.0005, 0.027, 0.9],
      [-0.004, 0.018, 0.7],
      [-0.006, -0.02, 0.5],
    ],
    collarEase: 0.006,
  }).mesh;
};

const shirt = (person: Person): Mesh => {
  const c = person.colours;
  const hem = waistOf(person) - 0.016;
  const folds: Fold[] = [
    { at: hem + 0.05, from: -0.62, to: 0.3, slope: -0.03, high: 0.0085, wide: 0.015 },
    { at: hem + 0.06, from: -0.1, to: 0.62, slope: 0.035, high: 0.0085, wide: 0.015 },
    { at: hem + 0.12, from: -0.62, to: 0.5, slope: 0.05, high: 0.0068, wide: 0.018 },
    { at: hem + 0.2, from: -0.4, to: 0.62, slope: -0.06, high: 0.0068, wide: 0.02 },
  ];
  return garment(person, {
    ease: 0.006,
    cloth: colour(c.shirt),
    trim: scale(colour(c.shirt), 0.92),
    sleeves: false,
    loose: false,
    frontOnly: true,
    hem,
    band: -1,
    rows: [0, 0.04, 0.1, 0.18, 0.27, 0.37, 0.5, 0.66, 0.83, 1],
    relief: (y, angle) => {
      const side = Math.abs(angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI)));
      const tuck = 0.009 * bell((y - hem - 0.05) / 0.03, 1) + relief(folds, y, angle);
      return smooth(0.42, 0.2, side) * tuck - 0.012 * bell((y - hem) / 0.02, 1);
    },
    edge: [],
    collar: [
      [0.003, 0.001, 0.85],
      [0.0045, 0.005, 1],
      [0.0045, 0.014, 1],
      [0.001, 0.017, 1],
      [-0.004, 0.01, 0.7],
      [-0.006, -0.015, 0.5],
    ],
    collarEase: 0.003,
  }).mesh;
};

const overshirt = (person: Person): Mesh => {
  const c = person.colours;
  const j = joints(person);
  const hem = hemOf(person);
  const folds: Fold[] = [
    { at: hem + 0.16, from: 0.9, to: 2.6, slope: 0.05, high: 0.012, wide: 0.026 },
    { at: hem + 0.23, from: 1, to: 2.3, slope: 0.06, high: 0.01, wide: 0.026 },
    { at: hem + 0.16, from: 3.7, to: 5.4, slope: -0.05, high: 0.012, wide: 0.026 },
    { at: hem + 0.23, from: 4, to: 5.3, slope: -0.06, high: 0.01, wide: 0.026 },
    { at: hem + 0.2, from: 2, to: 4.1, slope: 0.04, high: 0.013, wide: 0.028 },
    { at: j.shoulderY - 0.15, from: 1.5, to: 3, slope: -0.08, high: 0.01, wide: 0.03 },
    { at: j.shoulderY - 0.15, from: 3.28, to: 4.8, slope: 0.08, high: 0.01, wide: 0.03 },
  ];
  const gap = [
    [0, 0.064],
    [0.35, 0.056],
    [0.7, 0.05],
    [0.88, 0.05],
    [1, 0.047],
  ] as const;
  const made = garment(person, {
    ease: 0.02,
    cloth: colour(c.top),
    trim: colour(c.trim),
    gap: (t) => curve(gap, t),
    sleeves: true,
    loose: true,
    hem,
    band: 0.012,
    dip: (angle) => 0.012 * Math.cos(2 * angle) + 0.004,
    rows: [0, 0.035, 0.09, 0.16, 0.25, 0.36, 0.48, 0.6, 0.72, 0.86, 1],
    relief: (y, angle) => relief(folds, y, angle) + 0.012 * bell((y - hem) / 0.075, 1),
    edge: [
      [-0.001, -0.004, 1],
      [-0.007, -0.003, 0.7],
      [-0.01, 0.04, 0.4],
    ],
    // The collar that is laid on covers all but the lining.
    collar: [[-0.003, -0.01, 0.5]],
    collarEase: 0.012,
  });
  finishShirt(
    made,
    { cloth: colour(c.top), trim: colour(c.trim), button: colour(c.button) },
    { hem, shoulder: j.shoulderY },
  );
  return made.mesh;
};
