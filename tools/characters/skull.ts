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
  const tipY = -1.3 - 3 * n.length;
  const base: readonly (readonly [number, Field])[] = [
    [2.5, ellipsoid([0, -2.6, 2], [6.9 * w, 8, 6.2])],
    [1.6, ellipsoid([0, 4.4, 4.2], [6.3 * w, 3.8, 4.3])],
    [2.4, mirrored(ellipsoid([4.6 * w, -2, 4.6], [2.4 * f.cheek, 2.1 * f.cheek, 2.3]))],
    [2.4, mirrored(ellipsoid([3.6 * w, -4.4, 5.3], [2.6 * f.cheek, 2.4, 2.4]))],
    [3.6, mirrored(ellipsoid([3.7 * j * j, -6.8, 3.1], [2.1 * j, 2.8, 3]))],
    [3, mirrored(bone([5.1 * j, -5.4, 0], [2.1 * j, -10.1, 4.7], 1.9, 1.8))],
    [1.8, ellipsoid([0, -10.1 - f.chin.drop, 5.5 + f.chin.forward], [2.5 * f.chin.width, 1.85, 2.3])],
    [2.4, ellipsoid([0, f.mouth.y + 0.3, 5.6 + f.mouth.forward], [3.5, 2.9, 2.8])],
    [1.5, mirrored(bone([1.3, 2.5, 7], [5.1 * w, 2.6, 5.2], 1.15 * f.brow.heavy + 0.2))],
    [2.6, bone([0, -5, -1.6], [0, -22, -2.4], 5 * f.neck, 5.3 * f.neck)],
  ];
  const nose: readonly (readonly [number, Field])[] = [
    [
      1.5,
      bone([0, 1.6, 7 + 0.5 * n.bridge], [0, tipY + 0.4, 8.6 + 0.5 * n.tip], 0.72 * n.width, 0.95 * n.width),
    ],
    [0.9, ellipsoid([0, tipY, 9.25 + 0.5 * n.tip], [1.15 * n.width, 1, 1.1])],
    [0.8, mirrored(ellipsoid([1.2 * n.width, tipY - 0.2, 8.35], [0.82 * n.width, 0.74, 0.9]))],
  ];
  const cranium = ellipsoid([0, 3.3, -1], [8.1 * w, 8.7, 9.1]);
  const socket = mirrored(ellipsoid([f.eye.x + 0.1, 0.1, 9.75], [2.7, 1.9, 2.3]));
  const eye = eyeCentre(person, 1);
  const lid = mirrored(ellipsoid(eye, [1, 1, 1].map(() => f.eye.radius + 0.24) as Vec));
  const nostril = mirrored(ellipsoid([0.6 * n.width, tipY - 1, 8.95], [0.4 * n.width, 0.4, 0.6]));
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
