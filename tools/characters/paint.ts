import type { FaceVertex } from './head.ts';
import { bell, clamp, colour, mixVec, scale, smooth, type Vec } from './math.ts';
import type { Person } from './people.ts';

/** Linear colour of a face vertex. */
export const faceColour = (person: Person, v: FaceVertex): Vec => {
  const c = person.colours;
  const f = person.face;
  const [x, y, z] = v.q;
  const ax = Math.abs(x);
  if (v.part === 'brow') return mixVec(mixVec(colour(c.hair), colour(c.hairTip), 0.35), colour(c.skin), 0.1);
  if (v.part === 'tongue') return mixVec(colour('#4a1c1e'), colour('#b0605c'), smooth(0.1, 1, v.uv[1]));
  if (v.part === 'upperTeeth' || v.part === 'lowerTeeth')
    return v.uv[1] > 0.86
      ? colour('#b5686a')
      : scale(colour('#f4ecdd'), 1 - 0.7 * smooth(0.2, 0.5, Math.abs(v.uv[0] - 0.5)));
  if (v.part === 'mouth')
    return mixVec(scale(colour(c.inner), 0.55), [0.012, 0.004, 0.004], smooth(-0.15, -0.7, v.mouth?.t ?? -1));
  let skin = colour(c.skin);
  const blush = colour(c.blush);
  skin = mixVec(skin, blush, 0.34 * bell(Math.hypot((ax - 4.5) / 2.3, (y + 3.2) / 1.8), 1) * (z > 0 ? 1 : 0));
  skin = mixVec(skin, blush, 0.3 * bell(Math.hypot(x / 1.7, (y + 4.3) / 1.2, (z - 10) / 2), 1));
  skin = mixVec(skin, blush, 0.16 * bell(Math.hypot(x / 2, (y + 10.5) / 1.5), 1) * (z > 0 ? 1 : 0));
  if (v.part === 'ear') return mixVec(colour(c.skin), blush, 0.45);
  if (person.beard > 0 && z > -1) {
    const cheek = smooth(-5.6, -7.8, y - 0.36 * Math.max(0, ax - 3)) * smooth(-13.6, -11.5, v.b);
    const lip = bell(Math.hypot(x / 2.8, (y + 5.5) / 0.62), 1);
    const side = smooth(5.4, 6.6, ax) * smooth(-0.5, -3, y) * smooth(-13, -11, v.b);
    skin = mixVec(skin, scale(colour(c.hair), 1.3), 0.3 * person.beard * clamp(Math.max(cheek, lip, side)));
  }
  if (v.mouth) {
    const t = v.mouth.t;
    const red = smooth(1.12, 0.96, t);
    const tone = mixVec(colour(c.lips), colour(c.inner), smooth(0.2, -0.02, t));
    skin = mixVec(skin, tone, red * (v.mouth.side > 0 ? 0.95 : 0.85));
  }
  if (v.eye) {
    const { d, upper } = v.eye;
    const shade = scale(mixVec(colour(c.skin), blush, 0.5), 0.62);
    skin = mixVec(skin, shade, upper > 0 ? 0.55 * bell(d - 0.55, 0.28) : 0.3 * bell(d - 0.4, 0.3));
    if (d <= 0.02) {
      const lash = scale(colour(c.hair), 0.3);
      const line = upper > -0.1 ? 1 : 0.35;
      const medial = Math.max(0, -Math.cos(v.eye.angle) * v.eye.side) ** 6;
      const lateral = Math.max(0, Math.cos(v.eye.angle) * v.eye.side) ** 8;
      const ink = line * (1 - medial) * (1 - 0.6 * lateral);
      skin =
        d < -0.05
          ? mixVec(scale(mixVec(skin, blush, 0.7), 0.85), lash, ink * 0.75)
          : mixVec(skin, lash, ink * 0.95);
    } else if (d < 0.3 && upper > 0.1)
      skin = mixVec(
        skin,
        scale(colour(c.hair), 0.35),
        d < 0.14 ? 0.9 : person.lash * smooth(0.05, 0.6, upper),
      );
  }
  const hole = bell(
    Math.hypot((ax - 0.62 * f.nose.width) / 0.42, (y + 2.4 + 3 * f.nose.length) / 0.34, (z - 9.5) / 0.9),
    1,
  );
  return mixVec(skin, scale(skin, 0.22), clamp(hole * 0.7));
};
