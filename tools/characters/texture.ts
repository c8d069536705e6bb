import { clamp, mix, mixVec, randomFrom, smooth, type Vec } from './math.ts';

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
  const fibres = Array.from({ length: 72 }, () => random());
  return (x: number, y: number): Vec => {
    if (x > 0.78 && y > 0.78) return [1, 1, 1];
    const dx = (x / 0.74 - 0.5) * 2;
    const dy = (y / 0.74 - 0.5) * 2;
    const r = Math.hypot(dx, dy) / share;
    const white = mixVec([0.93, 0.91, 0.885], [0.8, 0.62, 0.58], smooth(1.25, 1.8, r));
    const lidded = mixVec(white, [0.42, 0.34, 0.37], smooth(-0.12, -0.52, dy) * 0.75);
    const turn = ((Math.atan2(dy, dx) / Math.PI + 1) / 2) * fibres.length;
    const k = Math.floor(turn) % fibres.length;
    const f = mix(fibres[k]!, fibres[(k + 1) % fibres.length]!, turn - Math.floor(turn));
    const glow = smooth(-0.35, 0.85, dy / share) * smooth(1, 0.6, r);
    const lit = iris.map((v) => Math.min(1, v * (0.82 + 0.3 * f * smooth(0.4, 0.8, r) + 0.62 * glow))) as Vec;
    const limbal = smooth(0.74, 0.93, r);
    const shadow = smooth(0.15, -0.75, dy / share) * 0.62;
    const body = mixVec(lit, dark, Math.max(limbal * 0.92, smooth(0.6, 0.42, r) * 0.5, shadow));
    const pupil = mixVec([0.02, 0.015, 0.02], body, smooth(0.4, 0.45, r));
    return mixVec(pupil, lidded, smooth(0.96, 1.06, r));
  };
};

/** Hair: fine lines along it, that run down the texture, or the soft grain of a crop; multiplied with the painted colour (sRGB). */
export const hairPixel = (kind: 'bob' | 'short', seed: number) => {
  const random = randomFrom(seed);
  const count = kind === 'bob' ? 96 : 40;
  const grid = Array.from({ length: count * 8 }, () => random());
  const at = (i: number, j: number) => grid[(j % 8) * count + (i % count)]!;
  const line = (x: number, y: number, rows: number) => {
    const [i, j] = [Math.floor(x), Math.floor(y)];
    const low = mix(at(i, j), at(i + 1, j), x - i);
    const high = mix(at(i, (j + 1) % rows), at(i + 1, (j + 1) % rows), x - i);
    return mix(low, high, smooth(0, 1, y - j));
  };
  // Bright dots of several sizes that tile: tight curls.
  const dots = Array.from({ length: 30 * 30 }, () => [random(), random(), 0.6 + 0.4 * random()] as const);
  const coil = (x: number, y: number) => {
    let near = 1;
    for (let k = 0; k < 9; k++) {
      const [i, j] = [Math.floor(x * 30) + (k % 3) - 1, Math.floor(y * 30) + Math.floor(k / 3) - 1];
      const [a, b, size] = dots[((j + 30) % 30) * 30 + ((i + 30) % 30)]!;
      near = Math.min(near, Math.hypot(i + a - x * 30, j + b - y * 30) / size);
    }
    return 0.56 + 0.44 * smooth(1, 0.1, near);
  };
  return (x: number, y: number): Vec => {
    const fine = kind === 'bob' ? line(x * count, y * 3, 3) : line(x * count, (y * count) % 8, 8);
    const broad = line((x * count) / 4 + 5, y * 2, 2);
    const tone = kind === 'bob' ? 0.76 + 0.15 * fine + 0.09 * broad : coil(x, y);
    return [tone, tone * (0.985 + 0.015 * fine), tone];
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
