import { MathUtils, Vector3 } from 'three';
import type { Duet } from './duet.ts';
import { Fit } from './framing.ts';

/** What the picture shows; `…-0` and `…-1` name the person: whose face, or over whose shoulder. */
export type Shot =
  | 'both'
  | 'full'
  | 'close-up-0'
  | 'close-up-1'
  | 'over-shoulder-0'
  | 'over-shoulder-1'
  | 'free';

/** All shots, in the order in which a user is offered them. */
export const SHOTS: readonly Shot[] = [
  'both',
  'full',
  'close-up-0',
  'close-up-1',
  'over-shoulder-0',
  'over-shoulder-1',
  'free',
];

/** Where a camera stands, looks and how wide it sees (degrees, upwards). */
export type View = { readonly position: Vector3; readonly target: Vector3; fieldDeg: number };

/** Degrees: of most shots, and of those that show a face as a portrait lens does. */
const FIELD_DEG = 30;
const PORTRAIT_DEG = 22;
const AZIMUTH_RAD = MathUtils.degToRad(-4);
const ELEVATION_RAD = MathUtils.degToRad(2.5);
const FULL_ELEVATION_RAD = MathUtils.degToRad(7);
/** A face is seen from here between the viewer's side and the way to the partner. */
const CLOSE_UP_SIDE = 0.42;
/** The camera leaves its side when the line between the two turns further than this from it. */
const ASIDE_RAD = 0.6;
/** Measures of an adult whose eyes are at 1.6 m; others by the height of theirs. */
const EYES_M = 1.6;
const HEAD_TOP_M = 0.2;
const SHOULDERS_M = 0.33;
const FEET_M = 0.36;

const eye = new Vector3();
const other = new Vector3();
const hips = new Vector3();
const fit = new Fit();

/** How tall a person is against the one these measures were made for. */
const sizeOf = (duet: Duet, person: 0 | 1) => duet.characters[person].eyeHeightM / EYES_M;

const wrap = (rad: number) => Math.atan2(Math.sin(rad), Math.cos(rad));

/** Writes the view of a shot of the two as they stand; `free` has none. `azimuthRad` is the side of {@link sideOf}. */
export function viewInto(view: View, shot: Shot, duet: Duet, aspect: number, azimuthRad: number): void {
  if (shot === 'free') return;
  const person = shot.endsWith('1') ? 1 : 0;
  if (shot === 'both' || shot === 'full') wideInto(view, shot === 'full', duet, aspect, azimuthRad);
  else if (shot.startsWith('close-up')) closeInto(view, person, duet, aspect, azimuthRad);
  else overInto(view, person, duet, aspect, azimuthRad);
}

/** The side from which both are seen beside each other, as near as possible to the side the camera is on. */
export function sideOf(duet: Duet, azimuthRad: number): number {
  duet.hipsInto(hips, 0);
  duet.hipsInto(other, 1);
  other.sub(hips);
  const line = Math.atan2(-other.z, other.x) + AZIMUTH_RAD;
  let off = wrap(line - azimuthRad);
  if (Math.abs(off) > Math.PI / 2) off -= Math.sign(off) * Math.PI;
  return azimuthRad + Math.sign(off) * Math.max(0, Math.abs(off) - ASIDE_RAD);
}

function wideInto(view: View, full: boolean, duet: Duet, aspect: number, azimuthRad: number) {
  view.fieldDeg = FIELD_DEG;
  fit.begin(azimuthRad, full ? FULL_ELEVATION_RAD : ELEVATION_RAD, MathUtils.degToRad(FIELD_DEG), aspect);
  for (const person of [0, 1] as const) {
    const size = sizeOf(duet, person);
    duet.eyeInto(eye, person);
    duet.hipsInto(hips, person);
    fit.add(eye.x, eye.y + HEAD_TOP_M * size, eye.z, 0.16 * size);
    fit.add(hips.x, eye.y - 0.3 * size, hips.z, SHOULDERS_M * size);
    // Toes stand before the hips, chairs behind them.
    const [nearX, nearZ] = [0.34 * size * Math.sin(azimuthRad), 0.34 * size * Math.cos(azimuthRad)];
    if (full) fit.add(hips.x + nearX, duet.floorM - 0.05 * size, hips.z + nearZ, FEET_M * size);
    else fit.add(hips.x, hips.y, hips.z, SHOULDERS_M * size);
  }
  fit.place(view.position, view.target, full ? 0.5 : 0.36);
}

function closeInto(view: View, person: 0 | 1, duet: Duet, aspect: number, azimuthRad: number) {
  const size = sizeOf(duet, person);
  duet.eyeInto(eye, person);
  duet.eyeInto(other, person === 0 ? 1 : 0);
  const partner = Math.atan2(other.x - eye.x, other.z - eye.z);
  const azimuth = azimuthRad + CLOSE_UP_SIDE * wrap(partner - azimuthRad);
  view.fieldDeg = PORTRAIT_DEG;
  fit.begin(azimuth, ELEVATION_RAD, MathUtils.degToRad(PORTRAIT_DEG), aspect);
  // Room before the face, in the direction of its gaze.
  other.sub(eye).normalize();
  const ahead = 0.07 * size;
  const [x, z] = [eye.x + ahead * other.x, eye.z + ahead * other.z];
  fit.add(x, eye.y + 0.2 * size, z, 0.15 * size);
  fit.add(x, eye.y - 0.3 * size, z, 0.15 * size);
  fit.place(view.position, view.target, 0.4);
}

function overInto(view: View, person: 0 | 1, duet: Duet, aspect: number, azimuthRad: number) {
  const size = sizeOf(duet, person);
  duet.eyeInto(eye, person);
  duet.eyeInto(other, person === 0 ? 1 : 0);
  const x = other.x - eye.x;
  const z = other.z - eye.z;
  const length = Math.max(1e-3, Math.hypot(x, z));
  const [ux, uz] = [x / length, z / length];
  // To the viewer's side of the line between the two, further out where the picture is narrow.
  const side = Math.sign(-uz * Math.sin(azimuthRad) + ux * Math.cos(azimuthRad)) || 1;
  const back = size * (aspect < 1 ? 0.85 : 0.72);
  const out = size * (aspect < 1 ? 0.26 : 0.36);
  view.position.set(
    eye.x - back * ux - side * out * uz,
    eye.y + 0.1 * size,
    eye.z - back * uz + side * out * ux,
  );
  view.target.set(other.x - 0.04 * side * uz, other.y - 0.08 * size, other.z + 0.04 * side * ux);
  view.fieldDeg = FIELD_DEG;
}
