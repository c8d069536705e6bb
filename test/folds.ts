import type { BufferAttribute, Mesh } from 'three';
import { randomFrom } from '../tools/characters/math.ts';
import { SHAPE_NAMES, type ShapeName } from '../tools/characters/shapes.ts';

type Weights = Partial<Record<ShapeName, number>>;

/** Channels that one face shows one at a time. */
const EITHER: readonly (readonly string[])[] = [
  ['jawLeft', 'jawRight', 'jawForward'],
  ['mouthLeft', 'mouthRight'],
  ['mouthPucker', 'mouthFunnel', 'mouthStretch', 'mouthSmile', 'mouthFrown', 'mouthDimple'],
  ['mouthPress', 'mouthRoll', 'mouthShrug', 'mouthUpperUp', 'mouthLowerDown'],
  ['eyeLookUp', 'eyeLookDown'],
  ['eyeLookIn', 'eyeLookOut'],
  ['eyeWide', 'eyeSquint', 'eyeBlink'],
  ['browDown', 'browInnerUp', 'browOuterUp'],
  ['cheekPuff', 'cheekSquint'],
];

/** A face such as people make: of channels that exclude each other one family, 0…1 each, mouthClose up to jawOpen. */
export function randomWeights(seed: number): Weights {
  const random = randomFrom(seed);
  const weights: Weights = {};
  for (const family of EITHER) {
    if (random() < 0.35) continue;
    const chosen = family[Math.floor(random() * family.length)]!;
    for (const name of SHAPE_NAMES) if (name.startsWith(chosen)) weights[name] = random();
  }
  // Looking down lowers the lid as a blink does: together they close it once.
  for (const side of ['Left', 'Right'] as const) {
    const { [`eyeBlink${side}` as const]: blink = 0, [`eyeLookDown${side}` as const]: down } = weights;
    if (down !== undefined) weights[`eyeLookDown${side}`] = Math.min(down, 1 - blink);
  }
  if (random() < 0.6) weights.jawOpen = random();
  if (random() < 0.3) weights.mouthClose = random() * (weights.jawOpen ?? 0);
  for (const side of ['Left', 'Right'] as const) if (random() < 0.3) weights[`noseSneer${side}`] = random();
  return weights;
}

type Part = { base: Float32Array; index: ArrayLike<number>; morphs: Float32Array[]; names: string[] };

/** The moved triangles of a face: their folds, and the gap between its lips. */
export class FaceFolds {
  readonly #parts: Part[];
  readonly #flat: { rest: Float32Array; near: number[][]; area: Float32Array }[];
  readonly #lips: { upper: number[]; lower: number[] };

