import type { Vec } from './math.ts';
import { type Mesh, tangentsOf, triangles } from './mesh.ts';
import type { Bone } from './skeleton.ts';

/** A JSON value of a glTF file. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One morph target: position and normal moves of the vertices that it touches. */
export type Morph = { name: string; vertices: number[]; moves: Vec[]; turns: Vec[] };

/** One drawable: its mesh, normals and material; with morphs it may only share a mesh with others that have the same. */
export type Part = {
  name: string;
  mesh: Mesh;
  normals: Vec[];
  material: number;
  morphs?: Morph[];
  hasTangents?: boolean;
};

const FLOAT = 5126;
const USHORT = 5123;
const UBYTE = 5121;
const ARRAY = 34962;
const ELEMENTS = 34963;

/** Collects buffer views and accessors of one GLB. */
export class GltfWriter {
  readonly json: { [key: string]: Json } = {};
  readonly views: Json[] = [];
  readonly accessors: Json[] = [];
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** Appends bytes (padded to four) and returns the index of their buffer view. */
  view(data: ArrayBufferView, target?: number): number {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    this.#chunks.push(padded);
    this.views.push({
      buffer: 0,
      byteOffset: this.#length,
      byteLength: bytes.length,
      ...(target ? { target } : {}),
    });
    this.#length += padded.length;
    return this.views.length - 1;
  }

