import { patch, type Spot, Surface, strip } from './details.ts';
import { mix, scale, type Vec } from './math.ts';
import type { Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import { joints } from './skeleton.ts';

/** Fly, pockets, and for an open shirt a belt with its buckle, on the upper rows of trousers. */
export const finishTrousers = (
  person: Person,
  mesh: Mesh,
  rings: readonly (readonly number[])[],
  colours: { cloth: Vec; belt: Vec; metal: Vec },
) => {
  const { hipY } = joints(person);
  const surface = new Surface(mesh, rings, true);
  const count = rings[0]!.length;
  const top = mesh.vertices[rings[0]![0]!]!.p[1];
  const belted = person.clothes === 'overshirt';
  const spot = (c: number, y: number) => surface.at(surface.rowAt(c, y), c);
  const path = (ends: readonly (readonly [number, number])[], steps: number): Spot[] =>
    Array.from({ length: steps + 1 }, (_, k) => {
      const at = (k / steps) * (ends.length - 1);
      const i = Math.min(ends.length - 2, Math.floor(at));
      const [a, b] = [ends[i]!, ends[i + 1]!];
      return spot(mix(a[0], b[0], at - i), mix(a[1], b[1], at - i));
    });
  const seam = (ends: readonly (readonly [number, number])[], steps: number) =>
    strip(mesh, path(ends, steps), 0.0024, 0.0016, scale(colours.cloth, 1.12), scale(colours.cloth, 0.6));
  const waist = belted ? top - 0.046 : top - 0.03;
  seam(
    [
      [0.75, waist],
      [0.75, hipY - 0.045],
      [0.1, hipY - 0.078],
    ],
    6,
  );
  for (const side of [1, -1])
    seam(
      [
        [side * 2.7, waist],
        [side * 3.6, mix(waist, hipY - 0.07, 0.6)],
        [side * 5.2, hipY - 0.068],
      ],
      6,
    );
  if (!belted) return;
  const y = top - 0.025;
  const reach = count * 0.2;
  const steps = 10;
  strip(
    mesh,
    Array.from({ length: steps + 1 }, (_, k) => spot(mix(-reach, reach, k / steps), y)),
    0.0175,
    0.0035,
    colours.belt,
    scale(colours.belt, 0.5),
  );
  const plate = (half: number, high: number, off: number, tint: Vec) =>
    patch(
      mesh,
      [1, 0, -1].map((v) => [-1, 0, 1].map((u) => spot(u * half, y + v * high))),
      off,
      () => tint,
      scale(tint, 0.7),
    );
  plate(0.95, 0.021, 0.0075, colours.metal);
  plate(0.6, 0.0125, 0.0085, scale(colours.belt, 0.7));
  for (const c of [-3.2, 3.2])
    strip(
      mesh,
      [1, 0.33, -0.33, -1].map((v) => spot(c, y + v * 0.0215)),
      0.005,
      0.0065,
      colours.cloth,
      scale(colours.cloth, 0.6),
    );
};