  /** Takes the meshes of the face: its skin first, then the inside of the mouth. */
  constructor(meshes: readonly Mesh[]) {
    this.#parts = meshes.map(({ geometry, morphTargetDictionary }) => ({
      base: Float32Array.from((geometry.getAttribute('position') as BufferAttribute).array),
      index: geometry.index!.array,
      morphs: geometry.morphAttributes.position!.map((m) => Float32Array.from(m.array)),
      names: Object.entries(morphTargetDictionary!)
        .sort((a, b) => a[1] - b[1])
        .map(([name]) => name),
    }));
    this.#flat = this.#parts.map((part) => {
      const rest = this.#normals(part, part.base);
      return { rest: rest.normals, area: rest.areas, near: neighbours(part) };
    });
    // The edge of the lips belongs to both: the lower lip goes down with the jaw.
    const [skin, mouth] = this.#parts as [Part, Part];
    const key = (p: Float32Array, k: number) => [0, 1, 2].map((c) => Math.round(p[3 * k + c]! * 1e6)).join();
    const edge = new Set(Array.from({ length: mouth.base.length / 3 }, (_, k) => key(mouth.base, k)));
    const open = skin.morphs[skin.names.indexOf('jawOpen')]!;
    const shared = Array.from({ length: skin.base.length / 3 }, (_, k) => k).filter((k) =>
      edge.has(key(skin.base, k)),
    );
    const furthest = Math.min(...shared.map((k) => open[3 * k + 1]!));
    this.#lips = {
      upper: shared.filter((k) => open[3 * k + 1]! > 0.2 * furthest),
      lower: shared.filter((k) => open[3 * k + 1]! < 0.7 * furthest),
    };
  }

  #moved(part: Part, weights: Weights): Float32Array {
    const out = Float32Array.from(part.base);
    for (const [name, weight] of Object.entries(weights)) {
      const delta = part.morphs[part.names.indexOf(name)]!;
      for (let k = 0; k < out.length; k++) out[k]! += weight * delta[k]!;
    }
    return out;
  }

  #normals({ index }: Part, at: Float32Array) {
    const count = index.length / 3;
    const normals = new Float32Array(index.length);
    const areas = new Float32Array(count);
    for (let t = 0; t < count; t++) {
      const [a, b, c] = [0, 1, 2].map((k) => 3 * index[3 * t + k]!) as [number, number, number];
      const edge = (from: number, to: number) =>
        [0, 1, 2].map((k) => at[to + k]! - at[from + k]!) as [number, number, number];
      const [u, v] = [edge(a, b), edge(a, c)];
      const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]] as const;
      areas[t] = Math.hypot(...n) / 2;
      for (let k = 0; k < 3; k++) normals[3 * t + k] = n[k]! / (2 * areas[t]! || 1);
    }
    return { normals, areas };
  }

  /**
   * Triangles that turn inside out, as places in millimetres. A triangle has turned when it looks away from the mean of
   * the triangles around it, weighted by area, though it did not at rest, and is not pressed flat (below a tenth of
   * its area at rest, or a square millimetre). A lid that rolls over the eye, or a lip that curls, turns together
   * with its neighbours and passes.
   */
  turned(weights: Weights): string[] {
    const out: string[] = [];
    for (const [i, part] of this.#parts.entries()) {
      const at = this.#moved(part, weights);
      const { normals, areas } = this.#normals(part, at);
      const { near, rest, area } = this.#flat[i]!;
      for (let t = 0; t < areas.length; t++) {
        if (areas[t]! < Math.max(SMALLEST_M2, 0.1 * area[t]!)) continue;
        if (facing(normals, areas, near, t) >= TURNED || facing(rest, area, near, t) < FLAT) continue;
        const a = 3 * part.index[3 * t]!;
        out.push([0, 1, 2].map((c) => Math.round(part.base[a + c]! * 1000)).join(' '));
      }
    }
    return out;
  }

  /** Mean height of the upper lip's edge over the lower one's, up to `reach` from the middle, in metres. */
  lipGap(weights: Weights, reach: number): number {
    const [skin] = this.#parts as [Part];
    const at = this.#moved(skin, weights);
    const mean = (of: readonly number[]) => {
      const ys = of.filter((k) => Math.abs(skin.base[3 * k]!) < reach).map((k) => at[3 * k + 1]!);
      return ys.reduce((a, b) => a + b, 0) / ys.length;
    };
    return mean(this.#lips.upper) - mean(this.#lips.lower);
  }
}

/** Cosine between a triangle and its neighbours below which it has turned, and at rest the least that counts as lying flat. */
const TURNED = -0.2;
/** A square millimetre: nobody sees a smaller triangle. */
const SMALLEST_M2 = 1e-6;
const FLAT = 0.3;

function facing(normals: Float32Array, areas: Float32Array, near: number[][], t: number): number {
  const sum = [0, 0, 0];
  for (const n of near[t]!) for (let c = 0; c < 3; c++) sum[c]! += areas[n]! * normals[3 * n + c]!;
  const size = Math.hypot(...sum);
  if (size === 0) return 1;
  return sum.reduce((dot, s, c) => dot + (s / size) * normals[3 * t + c]!, 0);
}

/** For each triangle those that share a vertex with it. */
function neighbours({ index, base }: Part): number[][] {
  const users: number[][] = Array.from({ length: base.length / 3 }, () => []);
  for (let k = 0; k < index.length; k++) users[index[k]!]!.push(Math.floor(k / 3));
  return Array.from({ length: index.length / 3 }, (_, t) => {
    const all = new Set([0, 1, 2].flatMap((k) => users[index[3 * t + k]!]!));
    all.delete(t);
    return [...all];
  });
}
