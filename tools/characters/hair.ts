import { buildBob } from './bob.ts';
import { buildCrop } from './crop.ts';
import { buildLocks } from './locks.ts';
import { smooth, type Vec } from './math.ts';
import { emptyMesh, type Mesh, type Skin } from './mesh.ts';
import type { Person } from './people.ts';
import type { Field } from './sdf.ts';
import { faceToWorld } from './skeleton.ts';

/** Strands of hair that swing: where they hang (longitude) and the heights of their joints, root first (face units). */
export const STRANDS = [
  { name: 'hairLeft', lon: 1.25 },
  { name: 'hairBack', lon: Math.PI },
  { name: 'hairRight', lon: -1.25 },
] as const;
export const STRAND_JOINTS = [-2.5, -7.5, -13] as const;

/** Adds one point of hair to the mesh: place, linear colour, texture coordinate. */
export type Put = (q: Vec, colour: Vec, uv: [number, number]) => number;

/** Weights of a point of long hair: the head above, below it the strands beside it. */
const strandSkin = (q: Vec): Skin => {
  const [top, middle] = STRAND_JOINTS;
  const hang = smooth(top + 1.5, top - 3.5, q[1]);
  if (hang === 0) return [['head', 1]];
  const lon = Math.atan2(q[0], q[2] + 0.5);
  const near = STRANDS.map((s) => {
    const d = Math.abs(Math.atan2(Math.sin(lon - s.lon), Math.cos(lon - s.lon)));
    return Math.exp(-((d / 0.75) ** 2)) + 1e-6;
  });
  const sum = near.reduce((a, b) => a + b, 0);
  const low = smooth(middle + 2.5, middle - 2.5, q[1]);
  return [
    ['head', 1 - hang],
    ...STRANDS.flatMap(({ name }, k): Skin => {
      const w = (hang * near[k]!) / sum;
      return [
        [`${name}1`, w * (1 - low)],
        [`${name}2`, w * low],
      ];
    }),
  ];
};

/** The hair of a person: a bob of sculpted locks, or a short crop. */
export const buildHair = (person: Person, field: Field): Mesh => {
  const mesh = emptyMesh();
  const put: Put = (q, colour, uv) =>
    mesh.vertices.push({
      p: faceToWorld(person, q),
      colour,
      uv,
      skin: person.hair === 'bob' ? strandSkin(q) : [['head', 1]],
    }) - 1;
  if (person.hair === 'bob') {
    buildBob(person, field, mesh, put);
    buildLocks(person, mesh, put);
  } else buildCrop(person, field, mesh, put);
  return mesh;
};
