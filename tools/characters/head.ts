import { type EyeTag, lidRings } from './eyes.ts';
import { curve, type Vec } from './math.ts';
import { bridge, emptyMesh, fan, type Mesh, type Vertex } from './mesh.ts';
import { lipRings, type MouthTag } from './mouth.ts';
import type { Person } from './people.ts';
import type { Field } from './sdf.ts';
import { CROWN, eyeCentre, headField, type Place, placeOf, surfaceAt } from './skull.ts';

/** What a vertex of the face belongs to; shapes.ts moves it accordingly. */
export type Part = 'skin' | 'mouth' | 'upperTeeth' | 'lowerTeeth' | 'tongue' | 'brow' | 'ear' | 'lash';

/** A vertex of the face: `q` is its place in face units; tags say where it sits around an eye or the mouth. */
export type FaceVertex = Vertex & {
  q: Vec;
  part: Part;
  b: number;
  along?: number;
  /** How much of the sky the point sees, 0…1. */
  open?: number;
  eye?: EyeTag;
  mouth?: MouthTag;
};

/** A point of a ring before it becomes a vertex. */
export type RingPoint = { q: Vec; part: Part; eye?: EyeTag; mouth?: MouthTag };

const HALF = 28;
const COLUMNS = HALF * 2;
const EYE = { from: 4, to: 13, top: 9, bottom: 16 };
const MOUTH = { from: -10, to: 10, top: 26, bottom: 34 };
const ROWS: readonly number[] = [
  15, 13.2, 11.4, 9.7, 8.2, 6.9, 5.7, 4.6, 3.7, 2.85, 2.2, 1.4, 0.6, -0.2, -1, -1.8, -2.45, -2.75, -3.05,
  -3.35, -3.65, -3.9, -4.15, -4.4, -4.65, -4.9, -5.15, -5.7, -6.3, -6.9, -7.5, -8.1, -8.8, -9.4, -9.9, -10.5,
  -11.2, -12, -12.8, -13.8, -15, -16.3, -17.8, -19.4, -21, -22.6,
];
const LONGITUDE = [
  [0, 0],
  [4, 0.12],
  [13, 1],
  [18, 1.55],
  [HALF, Math.PI],
] as const;

type Block = { from: number; to: number; top: number; bottom: number };

/** Grid nodes around a block, counter-clockwise from its lower right corner seen from the front, with their ring angles. */
const borderOf = ({ from, to, top, bottom }: Block) => {
  const out: { column: number; row: number; angle: number }[] = [];
  const quarter = Math.PI / 2;
  const wide = to - from;
  const high = bottom - top;
  for (let k = 0; k < high; k++)
    out.push({ column: to, row: bottom - k, angle: -quarter / 2 + (quarter * k) / high });
  for (let k = 0; k < wide; k++)
    out.push({ column: to - k, row: top, angle: quarter / 2 + (quarter * k) / wide });
  for (let k = 0; k < high; k++)
    out.push({ column: from, row: top + k, angle: (3 * quarter) / 2 + (quarter * k) / high });
  for (let k = 0; k < wide; k++)
    out.push({ column: from + k, row: bottom, angle: (5 * quarter) / 2 + (quarter * k) / wide });
  return out;
};

const inside = (b: Block, column: number, row: number) =>
  column > b.from && column < b.to && row > b.top && row < b.bottom;

const wrap = (column: number) => ((column % COLUMNS) + COLUMNS) % COLUMNS;

