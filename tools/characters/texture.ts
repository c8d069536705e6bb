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
