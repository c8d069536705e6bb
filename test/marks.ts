import type { FaceVertex } from '../tools/characters/head.ts';
import type { Mesh } from '../tools/characters/mesh.ts';
import type { LANDMARKS, Point } from './ict-shapes.ts';

/** Landmarks of a generated face, in face units, from the places that its vertices are tagged with. */
export function marksOf(face: Mesh<FaceVertex>): Record<keyof typeof LANDMARKS, Point> {
  const skin = face.vertices.filter((v) => v.part === 'skin');
  const most = (from: readonly FaceVertex[], f: (v: FaceVertex) => number): Point =>
    from.reduce((best, v) => (f(v) > f(best) ? v : best)).q;
  const lids = (side: 1 | -1) => skin.filter((v) => v.eye?.side === side && v.eye.d === 0);
  const lip = (t: number) => skin.filter((v) => v.mouth && Math.abs(v.mouth.t - t) < 1e-6);
  const front = skin.filter((v) => v.q[2] > 0);
  const middle = front.filter((v) => Math.abs(v.q[0]) < 0.4);
  const at = (x: number, y: number): Point => most(front, (v) => -Math.hypot(v.q[0] - x, v.q[1] - y));
  const nose = most(
    middle.filter((v) => v.q[1] < 0 && v.q[1] > -5),
    (v) => v.q[2],
  );
  const eye = (side: 1 | -1, way: 1 | -1) => most(lids(side), (v) => v.q[0] * way);
  const left = eye(1, 1);
  const inner = eye(1, -1);
  return {
    leftEyeOuter: left,
    leftEyeInner: inner,
    rightEyeOuter: eye(-1, -1),
    rightEyeInner: eye(-1, 1),
    leftBrowInner: at(inner[0] * 0.9, 2.3),
    leftBrowOuter: at(left[0] * 1.02, 2.3),
    rightBrowInner: at(-inner[0] * 0.9, 2.3),
    rightBrowOuter: at(-left[0] * 1.02, 2.3),
    noseTip: nose,
    noseBase: at(0, nose[1] - 1.1),
    mouthLeft: most(lip(0), (v) => v.q[0]),
    mouthRight: most(lip(0), (v) => -v.q[0]),
    upperLip: most(lip(1), (v) => v.q[1] - Math.abs(v.q[0])),
    lowerLip: most(lip(1), (v) => -v.q[1] - Math.abs(v.q[0])),
    chin: at(0, -11.6),
  };
}
