import { eyeballs } from './head.ts';
import type { Vec } from './math.ts';
import { bridge, emptyMesh, fan, type Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import { faceToWorld } from './skeleton.ts';

/** Iris radius as a share of the eyeball's radius. */
export const IRIS = 0.57;

/** Both eyeballs (skinned to the eye bones) with a flat inset iris under a bulging rim, and a fixed highlight on each. */
export const buildEyes = (person: Person): Mesh => {
  const mesh = emptyMesh();
  for (const { side, centre, radius } of eyeballs(person)) {
    const bone = side === 1 ? 'leftEye' : 'rightEye';
    const put = (q: Vec, uv: [number, number], owner = bone) =>
      mesh.vertices.push({ p: faceToWorld(person, q), colour: [1, 1, 1], uv, skin: [[owner, 1]] }) - 1;
    const count = 20;
    const ring = (angle: number, dip: number) =>
      Array.from({ length: count }, (_, i) => {
        const a = (i / count) * Math.PI * 2;
        const r = Math.sin(angle);
        const u = 0.5 + 0.5 * Math.min(1, r * 0.999) * Math.cos(a);
        const v = 0.5 - 0.5 * Math.min(1, r * 0.999) * Math.sin(a);
        const q: Vec = [
          centre[0] + radius * r * Math.cos(a),
          centre[1] + radius * r * Math.sin(a),
          centre[2] + radius * (Math.cos(angle) - dip),
        ];
        return put(
          q,
          angle > 1.5
            ? [0.5 + 0.499 * Math.cos(a) * 0.74, (0.5 - 0.499 * Math.sin(a)) * 0.74]
            : [u * 0.74, v * 0.74],
        );
      });
    const edge = Math.asin(IRIS);
    const rings = [
      ring(1.95, 0),
      ring(1.4, 0),
      ring(0.95, 0),
      ring(edge + 0.09, 0),
      ring(edge, 0.012),
      ring(edge * 0.8, 0.055),
      ring(edge * 0.4, 0.11),
    ];
    for (let k = 0; k + 1 < rings.length; k++) bridge(mesh, rings[k]!, rings[k + 1]!);
    fan(mesh, rings[6]!, put([centre[0], centre[1], centre[2] + radius * 0.88], [0.37, 0.37]));
    for (const [dx, dy, r] of [
      [0.42, 0.5, 0.2],
      [-0.3, -0.42, 0.09],
    ] as const) {
      const z = Math.sqrt((radius + 0.05) ** 2 - dx * dx - dy * dy);
      const dot = Array.from({ length: 10 }, (_, i) => {
        const a = (i / 10) * Math.PI * 2;
        const x = dx + r * Math.cos(a);
        const y = dy + r * Math.sin(a);
        const q: Vec = [
          centre[0] + x,
          centre[1] + y,
          centre[2] + Math.sqrt((radius + 0.03) ** 2 - x * x - y * y),
        ];
        return put(q, [0.9, 0.9], 'head');
      });
      fan(mesh, dot, put([centre[0] + dx, centre[1] + dy, centre[2] + z], [0.9, 0.9], 'head'));
    }
  }
  return mesh;
};
