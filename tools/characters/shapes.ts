import { ARKIT_51 } from '../../src/engine/motion.ts';
import { eyeShapes } from './eyeshapes.ts';
import type { FaceVertex } from './head.ts';
import { length, type Vec } from './math.ts';
import { mouthShapes } from './mouthshapes.ts';
import type { Person } from './people.ts';

/** How one face vertex moves at weight 1, in face units. */
export type Shape = (v: FaceVertex) => Vec;

/** The 51 ARKit channels of a motion frame, in its order, and `tongueOut`. */
export const SHAPE_NAMES = [...ARKIT_51, 'tongueOut'] as const;

/** One of the 52 shapes. */
export type ShapeName = (typeof SHAPE_NAMES)[number];

/** The same movement on the other side of the face. */
export const flipped =
  (shape: Shape): Shape =>
  (v) => {
    const twin: FaceVertex = { ...v, q: [-v.q[0], v.q[1], v.q[2]] };
    if (v.eye) twin.eye = { ...v.eye, side: v.eye.side === 1 ? -1 : 1, angle: Math.PI - v.eye.angle };
    if (v.mouth) twin.mouth = { ...v.mouth, angle: Math.PI - v.mouth.angle };
    const [x, y, z] = shape(twin);
    return [-x, y, z];
  };

/** All 52 shapes of a person; the left ones are written out, the right ones are their mirror images. */
export const shapesOf = (person: Person): Record<ShapeName, Shape> => {
  const left = { ...eyeShapes(person), ...mouthShapes(person) };
  const out: Partial<Record<ShapeName, Shape>> = {};
  for (const name of SHAPE_NAMES) {
    const own = left[name];
    const twin = left[name.replace('Right', 'Left')];
    if (own) out[name] = own;
    else if (twin) out[name] = flipped(twin);
    else throw new Error(`no shape ${name}`);
  }
  return out as Record<ShapeName, Shape>;
};

/** Moves shorter than this (face units) are dropped. */
export const moves = (shape: Shape, v: FaceVertex): Vec => {
  const d = shape(v);
  return length(d) < 0.004 ? [0, 0, 0] : d;
};
