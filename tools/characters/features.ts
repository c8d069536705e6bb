import type { FaceVertex, Part } from './head.ts';
import { bell, curve, mix, smooth, type Vec } from './math.ts';
import { bridge, emptyMesh, fan, type Mesh } from './mesh.ts';
import { lipLine } from './mouth.ts';
import type { Person } from './people.ts';
import type { Field } from './sdf.ts';
import { frontAt, surfaceAt } from './skull.ts';

const vertex = (q: Vec, part: Part, uv: [number, number] = [0, 0]): FaceVertex => ({
  q,
  part,
  b: q[1],
  p: [0, 0, 0],
  colour: [1, 1, 1],
  uv,
  skin: [],
  ...(part === 'tongue' ? { along: uv[1] } : {}),
});

/** Grid of vertices from a function of (u, v) in 0…1; faces wind so that u × v points outwards. */
const sheet = (
  mesh: Mesh<FaceVertex>,
  across: number,
  down: number,
  part: Part,
  at: (u: number, v: number) => Vec,
) => {
  const rows: number[][] = [];
  for (let j = 0; j <= down; j++)
    rows.push(
      Array.from({ length: across + 1 }, (_, i) => {
        const uv: [number, number] = [i / across, j / down];
        return mesh.vertices.push(vertex(at(...uv), part, uv)) - 1;
      }),
    );
  for (let j = 0; j < down; j++) bridge(mesh, rows[j]!, rows[j + 1]!, false);
};

/** Both rows of teeth as two arches with hinted gaps. */
export const buildTeeth = (person: Person, field: Field): Mesh<FaceVertex> => {
  const mesh = emptyMesh<FaceVertex>();
  const m = person.face.mouth;
  const front = frontAt(field, 0, m.y)[2] - 0.6;
  for (const sign of [1, -1] as const) {
    const wide = sign === 1 ? 2.2 : 2.05;
    const edge = m.y + (sign === 1 ? -0.4 : -0.34);
    const high = sign === 1 ? 0.95 : 0.85;
    sheet(mesh, 22, 4, sign === 1 ? 'upperTeeth' : 'lowerTeeth', (u, v) => {
      const a = (u - 0.5) * Math.PI * 0.98;
      const tooth = Math.abs(Math.sin((u - 0.5) * 11 * Math.PI));
      const gap = 0.05 * (1 - smooth(0, 0.5, tooth));
      const out = v < 0.5 ? -0.25 * (1 - v * 2) : 0;
      const y =
        sign === 1 ? mix(edge + 0.25, edge, smooth(0, 0.5, v)) : mix(edge - 0.25, edge, smooth(0, 0.5, v));
      const rise = v <= 0.5 ? 0 : (v - 0.5) * 2 * high;
      const r = 1 + out * 0.12;
      return [
        wide * r * Math.sin(a),
        y + sign * rise,
        front - (sign === 1 ? 0 : 0.22) - 2.9 + 2.9 * r * Math.cos(a) - gap + 0.12 * out - 0.1 * rise,
      ];
    });
    if (sign === -1) for (const f of mesh.faces.slice(-22 * 4)) f.reverse();
  }
  return mesh;
};

/** A tapered tongue; `along` runs from root (0) to tip (1). */
export const buildTongue = (person: Person, field: Field): Mesh<FaceVertex> => {
  const mesh = emptyMesh<FaceVertex>();
  const m = person.face.mouth;
  const tip = frontAt(field, 0, m.y)[2] - 0.95;
  const rings: number[][] = [];
  for (let k = 0; k < 8; k++) {
    const u = k / 7;
    const wide = 1.7 * Math.sqrt(Math.max(0, 1 - ((u - 0.35) / 0.72) ** 2)) * (1 - 0.12 * u);
    const thick = 0.34 * (1 - 0.5 * u) + 0.04;
    rings.push(
      Array.from({ length: 10 }, (_, i) => {
        const a = (i / 10) * Math.PI * 2;
        const groove = 0.12 * bell(Math.cos(a), 0.3) * (Math.sin(a) > 0 ? 1 : 0);
        const y = m.y - 1 + 0.3 * Math.sin(u * 2.4) + thick * Math.sin(a) - groove;
        return (
          mesh.vertices.push(vertex([wide * Math.cos(a), y, tip - 4.2 * (1 - u)], 'tongue', [i / 10, u])) - 1
        );
      }),
    );
  }
  for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k]!, rings[k + 1]!);
  const end = mesh.vertices.push(vertex([0, m.y - 0.85, tip + 0.08], 'tongue', [0, 1])) - 1;
  fan(mesh, rings[7]!, end);
  return mesh;
};

