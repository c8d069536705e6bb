import { lidRings } from './eyes.ts';
import type { FaceVertex } from './head.ts';
import { add, mix, normalize, smooth, sub, type Vec } from './math.ts';
import { emptyMesh, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import type { Field } from './sdf.ts';
import { eyeCentre } from './skull.ts';

const STEPS = 14;

/** Upper lashes as one tapered blade for each eye, longest at the outer corner; they ride on the lid's edge. */
export const buildLashes = (person: Person, field: Field): Mesh<FaceVertex> => {
  const mesh = emptyMesh<FaceVertex>();
  for (const side of [1, -1] as const) {
    const centre = eyeCentre(person, side);
    const rows: number[][] = [[], [], []];
    for (let k = 0; k <= STEPS; k++) {
      const own = mix(2.75, 0.16, k / STEPS);
      const angle = side === 1 ? own : Math.PI - own;
      const root = lidRings(person, field, side, angle).find((p) => p.eye?.d === 0)!.q;
      const lateral = Math.cos(own);
      const away = normalize(sub(root, centre));
      const long =
        person.lash * (0.08 + 0.26 * smooth(-0.9, 0.75, lateral)) * smooth(0, 0.12, k / STEPS) + 0.02;
      const out = normalize([
        away[0] + side * 0.75 * smooth(0, 1, lateral),
        0.55 + 0.3 * Math.max(0, Math.sin(own)),
        0.75,
      ]);
      const put = (q: Vec) =>
        mesh.vertices.push({
          q,
          part: 'lash',
          b: q[1],
          p: [0, 0, 0],
          colour: [1, 1, 1],
          uv: [0, 0],
          skin: [],
          eye: { side, angle, upper: Math.sin(angle), d: -0.01 },
        }) - 1;
      const foot = add(root, [0, 0, 0.02]);
      rows[0]!.push(put(add(foot, [0, 0.05, 0.02])));
      rows[1]!.push(put(add(foot, [out[0] * long, out[1] * long, out[2] * long])));
      rows[2]!.push(put(add(foot, [0, -0.04, 0])));
    }
    for (let r = 0; r < 2; r++)
      for (let k = 0; k < STEPS; k++) {
        const quad = [rows[r]![k]!, rows[r + 1]![k]!, rows[r + 1]![k + 1]!, rows[r]![k + 1]!];
        mesh.faces.push(side === 1 ? quad : quad.reverse());
      }
  }
  return mesh;
};
