import { placeInStrip, STRIP } from './atlas.ts';
import type { FaceVertex } from './head.ts';
import { clamp, type Vec } from './math.ts';
import { type Mesh, triangles } from './mesh.ts';
import { browStrip, skinPainter, teethStrip } from './paint.ts';
import type { Person } from './people.ts';
import { encode } from './texture.ts';

/** Between three vertices of the skin: everything that the painter asks for. */
const between = (corners: readonly FaceVertex[], w: Vec): FaceVertex => {
  const [a, b, c] = corners as readonly [FaceVertex, FaceVertex, FaceVertex];
  const sum = (x: number, y: number, z: number) => x * w[0] + y * w[1] + z * w[2];
  const q: Vec = [sum(a.q[0], b.q[0], c.q[0]), sum(a.q[1], b.q[1], c.q[1]), sum(a.q[2], b.q[2], c.q[2])];
  const out: FaceVertex = {
    q,
    b: sum(a.b, b.b, c.b),
    open: sum(a.open ?? 1, b.open ?? 1, c.open ?? 1),
    part: 'skin',
    p: a.p,
    colour: a.colour,
    uv: a.uv,
    skin: a.skin,
  };
  const eye = a.eye ?? b.eye ?? c.eye;
  if (eye) {
    const [i, j, k] = [a.eye ?? eye, b.eye ?? eye, c.eye ?? eye];
    const cos = sum(Math.cos(i.angle), Math.cos(j.angle), Math.cos(k.angle));
    const sin = sum(Math.sin(i.angle), Math.sin(j.angle), Math.sin(k.angle));
    const d = sum(a.eye?.d ?? 2, b.eye?.d ?? 2, c.eye?.d ?? 2);
    out.eye = { side: eye.side, angle: Math.atan2(sin, cos), upper: sin, d };
  }
  const mouth = a.mouth ?? b.mouth ?? c.mouth;
  if (mouth) {
    const [i, j, k] = [a.mouth ?? mouth, b.mouth ?? mouth, c.mouth ?? mouth];
    const cos = sum(Math.cos(i.angle), Math.cos(j.angle), Math.cos(k.angle));
    const sin = sum(Math.sin(i.angle), Math.sin(j.angle), Math.sin(k.angle));
    const t = sum(a.mouth?.t ?? 3, b.mouth?.t ?? 3, c.mouth?.t ?? 3);
    out.mouth = { angle: Math.atan2(sin, cos), t, side: sum(i.side, j.side, k.side) };
  }
  return out;
};

/** The painted texture of face, teeth and brows as sRGB pixels, row by row; each is the mean of four. */
export const bakeSkin = (person: Person, mesh: Mesh<FaceVertex>, size: number): Vec[] => {
  const fine = paintFine(person, mesh, size * 2);
  const out = Array.from({ length: size * size }, (_, k): Vec | undefined => {
    const at = Math.floor(k / size) * size * 4 + (k % size) * 2;
    const found = [at, at + 1, at + 2 * size, at + 2 * size + 1].flatMap((i) => (fine[i] ? [fine[i]] : []));
    if (found.length === 0) return undefined;
    return [0, 1, 2].map((c) => found.reduce((sum, v) => sum + v[c]! / found.length, 0)) as Vec;
  });
  spread(out, size, 8);
  const strips = { teeth: teethStrip(person), brow: browStrip(person) };
  for (const name of ['teeth', 'brow'] as const) {
    const [top, bottom] = STRIP[name];
    // As far as the next thing, whose colour would come in where the texture is drawn small.
    const above = name === 'teeth' ? 0 : (STRIP.teeth[1] + top) / 2;
    const below = name === 'teeth' ? (bottom + STRIP.brow[0]) / 2 : STRIP.face - 0.005;
    for (let y = Math.floor(above * size); y < below * size; y++)
      for (let x = Math.floor(STRIP.left * size); x < size; x++) {
        const [u, v] = placeInStrip(name, (x + 0.5) / size, (y + 0.5) / size);
        out[y * size + x] = strips[name](clamp(u), clamp(v));
      }
  }
  return Array.from(out, (c) => encode(c ?? [1, 1, 1]));
};

/** Linear colours of the skin's surface on a grid of pixels; empty where there is none. */
const paintFine = (person: Person, mesh: Mesh<FaceVertex>, size: number): (Vec | undefined)[] => {
  const paint = skinPainter(person);
  const out: (Vec | undefined)[] = new Array(size * size);
  const t = triangles(mesh);
  for (let k = 0; k < t.length; k += 3) {
    const corners = [mesh.vertices[t[k]!]!, mesh.vertices[t[k + 1]!]!, mesh.vertices[t[k + 2]!]!] as const;
    if (corners.some((v) => v.part !== 'skin')) continue;
    const [a, b, c] = corners.map((v) => [v.uv[0] * size - 0.5, v.uv[1] * size - 0.5] as const) as [
      readonly [number, number],
      readonly [number, number],
      readonly [number, number],
    ];
    const area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if (Math.abs(area) < 1e-9) continue;
    const low = (i: 0 | 1) => Math.max(0, Math.floor(Math.min(a[i], b[i], c[i])));
    const high = (i: 0 | 1) => Math.min(size - 1, Math.ceil(Math.max(a[i], b[i], c[i])));
    // A little beyond its edges, so that slivers leave no holes.
    const slack = -Math.min(0.5, 0.3 / Math.sqrt(Math.abs(area)));
    // Lids and lips are painted finely, plain skin in blocks of four pixels.
    const step = corners.some((v) => v.eye || v.mouth) ? 1 : 2;
    for (let y = low(1) - (low(1) % step); y <= high(1); y += step)
      for (let x = low(0) - (low(0) % step); x <= high(0); x += step) {
        const [i, j] = [x + (step - 1) / 2, y + (step - 1) / 2];
        const wb = ((i - a[0]) * (c[1] - a[1]) - (j - a[1]) * (c[0] - a[0])) / area;
        const wc = ((b[0] - a[0]) * (j - a[1]) - (b[1] - a[1]) * (i - a[0])) / area;
        const wa = 1 - wb - wc;
        const least = Math.min(wa, wb, wc);
        if (least < slack * step || (out[y * size + x] && least < 0)) continue;
        const tone = paint(between(corners, [wa, wb, wc])).map((v) => clamp(v)) as Vec;
        for (let k = 0; k < step * step; k++) out[(y + Math.floor(k / step)) * size + x + (k % step)] = tone;
      }
  }
  return out;
};

/** Lets colours run `rounds` pixels into empty space, for the smaller versions of the texture. */
const spread = (out: (Vec | undefined)[], size: number, rounds: number) => {
  const from = Math.ceil((STRIP.face - 0.012) * size);
  for (let round = 0; round < rounds; round++) {
    const fresh: [number, Vec][] = [];
    for (let y = from; y < size; y++)
      for (let x = 0; x < size; x++) {
        if (out[y * size + x]) continue;
        const near: Vec[] = [];
        for (const [dx, dy] of [
          [1, 0],
          [-1, 0],
          [0, 1],
          [0, -1],
        ] as const) {
          const [i, j] = [x + dx, y + dy];
          const c = i >= 0 && i < size && j >= from && j < size ? out[j * size + i] : undefined;
          if (c) near.push(c);
        }
        if (near.length > 0)
          fresh.push([
            y * size + x,
            [0, 1, 2].map((c) => near.reduce((sum, v) => sum + v[c]!, 0) / near.length) as Vec,
          ]);
      }
    for (const [k, c] of fresh) out[k] = c;
  }
};
