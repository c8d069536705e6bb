import type { Put } from './hair.ts';
import { add, colour, mix, mixVec, normalize, scale, smooth, type Vec } from './math.ts';
import { bridge, fan, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import { cells, hairline } from './scalp.ts';
import type { Field } from './sdf.ts';
import { CROWN, surfaceAt } from './skull.ts';

const COUNT = 52;
const ROWS = 15;

/** A short crop: it grows out of the painted stubble without an edge, higher and squarer on top, in soft clumps. */
export const buildCrop = (person: Person, field: Field, mesh: Mesh, put: Put) => {
  const noise = cells(person.seed);
  const base = colour(person.colours.hair);
  const tip = colour(person.colours.hairTip);
  const at = (lon: number, b: number): [Vec, Vec] => {
    const s = surfaceAt(field, { lon, b });
    const above = b - hairline(person, lon);
    const a = Math.abs(lon);
    // Out of the skin: quickly at the brow, late at temples and nape, where the hair is shaved.
    const late = mix(1, 3, smooth(0.7, 1.2, a)) - 0.9 * smooth(2, 2.7, a);
    const grown = smooth(late - 0.5, late + mix(3.4, 4.5, smooth(0.7, 1.2, a)), above);
    const high = smooth(4.5, 10.5, s[1]);
    const n = normalize([s[0] * (1 + 0.25 * high), (s[1] - 3) * (0.7 + 0.6 * high), s[2] + 0.6]);
    const clump = 1 - noise(scale(s, 0.82));
    const out = -0.16 + grown * (0.4 + 1.7 * high) + grown * (0.16 + 0.5 * high) * (clump - 0.45);
    const shade = mixVec(base, tip, Math.max(0, (clump - 0.35) * 1.3) * grown);
    return [add(s, scale(n, out)), shade];
  };
  const rings: number[][] = [];
  for (let r = 0; r <= ROWS; r++) {
    const t = (r + 0.6) / (ROWS + 0.6);
    rings.push(
      Array.from({ length: COUNT }, (_, k) => {
        const lon = (k / COUNT) * Math.PI * 2 - Math.PI;
        const [q, shade] = at(lon, mix(CROWN, hairline(person, lon) + 0.5, t ** 0.92));
        return put(q, shade, [q[0] * 0.09 + q[2] * 0.05, q[1] * 0.09 + q[2] * 0.06]);
      }),
    );
  }
  for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k + 1]!, rings[k]!);
  const [top, shade] = at(0, CROWN);
  fan(mesh, rings[0]!, put(top, shade, [0, top[1] * 0.09]));
};
