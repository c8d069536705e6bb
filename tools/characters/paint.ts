import type { FaceVertex } from './head.ts';
import { bell, clamp, colour, mix, mixVec, randomFrom, scale, smooth, type Vec } from './math.ts';
import type { Person } from './people.ts';
import { hairline, noiseFrom } from './scalp.ts';

const multiply = (a: Vec, b: Vec): Vec => [a[0] * b[0], a[1] * b[1], a[2] * b[2]];

/** Linear colour of what is painted by vertex: ears and the inside of the mouth. Skin, brows and teeth have a texture. */
export const faceColour = (person: Person, v: FaceVertex): Vec => {
  const c = person.colours;
  if (v.part === 'tongue') return mixVec(colour('#5a2327'), colour('#c9706c'), smooth(0, 0.9, v.uv[1]));
  if (v.part === 'mouth')
    return mixVec(colour(c.inner), scale(colour(c.inner), 0.16), smooth(-0.05, -0.75, v.mouth?.t ?? -1));
  if (v.part === 'lash') return scale(colour(c.hair), 0.22);
  if (v.part === 'ear') {
    const [r, out] = v.uv;
    const bowl = smooth(0.72, 0.3, r);
    const warm = mixVec(colour(c.skin), colour(c.blush), 0.4 + 0.15 * smooth(0.9, 1.3, out));
    return multiply(warm, mixVec([1, 1, 1], [0.62, 0.42, 0.38], bowl));
  }
  return [1, 1, 1];
};

/** Linear colour of one row of teeth with gum: v runs from the biting edge (0) to the gum (1). */
export const teethStrip =
  (person: Person) =>
  (u: number, v: number): Vec => {
    const place = (u - 0.5) * 11 + 0.5;
    const f = place - Math.floor(place);
    const seam = smooth(0.13, 0, Math.min(f, 1 - f));
    const far = smooth(0.16, 0.5, Math.abs(u - 0.5));
    const gum = smooth(0.82, 0.92, v - 0.12 * Math.abs(f - 0.5));
    const ivory = mixVec(colour('#f6efe2'), colour('#d9c3a8'), 0.7 * smooth(0.35, 0.9, v));
    const tooth = mixVec(ivory, colour('#b08a78'), 0.55 * seam * smooth(0.03, 0.2, v));
    return scale(
      mixVec(tooth, mixVec(colour('#b9656a'), colour(person.colours.inner), 0.3), gum),
      1 - 0.72 * far,
    );
  };

/** Linear colour of a brow: short strokes that lean outwards; u runs from its inner to its outer end, v downwards. */
export const browStrip = (person: Person) => {
  const noise = noiseFrom(person.seed + 31);
  const hair = colour(person.colours.brow);
  const skin = colour(person.colours.skin);
  return (u: number, v: number): Vec => {
    const stroke = noise(u * 60 + v * 9, v * 2.2 + 7);
    const edge = Math.min(smooth(0, 0.3, v), smooth(1, 0.72, v), smooth(-0.02, 0.1, u));
    const tone = scale(hair, 0.72 + 0.55 * stroke);
    return mixVec(mixVec(hair, skin, 0.45), tone, clamp(edge * 1.25 + 0.5 * (stroke - 0.5) * (1 - edge)));
  };
};

