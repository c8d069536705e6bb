import { clamp, mix, mixVec, randomFrom, smooth, type Vec } from './math.ts';
import type { Person } from './people.ts';

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

const crc = (bytes: Uint8Array) => {
  let c = 0xffffffff;
  for (const b of bytes) c = crcTable[(c ^ b) & 255]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
};

/** A PNG with stored (uncompressed) pixels: the same bytes on every machine, whatever its zlib. */
export const png = (size: number, pixel: (x: number, y: number) => Vec): Uint8Array => {
  const raw = new Uint8Array(size * (size * 3 + 1));
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (const [c, value] of pixel((x + 0.5) / size, (y + 0.5) / size).entries())
        raw[y * (size * 3 + 1) + 1 + x * 3 + c] = Math.round(clamp(value) * 255);
  const blocks: number[] = [0x78, 0x01];
  for (let at = 0; at < raw.length; at += 65535) {
    const n = Math.min(65535, raw.length - at);
    blocks.push(at + n === raw.length ? 1 : 0, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255);
    for (let k = 0; k < n; k++) blocks.push(raw[at + k]!);
  }
  let a = 1;
  let b = 0;
  for (const byte of raw) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  blocks.push(b >> 8, b & 255, a >> 8, a & 255);
  const word = (n: number) => [n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255];
  const chunk = (type: string, data: number[]) => {
    const body = Uint8Array.from([...type].map((c) => c.charCodeAt(0)).concat(data));
    return [...word(data.length), ...body, ...word(crc(body))];
  };
  const header = [...word(size), ...word(size), 8, 2, 0, 0, 0];
  return Uint8Array.from(
    [137, 80, 78, 71, 13, 10, 26, 10].concat(chunk('IHDR', header), chunk('IDAT', blocks), chunk('IEND', [])),
  );
};

/** Linear colour to sRGB. */
export const encode = (c: Vec): Vec =>
  c.map((x) => (x <= 0.0031308 ? x * 12.92 : 1.055 * x ** (1 / 2.4) - 0.055)) as Vec;

/** Eyeball seen from the front (upper left 74 %), a white corner for highlights. Colours are sRGB. */
export const eyePixel = (iris: Vec, dark: Vec, share: number, seed: number) => {
  const random = randomFrom(seed);
  const fibres = Array.from({ length: 96 }, () => random());
  return (x: number, y: number): Vec => {
    if (x > 0.78 && y > 0.78) return [1, 1, 1];
    const dx = (x / 0.74 - 0.5) * 2;
    const dy = (y / 0.74 - 0.5) * 2;
    const r = Math.hypot(dx, dy) / share;
    const white = mixVec([0.95, 0.93, 0.9], [0.86, 0.72, 0.68], smooth(1.3, 2.2, r));
    const lidded = mixVec(white, [0.5, 0.42, 0.42], smooth(-0.28, -0.62, dy) * 0.6);
    const turn = ((Math.atan2(dy, dx) / Math.PI + 1) / 2) * fibres.length;
    const k = Math.floor(turn) % fibres.length;
    const f = mix(fibres[k]!, fibres[(k + 1) % fibres.length]!, turn - Math.floor(turn));
    const glow = smooth(-0.5, 0.9, dy / share);
    const lit = iris.map((v) => v * (0.8 + 0.35 * f * smooth(0.25, 0.7, r) + 0.4 * glow)) as Vec;
    const body = mixVec(
      lit,
      dark,
      Math.max(smooth(0.72, 0.98, r), smooth(0.62, 0.42, r) * 0.55, smooth(0.1, -0.9, dy / share) * 0.6),
    );
    const pupil = mixVec([0.02, 0.015, 0.02], body, smooth(0.4, 0.46, r));
    return mixVec(pupil, lidded, smooth(0.97, 1.05, r));
  };
};

/** A texture coordinate without any pattern. */
export const BLANK: [number, number] = [0.01, 0.01];

/** Texture coordinate of a point of the face (face units). */
export const skinPlace = (q: Vec): [number, number] => {
  // Behind the ears the pattern is left sideways, then upwards to the blank rows of the forehead, then back to the middle.
  const [x, y, z] = q;
  const beside = Math.sign(x) * 9.6;
  const across = mix(mix(x, beside, smooth(0.5, -1.5, z)), x, smooth(-4, -6, z));
  const up = mix(y, 11, smooth(-1.5, -4, z));
  return [clamp(0.5 + across / 20, 0.03, 0.97), clamp((12 - up) / 26, 0.03, 0.97)];
};