/** Both eyebrows as tapered ridges on the skin. */
export const buildBrows = (person: Person, field: Field): Mesh<FaceVertex> => {
  const mesh = emptyMesh<FaceVertex>();
  const b = person.face.eyebrow;
  for (const side of [1, -1] as const) {
    const first = mesh.faces.length;
    sheet(mesh, 12, 4, 'brow', (u, v) => {
      const x = mix(b.inner, b.outer, u);
      const middle =
        b.y +
        b.arch *
          curve(
            [
              [0, 0.05],
              [0.35, 0.35],
              [0.66, 0.62],
              [1, -0.55],
            ],
            u,
          ) -
        b.tilt * (1 - u) * 1.2 +
        (b.raise / 2) * side * smooth(0, 0.6, u);
      const thick =
        b.thick *
        curve(
          [
            [0, 0.3],
            [0.05, 0.75],
            [0.15, 1],
            [0.6, 0.85],
            [1, 0.12],
          ],
          u,
        );
      const y = middle + (0.5 - v) * 2 * thick * 0.62;
      const q = frontAt(field, x, y);
      const lift = 0.17 * Math.sin(Math.PI * v) * smooth(0, 0.12, u) * smooth(1, 0.85, u) - 0.03;
      return [side * q[0], q[1], q[2] + lift];
    });
    if (side === 1) for (const f of mesh.faces.slice(first)) f.reverse();
  }
  return mesh;
};

/** Both ears: a cupped shell with rim, hollow and lobe; a bob hides them. */
export const buildEars = (person: Person, field: Field): Mesh<FaceVertex> => {
  const mesh = emptyMesh<FaceVertex>();
  if (person.hair === 'bob') return mesh;
  const size = person.face.ear.size;
  for (const side of [1, -1] as const) {
    const root = surfaceAt(field, { lon: Math.PI / 2 + 0.1, b: -0.9 });
    const rings: number[][] = [];
    const steps: readonly (readonly [r: number, out: number])[] = [
      [0.62, -0.5],
      [0.78, 0.35],
      [0.96, 0.95],
      [1, 1.22],
      [0.9, 1.3],
      [0.78, 1.12],
      [0.6, 0.62],
      [0.4, 0.5],
      [0.18, 0.2],
    ];
    for (const [r, out] of steps)
      rings.push(
        Array.from({ length: 14 }, (_, i) => {
          const a = (i / 14) * Math.PI * 2;
          const up = Math.sin(a);
          const back = -Math.cos(a);
          const lobe = up < 0 ? 1 - 0.3 * up * up : 1;
          const y = up * r * 2.15 * size - 0.1;
          const z = (back * r * 1.15 * lobe - 0.25 * up) * size;
          const flare = (0.35 + 0.65 * smooth(-1, 0.9, back)) * (0.55 + 0.45 * smooth(-1, -0.2, up));
          const q: Vec = [root[0] - 0.35 + out * flare * size * 1.3, root[1] + y, root[2] - z];
          return mesh.vertices.push(vertex([side * q[0], q[1], q[2]], 'ear', [r, out])) - 1;
        }),
      );
    const first = mesh.faces.length;
    for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k]!, rings[k + 1]!);
    const inner = rings[rings.length - 1]!;
    const centre: Vec = [0, 0, 0];
    for (const k of inner) for (let c = 0; c < 3; c++) centre[c]! += mesh.vertices[k]!.q[c]! / inner.length;
    fan(mesh, inner, mesh.vertices.push(vertex(centre, 'ear', [0, 0])) - 1);
    if (side === 1) for (const f of mesh.faces.slice(first)) f.reverse();
  }
  return mesh;
};

/** Height of the line where the lips meet, in the middle. */
export const lipMiddle = (person: Person) => lipLine(person, 0);
