import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { ARKIT_51, FACE_CHANNELS, FRAME_RATE_HZ } from '../src/engine/motion.ts';

/** A phone with its place in time. */
export type Segment = { readonly phone: string; readonly startS: number; readonly durationS: number };

/** Upper and lower inner-lip points of the 68 Multi-PIE landmarks, left to right. */
const INNER_LIP_PAIRS = [
  [61, 67],
  [62, 66],
  [63, 65],
];

const BILABIALS = ['P', 'B', 'M'];
const OPEN_VOWELS = ['AA', 'AE', 'AO', 'AH', 'AW', 'AY'];

/** Lips are closed at a gap of at most this share of the run's 95th percentile. */
const CLOSED_SHARE = 0.1;

type NpyArray = { readonly shape: readonly number[]; readonly at: (index: number) => number | string };

/** The arrays of a numpy archive by name. */
export function readNpz(path: string): Record<string, NpyArray> {
  const file = readFileSync(path);
  const end = file.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const arrays: Record<string, NpyArray> = {};
  for (let i = 0, at = file.readUInt32LE(end + 16); i < file.readUInt16LE(end + 10); i++) {
    const [method, size] = [file.readUInt16LE(at + 10), file.readUInt32LE(at + 20)];
    const nameLength = file.readUInt16LE(at + 28);
    const name = file.toString('utf8', at + 46, at + 46 + nameLength);
    const local = file.readUInt32LE(at + 42);
    const data = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const packed = file.subarray(data, data + size);
    arrays[name.replace('.npy', '')] = readNpy(method === 8 ? inflateRawSync(packed) : packed);
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return arrays;
}

function readNpy(file: Buffer): NpyArray {
  const long = file[6] > 1; // version 2 has a longer length field
  const begin = long ? 12 : 10;
  const data = begin + (long ? file.readUInt32LE(8) : file.readUInt16LE(8));
  const header = file.toString('latin1', begin, data);
  const type = /'descr': '[<|]([fiU]\d+)'/.exec(header)?.[1] ?? '';
  const shape = [.../'shape': \(([^)]*)\)/.exec(header)![1].matchAll(/\d+/g)].map(Number);
  if (type.startsWith('U')) {
    const width = Number(type.slice(1)) * 4;
    const word = (i: number) => file.subarray(data + i * width, data + (i + 1) * width);
    return {
      shape,
      at: (i) =>
        [...word(i)]
          .filter(Boolean)
          .map((code) => String.fromCharCode(code))
          .join(''),
    };
  }
  const read: Record<string, (i: number) => number> = {
    f4: (i) => file.readFloatLE(data + 4 * i),
    f2: (i) => half(file.readUInt16LE(data + 2 * i)),
    i4: (i) => file.readInt32LE(data + 4 * i),
    i8: (i) => Number(file.readBigInt64LE(data + 8 * i)),
  };
  return { shape, at: read[type] };
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const size = exponent === 0 ? (bits & 1023) * 2 ** -24 : (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

/** The model's shapes that one ARKit channel drives. */
export function ownNames(channel: string, shapes: readonly string[]): string[] {
  const sided = channel.replace(/Left$/, '_L').replace(/Right$/, '_R');
  const names = new Set([channel, sided, `${channel}_L`, `${channel}_R`]); // the last two: one weight, both sides
  const wanted = [...names].filter((name) => shapes.includes(name));
  if (wanted.length === 0) throw new Error(`the ICT face has no shape for ${channel}`);
  return wanted;
}

/** Opening of the inner lips on the ICT face, in its centimetres, for ARKit frames [n, 51] with all shapes at work. */
export class LipGap {
  readonly #neutral: number;
  readonly #direction: Float64Array;

  /** Reads `ict_arkit.npz`. */
  constructor(path: string) {
    const { neutral, delta, names, landmarks68 } = readNpz(path);
    const vertices = neutral.shape[0];
    const shapes = Array.from({ length: names.shape[0] }, (_, i) => names.at(i) as string);
    const gapOf = (height: (vertex: number) => number) =>
      INNER_LIP_PAIRS.reduce((sum, [upper, lower]) => {
        const [u, l] = [landmarks68.at(upper) as number, landmarks68.at(lower) as number];
        return sum + (height(u) - height(l)) / INNER_LIP_PAIRS.length;
      }, 0);
    this.#neutral = gapOf((vertex) => neutral.at(vertex * 3 + 1) as number);
    this.#direction = Float64Array.from(ARKIT_51, (channel) => {
      const wanted = ownNames(channel, shapes);
      const moves = wanted.map((name) => shapes.indexOf(name) * vertices);
      return moves.reduce(
        (sum, from) => sum + gapOf((vertex) => delta.at((from + vertex) * 3 + 1) as number),
        0,
      );
    });
  }

  /** Gap of every frame, at least 0. */
  of(face: Float32Array): Float64Array {
    return Float64Array.from({ length: face.length / FACE_CHANNELS }, (_, k) => {
      let gap = this.#neutral;
      for (let c = 0; c < FACE_CHANNELS; c++) gap += face[k * FACE_CHANNELS + c] * this.#direction[c];
      return Math.max(0, gap);
    });
  }
}

/** Counts of one run: P, B, M and how many closed; open vowels and how many closed though they should not. */
export function lipClosures(gap: Float64Array, segments: readonly Segment[]) {
  const limit = CLOSED_SHARE * percentile(gap, 0.95);
  const counts = { bilabials: 0, closed: 0, vowels: 0, falselyClosed: 0 };
  for (const { phone, startS, durationS } of segments) {
    const first = Math.max(0, Math.ceil(startS * FRAME_RATE_HZ - 1e-6) - 1);
    const last = Math.floor((startS + durationS) * FRAME_RATE_HZ + 1e-6) + 1;
    const around = gap.subarray(first, last + 1);
    if (around.length === 0) continue;
    const closes = Math.min(...around) <= limit;
    if (BILABIALS.includes(phone)) {
      counts.bilabials++;
      counts.closed += Number(closes);
    }
    if (OPEN_VOWELS.includes(phone)) {
      counts.vowels++;
      counts.falselyClosed += Number(closes);
    }
  }
  return counts;
}

function percentile(values: Float64Array, q: number): number {
  const sorted = values.toSorted();
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}
