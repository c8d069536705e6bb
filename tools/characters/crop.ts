import type { Put } from './hair.ts';
import { add, colour, mix, mixVec, normalize, scale, smooth, type Vec } from './math.ts';
import { bridge, fan, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import { cells, hairline } from './scalp.ts';
import type { Field } from './sdf.ts';
import { CROWN, surfaceAt } from './skull.ts';

const COUNT = 52;
const ROWS = 15;

/** A short afro crop, round from every side: it grows out of the painted stubble without an edge, shaved at temples and nape, in tight clumps. */
export const buildCrop = (person: Person, field: Field, mesh: Mesh, put: Put) => {
  const noise = cells(person.seed);
  const base = colour(person.colours.hair);
  const tip = colour(person.colours.hairTip);
  const shaved = mixVec(base, colour(person.colours.skin), 0.4);
  const at = (lon: number, b: number): [Vec, Vec] => {
    const s = surfaceAt(field, { lon, b });
    const above = b - hairline(person, lon);
    const a = Math.abs(lon);
    // Quickly at the brow, slowly at temples and nape.
    const fade = smooth(0.62, 1.15, a);
    const grown = smooth(0.1, mix(3.4, 6.5, fade), above);
    const high = smooth(1, 8.5, s[1]);
    const n = normalize([s[0] * 1.15, s[1] - 3.2, s[2] + 1]);
    const clump = 1 - 0.72 * noise(scale(s, 0.9)) - 0.34 * noise(scale(s, 1.9));
    const skin = -0.14 + 0.36 * smooth(0, mix(0.5, 0.9, fade), above - 0.2);
    const out = skin + grown * (0.3 + 1.15 * high) + grown * (0.12 + 0.5 * high) * (clump - 0.3);
    const shade = mixVec(base, tip, Math.max(0, Math.min(1, (clump - 0.1) * 1.25)) * (0.15 + 0.85 * grown));
    return [add(s, scale(n, out)), mixVec(shade, shaved, smooth(0.8, 1.2, a) * smooth(2.8, 0, above))];
  };
  const rings: number[][] = [];
  for (let r = 0; r <= ROWS; r++) {
    const t = (r + 0.6) / (ROWS + 0.6);
    rings.push(
      Array.from({ length: COUNT }, (_, k) => {
        const lon = (k / COUNT) * Math.PI * 2 - Math.PI;
        const b = mix(CROWN, hairline(person, lon) + 0.22, t ** 0.85);
        const [q, shade] = at(lon, b);
        // Around the crown, so that the texture has no seam.
        return put(q, shade, [0.085 * (CROWN - b) * Math.sin(lon), 0.085 * (CROWN - b) * Math.cos(lon)]);
      }),
    );
  }
  for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k + 1]!, rings[k]!);
  const [top, shade] = at(0, CROWN);
  fan(mesh, rings[0]!, put(top, shade, [0, 0]));
};
