import { add, curve, scale, type Vec } from './math.ts';
import { bridge, type Mesh, type Skin, type Vertex } from './mesh.ts';

/** One ring of a tube: where it is and how wide it is up/forward/back. */
export type Section = {
  at: number;
  wide: number;
  front: number;
  back?: number;
  centre?: Vec;
  square?: number;
};

/** Adds a vertex and returns its index. */
export const put = (mesh: Mesh, p: Vec, colour: Vec, skin: Skin, uv: [number, number] = [0.01, 0.01]) =>
  mesh.vertices.push({ p, colour, uv, skin } satisfies Vertex) - 1;

/** A point on a squarish oval: `angle` 0 faces +Z and turns towards +X. */
export const oval = (
  angle: number,
  wide: number,
  front: number,
  back: number,
  square = 0.85,
): [number, number] => {
  const s = Math.sin(angle);
  const c = Math.cos(angle);
  const bent = (v: number) => Math.sign(v) * Math.abs(v) ** square;
  return [wide * bent(s), (c > 0 ? front : back) * bent(c)];
};

/** Bridges consecutive rings. */
export const skinRings = (mesh: Mesh, rings: readonly (readonly number[])[], closed = true) => {
  for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k]!, rings[k + 1]!, closed);
};

/** Appends the mirror image in x of all that `mesh` holds from the given vertex and face on, left names becoming right. */
export const mirror = (mesh: Mesh, vertexFrom = 0, faceFrom = 0) => {
  const count = mesh.vertices.length;
  const faces = mesh.faces.slice(faceFrom);
  for (const v of mesh.vertices.slice(vertexFrom))
    mesh.vertices.push({
      p: [-v.p[0], v.p[1], v.p[2]],
      colour: v.colour,
      uv: v.uv,
      skin: v.skin.map(([name, w]) => [name.replace(/^left/, 'right'), w] as const),
    });
  for (const f of faces) mesh.faces.push(f.map((k) => k - vertexFrom + count).reverse());
};

/** Values of a table of columns at one place, each column interpolated smoothly. */
export const at = (table: readonly (readonly number[])[], x: number) =>
  table[0]!.slice(1).map((_, c) =>
    curve(
      table.map((row) => [row[0]!, row[c + 1]!] as const),
      x,
    ),
  );

/** A point at `angle` of the ellipse spanned by two vectors around a centre. */
export const around = (centre: Vec, right: Vec, up: Vec, angle: number): Vec =>
  add(centre, add(scale(right, Math.cos(angle)), scale(up, Math.sin(angle))));