  #accessor(fields: { [key: string]: Json }) {
    this.accessors.push(fields);
    return this.accessors.length - 1;
  }

  /** Vectors of floats as a vertex attribute. */
  floats(rows: readonly (readonly number[])[], type: string, bounds = false): number {
    const width = rows[0]!.length;
    const data = new Float32Array(rows.flat());
    return this.#accessor({
      bufferView: this.view(data, type === 'MAT4' ? undefined : ARRAY),
      componentType: FLOAT,
      count: rows.length,
      type,
      ...(bounds ? boundsOf(data, width) : {}),
    });
  }

  /** Whole numbers of 16 or 8 bits as a vertex attribute; `normalized` maps the full range to 0…1. */
  integers(rows: readonly (readonly number[])[], type: string, bits: 8 | 16, normalized = false): number {
    const data = bits === 8 ? new Uint8Array(rows.flat()) : new Uint16Array(rows.flat());
    return this.#accessor({
      bufferView: this.view(data, ARRAY),
      componentType: bits === 8 ? UBYTE : USHORT,
      count: rows.length,
      type,
      ...(normalized ? { normalized } : {}),
    });
  }

  /** Triangle indices. */
  indices(values: readonly number[]): number {
    return this.#accessor({
      bufferView: this.view(new Uint16Array(values), ELEMENTS),
      componentType: USHORT,
      count: values.length,
      type: 'SCALAR',
    });
  }

  /** A sparse vector attribute of `count` rows, zero but at `at`. */
  sparse(count: number, at: readonly number[], rows: readonly Vec[], bounds: boolean): number {
    // The format wants at least one entry.
    if (at.length === 0) return this.sparse(count, [0], [[0, 0, 0]], bounds);
    const data = new Float32Array(rows.flat());
    const withZero = new Float32Array(rows.length < count ? [...data, 0, 0, 0] : data);
    return this.#accessor({
      componentType: FLOAT,
      count,
      type: 'VEC3',
      ...(bounds ? boundsOf(withZero, 3) : {}),
      sparse: {
        count: rows.length,
        indices: { bufferView: this.view(new Uint16Array(at)), componentType: USHORT },
        values: { bufferView: this.view(data) },
      },
    });
  }

  /** The finished file. */
  glb(): Uint8Array {
    const json = {
      ...this.json,
      bufferViews: this.views,
      accessors: this.accessors,
      buffers: [{ byteLength: this.#length }],
    };
    const text = new TextEncoder().encode(JSON.stringify(json));
    const head = Math.ceil(text.length / 4) * 4;
    const out = new Uint8Array(12 + 8 + head + 8 + this.#length);
    const words = new DataView(out.buffer);
    words.setUint32(0, 0x46546c67, true);
    words.setUint32(4, 2, true);
    words.setUint32(8, out.length, true);
    words.setUint32(12, head, true);
    words.setUint32(16, 0x4e4f534a, true);
    out.fill(0x20, 20, 20 + head);
    out.set(text, 20);
    words.setUint32(20 + head, this.#length, true);
    words.setUint32(24 + head, 0x004e4942, true);
    let at = 28 + head;
    for (const chunk of this.#chunks) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }
}

const boundsOf = (data: Float32Array, width: number) => {
  const min = new Array<number>(width).fill(Number.POSITIVE_INFINITY);
  const max = new Array<number>(width).fill(Number.NEGATIVE_INFINITY);
  for (let k = 0; k < data.length; k++) {
    min[k % width] = Math.min(min[k % width]!, data[k]!);
    max[k % width] = Math.max(max[k % width]!, data[k]!);
  }
  return { min, max };
};

const round = (x: number) => Math.round(x * 1e6) / 1e6 + 0;
const rounded = (v: readonly number[]) => v.map(round);

/** Writes one primitive with its skin and morphs and returns its glTF description. */
export const writePrimitive = (out: GltfWriter, part: Part, boneIndex: ReadonlyMap<string, number>): Json => {
  const { vertices } = part.mesh;
  const skins = vertices.map((v) => {
    const merged = new Map<number, number>();
    for (const [bone, w] of v.skin) {
      const k = boneIndex.get(bone);
      if (k === undefined) throw new Error(`${part.name}: no bone ${bone}`);
      if (w > 0) merged.set(k, (merged.get(k) ?? 0) + w);
    }
    const top = [...merged].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 4);
    const sum = top.reduce((a, [, w]) => a + w, 0);
    if (sum <= 0) throw new Error(`${part.name}: a vertex without weights`);
    const shares = top.map(([, w]) => Math.round((w / sum) * 255));
    shares[0]! += 255 - shares.reduce((a, b) => a + b, 0);
    const live = top.map(([k], i) => (shares[i]! > 0 ? k : 0));
    return { bones: [...live, 0, 0, 0, 0].slice(0, 4), weights: [...shares, 0, 0, 0, 0].slice(0, 4) };
  });
  const unit = (x: number) => Math.round(Math.min(1, Math.max(0, x)) * 65535);
  const json: { [key: string]: Json } = {
    attributes: {
      POSITION: out.floats(
        vertices.map((v) => rounded(v.p)),
        'VEC3',
        true,
      ),
      NORMAL: out.floats(part.normals.map(rounded), 'VEC3'),
      TEXCOORD_0: out.floats(
        vertices.map((v) => rounded(v.uv)),
        'VEC2',
      ),
      COLOR_0: out.integers(
        vertices.map((v) => [...v.colour.map(unit), 65535]),
        'VEC4',
        16,
        true,
      ),
      JOINTS_0: out.integers(
        skins.map((s) => s.bones),
        'VEC4',
        8,
      ),
      WEIGHTS_0: out.integers(
        skins.map((s) => s.weights),
        'VEC4',
        8,
        true,
      ),
    },
    indices: out.indices(triangles(part.mesh)),
    material: part.material,
  };
  if (part.hasTangents)
    (json.attributes as { [key: string]: Json }).TANGENT = out.floats(
      tangentsOf(part.mesh, part.normals).map(rounded),
      'VEC4',
    );
  if (part.morphs)
    json.targets = part.morphs.map((m) => ({
      POSITION: out.sparse(
        vertices.length,
        m.vertices,
        m.moves.map((v) => rounded(v) as Vec),
        true,
      ),
      NORMAL: out.sparse(
        vertices.length,
        m.vertices,
        m.turns.map((v) => rounded(v) as Vec),
        false,
      ),
    }));
  return json;
};

/** Nodes of the skeleton with a root, and the skin that binds to it; node 0 is the root, bone k is node k + 1. */
export const writeSkeleton = (out: GltfWriter, bones: readonly Bone[]) => {
  const index = new Map(bones.map((b, k) => [b.name, k]));
  const nodes = bones.map((b) => {
    const from = b.parent === null ? [0, 0, 0] : bones[index.get(b.parent)!]!.p;
    const children = bones.flatMap((c, k) => (c.parent === b.name ? [k + 1] : []));
    return {
      name: b.name,
      translation: rounded([0, 1, 2].map((c) => b.p[c]! - from[c]!)),
      ...(children.length > 0 ? { children } : {}),
    };
  });
  const roots = bones.flatMap((b, k) => (b.parent === null ? [k + 1] : []));
  const inverse = bones.map((b) => [
    1,
    0,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    1,
    0,
    ...rounded([-b.p[0], -b.p[1], -b.p[2]]),
    1,
  ]);
  const skin = {
    inverseBindMatrices: out.floats(inverse, 'MAT4'),
    skeleton: roots[0]!,
    joints: bones.map((_, k) => k + 1),
  };
  return { nodes: [{ name: 'Root', children: roots } as { [key: string]: Json }, ...nodes], skin, index };
};