/** Fine pattern of the skin, multiplied with the painted colour: mottling, freckles or stubble, lines of the lips (sRGB). */
export const skinPixel = (person: Person) => {
  const random = randomFrom(person.seed + 9);
  const grain = Array.from({ length: 64 * 64 }, () => random());
  const noise = (x: number, y: number) => {
    const at = (i: number, j: number) => grain[(((j % 64) + 64) % 64) * 64 + (((i % 64) + 64) % 64)]!;
    const [i, j] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [smooth(0, 1, x - i), smooth(0, 1, y - j)];
    return mix(mix(at(i, j), at(i + 1, j), u), mix(at(i, j + 1), at(i + 1, j + 1), u), v);
  };
  const freckles = Array.from({ length: person.freckles }, () => {
    const x = (random() + random() + random() - 1.5) * 7;
    return {
      x,
      y: -2.9 + (random() - 0.5) * 3 - 0.05 * x * x,
      r: 0.06 + 0.075 * random(),
      dark: 0.3 + 0.7 * random(),
    };
  });
  const m = person.face.mouth;
  return (u: number, v: number): Vec => {
    if (u < 0.025 || v < 0.025) return [1, 1, 1];
    const x = (u - 0.5) * 20;
    const y = 12 - v * 26;
    const mottle = 0.6 * noise(x * 1.3, y * 1.3) + 0.4 * noise(x * 3.1 + 9, y * 3.1);
    let out: Vec = [0.985 - 0.03 * mottle, 0.99 - 0.055 * mottle, 0.99 - 0.06 * mottle];
    let spot = 0;
    for (const f of freckles)
      spot = Math.max(spot, f.dark * smooth(f.r * 1.5, f.r * 0.4, Math.hypot(x - f.x, y - f.y)));
    out = mixVec(out, [0.82, 0.66, 0.55], 0.5 * spot);
    if (person.beard > 0) {
      const ax = Math.abs(x);
      const region = Math.max(
        smooth(-5.4, -7.6, y - 0.36 * Math.max(0, ax - 3)),
        smooth(0.9, 0.3, Math.abs(y + 5.7)) * smooth(3.4, 2.2, ax),
      );
      const face = smooth(7.8, 6.8, ax) * smooth(-12.4, -11.2, y);
      const mouth = smooth(0.95, 1.25, Math.hypot(x / (m.width + 0.25), (y - m.y + 0.1) / (m.lower + 0.35)));
      const hair = smooth(0.4, 0.85, noise(x * 13, y * 13)) * 0.5 + 0.18;
      out = mixVec(out, [0.36, 0.29, 0.26], person.beard * region * face * mouth * hair);
    }
    const lips = smooth(0.75, 0.35, Math.hypot(x / m.width, (y - m.y) / 1.5));
    return out.map((c) => c * (1 - 0.09 * lips * noise(x * 5, y * 0.6))) as Vec;
  };
};

/** Normal map of a knit (rows of V stitches) or a twill, tiling `repeat` times; from the slope of a height pattern. */
export const clothPixel = (kind: 'knit' | 'twill', repeat: number, strength: number) => {
  const height = (x: number, y: number) => {
    const [u, v] = [(x * repeat) % 1, y * repeat];
    if (kind === 'twill') return 0.5 + 0.5 * Math.sin(2 * Math.PI * (x * repeat + y * repeat));
    const leg = Math.abs(u - 0.5) * 2;
    const across = Math.sin(Math.PI * leg) ** 0.7;
    return across * (0.55 + 0.45 * Math.cos(2 * Math.PI * (v - 0.45 * leg)));
  };
  return (x: number, y: number): Vec => {
    const e = 1 / 256;
    const wrap = (t: number) => (t + 1) % 1;
    const dx = (height(wrap(x + e), y) - height(wrap(x - e), y)) * strength;
    const dy = (height(x, wrap(y + e)) - height(x, wrap(y - e))) * strength;
    const n = Math.hypot(dx, dy, 1);
    return [0.5 - dx / n / 2, 0.5 + dy / n / 2, 0.5 + 1 / n / 2];
  };
};