/** The skin of head and neck with lids, lips and mouth bag, as one closed-up quad mesh in face units. */
export const buildSkin = (person: Person, field: Field = headField(person)): Mesh<FaceVertex> => {
  const mesh = emptyMesh<FaceVertex>();
  const put = (point: RingPoint, b = point.q[1]) => {
    const v: FaceVertex = { ...point, b, p: [0, 0, 0], colour: [1, 1, 1], uv: [0, 0], skin: [] };
    return mesh.vertices.push(v) - 1;
  };
  const leftEye = EYE;
  const rightEye = { ...EYE, from: -EYE.to, to: -EYE.from };
  const blocks = [
    { block: leftEye, rings: (angle: number) => lidRings(person, field, 1, angle) },
    { block: rightEye, rings: (angle: number) => lidRings(person, field, -1, angle) },
    { block: MOUTH, rings: (angle: number) => lipRings(person, field, angle) },
  ];

  // Places of the grid nodes: a first guess by row and column, pinned where a block's outer ring lies, then relaxed.
  const places: Place[][] = ROWS.map((b) =>
    Array.from({ length: COLUMNS }, (_, c) => {
      const column = c <= HALF ? c : c - COLUMNS;
      return { lon: Math.sign(column) * curve(LONGITUDE, Math.abs(column)), b };
    }),
  );
  const pinned = ROWS.map(() => new Array<RingPoint | undefined>(COLUMNS));
  const rims = blocks.map(({ block, rings }) =>
    borderOf(block).map((node) => {
      const points = rings(node.angle);
      const c = wrap(node.column);
      pinned[node.row]![c] = points[0]!;
      places[node.row]![c] = placeOf(points[0]!.q);
      return { row: node.row, column: c, points };
    }),
  );
  relaxPlaces(
    places,
    pinned,
    blocks.map(({ block }) => block),
  );

  const nodes = places.map((row, r) =>
    row.map((place, c) => {
      const column = c <= HALF ? c : c - COLUMNS;
      if (blocks.some(({ block }) => inside(block, column, r))) return -1;
      const point = pinned[r]![c];
      return point ? put(point) : put({ q: surfaceAt(field, place), part: 'skin' }, place.b);
    }),
  );
  for (let r = 0; r + 1 < ROWS.length; r++)
    for (let c = 0; c < COLUMNS; c++) {
      const column = c < HALF ? c : c - COLUMNS;
      const middle = (b: Block) => column >= b.from && column < b.to && r >= b.top && r < b.bottom;
      if (blocks.some(({ block }) => middle(block))) continue;
      const next = (c + 1) % COLUMNS;
      mesh.faces.push([nodes[r]![c]!, nodes[r + 1]![c]!, nodes[r + 1]![next]!, nodes[r]![next]!]);
    }
  const crown = put({ q: surfaceAt(field, { lon: 0, b: CROWN }), part: 'skin' }, CROWN);
  fan(mesh, nodes[0]!, crown);

  for (const rim of rims) {
    let ring = rim.map((node) => nodes[node.row]![node.column]!);
    const depth = rim[0]!.points.length;
    for (let k = 1; k < depth; k++) {
      const next = rim.map((node) => put(node.points[k]!));
      bridge(mesh, ring, next);
      ring = next;
    }
    if (rim === rims[2]) {
      const back = rim.map((node) => node.points[depth - 1]!.q);
      const centre: Vec = [0, 0, 0];
      for (const q of back) for (let c = 0; c < 3; c++) centre[c]! += q[c]! / back.length;
      fan(mesh, ring, put({ q: centre, part: 'mouth', mouth: { angle: 0, t: -1, side: 0 } }));
    }
  }
  return mesh;
};

const relaxPlaces = (places: Place[][], pinned: (RingPoint | undefined)[][], blocks: Block[]) => {
  const rows = places.length;
  for (let round = 0; round < 24; round++)
    for (let r = 1; r < rows - 1; r++)
      for (let c = 0; c < COLUMNS; c++) {
        const column = c <= HALF ? c : c - COLUMNS;
        if (pinned[r]![c] || blocks.some((b) => inside(b, column, r))) continue;
        const place = places[r]![c]!;
        const around = [
          places[r - 1]![c]!,
          places[r + 1]![c]!,
          places[r]![wrap(c - 1)]!,
          places[r]![wrap(c + 1)]!,
        ];
        let lon = 0;
        let b = 0;
        for (const n of around) {
          const turn = n.lon - place.lon;
          lon +=
            place.lon + (turn > Math.PI ? turn - 2 * Math.PI : turn < -Math.PI ? turn + 2 * Math.PI : turn);
          b += n.b;
        }
        if (c !== 0 && c !== HALF) place.lon = place.lon * 0.5 + (lon / 4) * 0.5;
        place.b = place.b * 0.5 + (b / 4) * 0.5;
      }
};

/** Centre and radius of both eyeballs, left first. */
export const eyeballs = (person: Person) =>
  ([1, -1] as const).map((side) => ({
    side,
    centre: eyeCentre(person, side),
    radius: person.face.eye.radius,
  }));
