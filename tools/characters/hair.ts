import { bell, colour, mix, mixVec, randomFrom, smooth, type Vec } from './math.ts';
import { bridge, emptyMesh, fan, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import type { Field } from './sdf.ts';
import { faceToWorld } from './skeleton.ts';
import { CROWN, surfaceAt } from './skull.ts';

/** Lowest `b` of the scalp's hair at a longitude. */
const hairline = (person: Person, lon: number) => {
  const a = Math.abs(lon);
  const front = person.hair === 'bob' ? 7.6 : 6.9;
  const temple = smooth(0.35, 0.95, a);
  const side = smooth(1.0, 1.35, a);
  const back = smooth(1.6, 2.2, a);
  return mix(mix(mix(front, front - 1.1, temple), -0.6, side), -7.5, back);
};

/** The hair as a cap with thickness over the scalp. */
export const buildHair = (person: Person, field: Field): Mesh => {
  const mesh = emptyMesh();
  const random = randomFrom(person.seed);
  const count = 48;
  const rows = 14;
  const base = colour(person.colours.hair);
  const tip = colour(person.colours.hairTip);
  const thick = person.hair === 'bob' ? 0.75 : 0.6;
  const rings: number[][] = [];
  const bump = Array.from({ length: count * (rows + 4) }, () => random());
  const put = (lon: number, b: number, out: number, shade: number) => {
    const s = surfaceAt(field, { lon, b });
    const n: Vec = [s[0], (s[1] - 2) * 0.9, s[2] + 0.5];
    const d = Math.hypot(...n);
    const q: Vec = [s[0] + (n[0] / d) * out, s[1] + (n[1] / d) * out, s[2] + (n[2] / d) * out];
    const skin =
      q[1] < -9
        ? ([
            ['head', 0.6],
            ['neck', 0.4],
          ] as const)
        : ([['head', 1]] as const);
    return (
      mesh.vertices.push({
        p: faceToWorld(person, q),
        colour: mixVec(base, tip, shade),
        uv: [lon, b],
        skin,
      }) - 1
    );
  };
  for (let r = 0; r <= rows; r++) {
    const t = (r + 0.6) / (rows + 0.6);
    rings.push(
      Array.from({ length: count }, (_, c) => {
        const lon = (c / count) * Math.PI * 2 - Math.PI;
        const b = mix(CROWN, hairline(person, lon), t);
        const rough = (bump[r * count + c]! - 0.5) * (person.hair === 'short' ? 0.5 : 0.12);
        return put(lon, b, thick * (1 - 0.35 * bell(t - 1, 0.1)) + rough, rough + 0.3);
      }),
    );
  }
  for (const [drop, out] of [
    [-0.25, 0.1],
    [0.2, -0.2],
  ] as const)
    rings.push(
      Array.from({ length: count }, (_, c) => {
        const lon = (c / count) * Math.PI * 2 - Math.PI;
        return put(lon, hairline(person, lon) + drop, out, 0);
      }),
    );
  for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k + 1]!, rings[k]!);
  fan(mesh, rings[0]!, put(0, CROWN, thick, 0.3));
  return mesh;
};