/** Paints the skin: called with points of it, it answers with their linear colour. */
export const skinPainter = (person: Person) => {
  const c = person.colours;
  const f = person.face;
  const m = f.mouth;
  const noise = noiseFrom(person.seed + 9);
  const random = randomFrom(person.seed + 10);
  const base = colour(c.skin);
  const blush = colour(c.blush);
  const lips = colour(c.lips);
  const hair = colour(c.hair);
  const deep = colour(c.shade);
  const inner = colour(c.inner);
  const tipY = -1.3 - 3 * f.nose.length;
  const freckles = Array.from({ length: person.freckles }, () => {
    const x = (random() + random() + random() - 1.5) * 7.4;
    return {
      x,
      y: -2.6 + (random() - 0.5) * 3 - 0.05 * x * x,
      r: 0.07 + 0.09 * random(),
      dark: 0.25 + 0.75 * random(),
    };
  });

  return (v: FaceVertex): Vec => {
    const [x, y, z] = v.q;
    const ax = Math.abs(x);
    const lon = Math.atan2(x, z);
    const front = smooth(-1, 3, z);
    const spot = (cx: number, cy: number, wx: number, wy: number) =>
      bell(Math.hypot((ax - cx) / wx, (y - cy) / wy), 1) * front;
    const mottle = 0.6 * noise(x * 1.1 + 3, y * 1.1) + 0.4 * noise(x * 2.7 + 9, y * 2.7);

    let skin = scale(base, 0.965 + 0.07 * mottle);
    // Broad zones: a paler brow and chin, a warm band across cheeks and nose.
    skin = mixVec(skin, mixVec(base, [1, 0.93, 0.72], 0.2 * base[0]), 0.5 * spot(0, 5.2, 4.5, 2.2));
    skin = mixVec(skin, blush, f.flush * 0.62 * spot(4.5, -3, 2.3, 1.7));
    skin = mixVec(skin, blush, f.flush * 0.22 * spot(0, -3, 6.5, 2));
    skin = mixVec(skin, blush, 0.42 * spot(0, tipY, 1.5, 1.15));
    skin = mixVec(skin, blush, 0.25 * spot(0, -10.6, 1.9, 1.2));
    skin = mixVec(skin, blush, 0.2 * spot(6.4, 3, 1.6, 2.4));
    skin = mixVec(skin, mixVec(base, blush, 0.9), 0.25 * smooth(-11, -14, v.b));
    skin = mixVec(skin, mixVec(deep, blush, 0.35), 0.2 * spot(f.eye.x - 0.5, -1.75, 1.7, 0.55));

    let freckle = 0;
    for (const s of freckles)
      if (z > 2 && y > -6 && y < 1 && ax < 6.5)
        freckle = Math.max(freckle, s.dark * smooth(s.r * 1.5, s.r * 0.3, Math.hypot(x - s.x, y - s.y)));
    skin = mixVec(skin, multiply(skin, [0.6, 0.4, 0.3]), 0.6 * freckle);

    if (person.beard > 0) skin = mixVec(skin, mixVec(hair, skin, 0.12), person.beard * beard(v, ax, y, z));
    if (person.hair === 'short') {
      const above = v.b - hairline(person, lon);
      const a = Math.abs(lon);
      const width = mix(0.7, 1.9, smooth(0.62, 1.15, a)) - 0.5 * smooth(2, 2.6, a);
      const grown = smooth(-0.35, width, above + 0.5 * (mottle - 0.5));
      const stubble = noise(x * 9 + z * 7, y * 9 + z * 5);
      skin = mixVec(
        skin,
        mixVec(hair, skin, 0.02),
        clamp(grown * (0.62 + 0.75 * stubble) + 0.6 * smooth(0.55, 1, grown)),
      );
    } else {
      const above = v.b - hairline(person, lon);
      const under = smooth(-1.6, 0.4, above);
      skin = multiply(skin, mixVec([1, 1, 1], [0.62, 0.42, 0.33], under));
      skin = mixVec(skin, scale(hair, 0.6), smooth(0.3, 1.4, above));
    }

    if (v.mouth) {
      const { t, side, angle } = v.mouth;
      const red = smooth(1.1, 0.93, t);
      const line = noise(x * 6 + 40, y * 0.7);
      let tone = scale(lips, 0.94 + 0.12 * line);
      if (side < 0)
        tone = mixVec(
          tone,
          mixVec(scale(lips, 1.3), [1, 0.8, 0.74], 0.14),
          0.5 * bell(t - 0.55, 0.22) * Math.abs(Math.sin(angle)),
        );
      else tone = scale(tone, 0.8);
      tone = mixVec(tone, inner, smooth(0.26, -0.02, t) * 0.9);
      skin = mixVec(skin, tone, red * m.tint);
      // A soft shadow under the lower lip and in the corners.
      skin = multiply(
        skin,
        mixVec(
          [1, 1, 1],
          [0.8, 0.62, 0.55],
          side < 0 ? 0.7 * bell(t - 1.4, 0.26) * Math.abs(Math.sin(angle)) : 0,
        ),
      );
      const corner = bell(Math.hypot(ax - m.width, y - m.y - m.corner), 0.36);
      skin = multiply(skin, mixVec([1, 1, 1], [0.62, 0.4, 0.36], 0.7 * corner));
    }
    if (v.eye) skin = aroundEye(v, skin);

    const hole =
      bell(Math.hypot((ax - 0.66 * f.nose.width) / 0.36, (y - tipY + 0.78) / 0.3), 1) * smooth(6, 8, z);
    skin = mixVec(skin, scale(multiply(skin, [1, 0.6, 0.5]), 0.25), 0.8 * hole);
    const dark = 1 - (v.open ?? 1);
    return multiply(skin, mixVec([1, 1, 1], [0.5, 0.3, 0.25], clamp(dark)));
  };

  function beard(v: FaceVertex, ax: number, y: number, z: number) {
    const jaw = smooth(-5.4, -8.8, y - 0.3 * Math.max(0, ax - 3));
    const lip = smooth(1, 0.35, Math.abs(y + 5.75)) * smooth(3.6, 2.2, ax);
    const burn = smooth(5.6, 6.8, ax) * smooth(0.5, -3.5, y) * smooth(-2.2, -0.4, z) * smooth(3.4, 1.4, z);
    const end = smooth(-14.2, -11.6, v.b) * smooth(-2.4, -0.2, z);
    const mouth = smooth(0.9, 1.25, Math.hypot(v.q[0] / (m.width + 0.35), (y - m.y + 0.1) / (m.lower + 0.5)));
    const patch = noise(v.q[0] * 1.7, y * 1.7 + 20);
    const hairs = noise(v.q[0] * 12, y * 12 + z * 4);
    const region = clamp(Math.max(jaw, lip * 0.9, burn)) * end * mouth;
    return region * (0.44 + 0.16 * patch + 0.24 * hairs * smooth(1.6, 1.05, Math.abs(Math.atan2(v.q[0], z))));
  }

  function aroundEye(v: FaceVertex, from: Vec): Vec {
    const { d, upper, angle, side } = v.eye!;
    let skin = from;
    const lateral = Math.cos(angle) * side;
    const shade = mixVec(deep, blush, 0.4);
    // The crease over the lid, the lid itself, and a thin line under the lower one.
    if (upper > 0) {
      skin = mixVec(skin, shade, 0.6 * bell(d - 0.52, 0.15) * smooth(0, 0.35, upper));
      skin = mixVec(skin, mixVec(skin, blush, 0.6), person.lid * smooth(0.6, 0.2, d));
    } else skin = mixVec(skin, shade, 0.32 * bell(d - 0.42, 0.16));
    const ink = scale(hair, 0.16);
    const top = smooth(-0.25, 0.15, upper + 0.35 * lateral);
    const thick = 0.05 + 0.1 * person.lash * smooth(-1, 0.8, lateral);
    const medial = smooth(-0.82, -0.97, lateral);
    if (d > -0.03) {
      skin = mixVec(skin, ink, top * smooth(thick + 0.1, thick, d) * (1 - medial));
      skin = mixVec(skin, shade, (1 - top) * 0.7 * smooth(0.16, 0.02, d));
    } else {
      const rim = mixVec(blush, [0.9, 0.6, 0.52], 0.4);
      skin = mixVec(mixVec(rim, scale(rim, 0.45), smooth(-0.1, -0.2, d)), ink, top * 0.85 * (1 - medial));
    }
    return skin;
  }
};
