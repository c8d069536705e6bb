import type { FaceVertex } from './head.ts';
import { lookup } from './math.ts';
import type { Mesh } from './mesh.ts';

/** A texture coordinate in the white corner of the skin's texture, for what has its colour in its vertices. */
export const BLANK: [number, number] = [0.01, 0.01];

/** Rows of the skin's texture that hold teeth and brows (0…1 from its top); the face follows below. */
export const STRIP = { left: 0.06, teeth: [0.006, 0.03], brow: [0.05, 0.078], face: 0.1 } as const;

// Brows are seen small: as short in the texture as on the face, and far from other colours, which would wash them out.
const COLUMNS = { teeth: [0.07, 0.99], brow: [0.4, 0.6] } as const;

const ACROSS = [
  [0, 0],
  [0.55, 0.18],
  [1.2, 0.35],
  [1.75, 0.44],
  [Math.PI, 0.496],
] as const;
const DOWN = [
  [-23, 0.992],
  [-16, 0.94],
  [-12.2, 0.87],
  [7.5, 0.23],
  [9.5, 0.17],
  [17, 0.105],
] as const;

/** Texture coordinate of a place on the unrolled head. */
export const skinPlace = (lon: number, b: number): [number, number] => [
  0.5 + Math.sign(lon) * lookup(ACROSS, Math.abs(lon)),
  lookup(DOWN, b),
];

/** Texture coordinate inside a strip; u and v from 0 to 1. */
export const stripPlace = (strip: 'teeth' | 'brow', u: number, v: number): [number, number] => {
  const [top, bottom] = STRIP[strip];
  const [left, right] = COLUMNS[strip];
  return [left + (right - left) * u, top + (bottom - top) * v];
};

/** Place inside a strip of a texture coordinate; beyond 0…1 beside it. */
export const placeInStrip = (strip: 'teeth' | 'brow', x: number, y: number): [u: number, v: number] => {
  const [top, bottom] = STRIP[strip];
  const [left, right] = COLUMNS[strip];
  return [(x - left) / (right - left), (y - top) / (bottom - top)];
};

/** Doubles the vertices of faces that cross the back of the head, so that no face runs across the whole texture. */
export const splitSeam = (mesh: Mesh<FaceVertex>) => {
  const twins = new Map<number, number>();
  for (const face of mesh.faces) {
    const us = face.map((k) => mesh.vertices[k]!.uv[0]);
    if (Math.max(...us) - Math.min(...us) < 0.6) continue;
    for (const [i, k] of face.entries()) {
      const v = mesh.vertices[k]!;
      if (v.uv[0] < 0.5) continue;
      let twin = twins.get(k);
      if (twin === undefined) {
        twin = mesh.vertices.push({ ...v, uv: [1 - v.uv[0], v.uv[1]] }) - 1;
        twins.set(k, twin);
      }
      face[i] = twin;
    }
  }
};
