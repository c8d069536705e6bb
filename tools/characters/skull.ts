import { clamp, type Vec } from './math.ts';
import type { Person } from './people.ts';
import { bone, carve, cast, ellipsoid, type Field, join, mirrored } from './sdf.ts';

/** Height above which rays leave the upper pole, and below which they tilt towards the neck. */
const TOP = 4;
const BOTTOM = -10;
const CAP = 8;
const TILT = 0.9;

/** Centre of one eyeball (`side` +1 = the character's left, +X). */
export const eyeCentre = (person: Person, side: 1 | -1): Vec => {
  const { x, radius } = person.face.eye;
  return [side * x, 0, 8.15 - radius];
};

/** The head without lips, lids or ears as a signed distance field in face units. */
export const headField = (person: Person): Field => {
  const f = person.face;
  const w = f.cranium;
  const j = f.jaw;
  const n = f.nose;
  const tipY = -1.2 - 2.9 * n.length;
  const base: readonly (readonly [number, Field])[] = [
    [2.5, ellipsoid([0, -2.6, 2], [6.7 * w, 8, 6.2])],
    [1.6, ellipsoid([0, 4.4, 4.4], [5.8 * w, 3.6, 4.4])],
    [2, mirrored(ellipsoid([4.5 * w, -2.1, 4.9], [2.2 * f.cheek, 2.1 * f.cheek, 2.2]))],
    [2, mirrored(bone([5.3 * j, -6.2, -0.2], [2.3 * j, -10, 4.6], 1.9, 1.9))],
    [1.6, ellipsoid([0, -10 - f.chin.drop, 5.3 + f.chin.forward], [2.7 * f.chin.width, 1.95, 2.5])],
    [2.2, ellipsoid([0, f.mouth.y + 0.2, 5.7 + f.mouth.forward], [3.6, 3, 2.9])],
    [1.2, mirrored(bone([1.2, 2.5, 7.15], [5.1 * w, 2.7, 5.1], 1.15 * f.brow.heavy + 0.25))],
    [3, bone([0, -5, -1.6], [0, -22, -2.6], 5 * f.neck, 5.3 * f.neck)],
  ];
  const nose: readonly (readonly [number, Field])[] = [
    [
      0.9,
      bone([0, 1.4, 7.2 + 0.5 * n.bridge], [0, tipY + 0.3, 8.9 + 0.5 * n.tip], 0.8 * n.width, 1.05 * n.width),
    ],
    [0.7, ellipsoid([0, tipY, 9.7 + 0.45 * n.tip], [1.12 * n.width, 0.98, 1.1])],
    [0.6, mirrored(ellipsoid([1.28 * n.width, tipY - 0.25, 8.5], [0.78 * n.width, 0.72, 0.95]))],
  ];
  const cranium = ellipsoid([0, 3.3, -1], [7.9 * w, 8.7, 9.3]);
  const socket = mirrored(ellipsoid([f.eye.x + 0.1, 0.1, 9.2], [2.5, 1.75, 2.3]));
  const eye = eyeCentre(person, 1);
  const lid = mirrored(ellipsoid(eye, [1, 1, 1].map(() => f.eye.radius + 0.24) as Vec));
  const nostril = mirrored(ellipsoid([0.62 * n.width, tipY - 0.95, 9.35], [0.42 * n.width, 0.4, 0.62]));
  return (p) => {
    let d = cranium(p);
    for (const [k, shape] of base) d = join(k, d, shape(p));
    d = carve(1.6, d, socket(p));
    for (const [k, shape] of nose) d = join(k, d, shape(p));
    d = carve(0.35, d, nostril(p));
    return join(0.5, d, lid(p));
  };
};

/** A place on the unrolled head: `lon` turns from the front (0) towards +X, `b` climbs from the neck to the crown. */
export type Place = { lon: number; b: number };

/** Highest `b`: the crown. */
export const CROWN = TOP + (CAP * Math.PI) / 2;

/** The ray whose outermost hit with the head is the surface point of a place. */
export const rayAt = ({ lon, b }: Place): { origin: Vec; direction: Vec } => {
  const y = b > TOP ? TOP : b >= BOTTOM ? b : Math.min(BOTTOM, b + TILT * 7);
  const tilt = b > TOP ? (b - TOP) / CAP : b < BOTTOM ? -clamp((BOTTOM - b) / 7, 0, TILT) : 0;
  const c = Math.cos(tilt);
  return { origin: [0, y, 0], direction: [Math.sin(lon) * c, Math.sin(tilt), Math.cos(lon) * c] };
};

/** The surface point of a place. */
export const surfaceAt = (field: Field, place: Place) => {
  const { origin, direction } = rayAt(place);
  return cast(field, origin, direction);
};

/** The surface point in front of (x, y), seen along -Z. */
export const frontAt = (field: Field, x: number, y: number) => cast(field, [x, y, -6], [0, 0, 1], 24);

/** The place of a point on the face (valid between chin and brow). */
export const placeOf = (p: Vec): Place => ({ lon: Math.atan2(p[0], p[2]), b: p[1] });
