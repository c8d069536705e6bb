import { button, patch, type Spot, Surface, strip } from './details.ts';
import { put } from './limbs.ts';
import { add, curve, mix, normalize, scale, type Vec } from './math.ts';
import type { Mesh } from './mesh.ts';
import type { Garment } from './top.ts';

/** A folded collar with points: it stands on the neckline, turns over and lies on the shoulders. */
const collar = (mesh: Mesh, surface: Surface, last: number, columns: number, tint: Vec) => {
  const fall = (share: number) =>
    curve(
      [
        [0, 0.054],
        [0.06, 0.047],
        [0.16, 0.03],
        [0.3, 0.018],
        [0.5, 0.012],
      ],
      share,
    );
  const steps = Array.from({ length: 21 }, (_, k) => (k / 20) * columns);
  const rows = steps.map((c) => {
    const share = Math.min(c, columns - c) / columns;
    const seam = surface.at(last, c);
    const out = normalize([seam.p[0], 0, seam.p[2] + 0.02]);
    const stand = mix(0.022, 0.03, Math.min(1, share * 4));
    const lift = (o: number, up: number): Vec => add(seam.p, add(scale(out, o), [0, up, 0]));
    // The points of the collar lean away from the opening.
    const lean = 1.1 * Math.max(0, 1 - share / 0.09) * (c < columns / 2 ? 1 : -1);
    const way = fall(share);
    const edge = surface.at(surface.below(c + lean, way), c + lean);
    const half = surface.at(surface.below(c + lean * 0.5, way * 0.45), c + lean * 0.5);
    const off = (s: Spot, by: number) => add(s.p, scale(s.n, by));
    const points: [Vec, Spot, number][] = [
      [lift(-0.003, 0.004), seam, 0.6],
      [lift(-0.002, stand - 0.004), seam, 0.75],
      [lift(0.004, stand), seam, 1],
      [lift(0.011, stand - 0.005), seam, 1.05],
      [off(half, 0.0115), half, 1],
      [off(edge, 0.0075), edge, 1.06],
      [off(edge, 0.0025), edge, 0.7],
    ];
    return points.map(([p, spot, tone]) => put(mesh, p, scale(tint, tone), spot.skin, [c * 0.5, p[1] * 16]));
  });
  for (let k = 0; k + 1 < rows.length; k++)
    for (let i = 0; i + 1 < rows[k]!.length; i++)
      mesh.faces.push([rows[k]![i]!, rows[k]![i + 1]!, rows[k + 1]![i + 1]!, rows[k + 1]![i]!]);
};

/** Collar, button band, chest pocket and yoke of a shirt. */
export const finishShirt = (
  { mesh, rings }: Garment,
  colours: { cloth: Vec; trim: Vec; button: Vec },
  heights: { hem: number; shoulder: number },
) => {
  const surface = new Surface(mesh, rings, false);
  const columns = rings[0]!.length - 1;
  const last = rings.length - 1;
  const { cloth, trim } = colours;
  const { hem, shoulder } = heights;
  collar(mesh, surface, last, columns, trim);
  const spot = (c: number, y: number) => surface.at(surface.rowAt(c, y), c);
  for (let k = 0; k < 4; k++)
    button(mesh, spot(columns - 0.55, mix(hem + 0.035, shoulder - 0.06, k / 3)), 0.0072, colours.button);
  for (const c of [1.15, columns - 1.15])
    strip(
      mesh,
      Array.from({ length: 10 }, (_, k) => spot(c, mix(hem + 0.004, shoulder + 0.005, k / 9))),
      0.0016,
      0.0012,
      scale(cloth, 0.72),
      scale(cloth, 0.6),
    );
  // The yoke across the back, and the seams where it meets the front on top of the shoulders.
  const seams = [
    Array.from({ length: 11 }, (_, k) =>
      spot(
        mix(columns * 0.34, columns * 0.66, k / 10),
        shoulder - 0.062 - 0.008 * Math.sin((k / 10) * Math.PI),
      ),
    ),
    ...[0.235, 0.765].map((c) =>
      [0, 1, 2, 3].map((k) => surface.at(mix(last - 3.8, last - 1, k / 3), columns * c)),
    ),
  ];
  for (const seam of seams) strip(mesh, seam, 0.0018, 0.0016, scale(cloth, 0.8), scale(cloth, 0.5));
  const [top, bottom] = [shoulder - 0.075, shoulder - 0.185];
  const pocket = [0, 0.2, 0.23, 0.6, 1].map((t) =>
    [0, 0.25, 0.5, 0.75, 1].map((u) => {
      const point = t === 1 ? 0.012 * (1 - Math.abs(u - 0.5) * 2) : 0;
      return spot(mix(1.7, 4.2, u), mix(top, bottom, t) - point);
    }),
  );
  patch(mesh, pocket, 0.004, (r) => (r < 2 ? scale(trim, 1.05) : cloth), scale(cloth, 0.6));
};
