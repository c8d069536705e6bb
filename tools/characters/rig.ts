import { Matrix4, type Quaternion, Vector3 } from 'three';
import type { GltfJson } from '../../test/glb.ts';

/** A bone in the file: its place in the T-pose, its parent among the bones (−1: none), the human bone that carries it. */
export type RigBone = {
  readonly node: number;
  readonly parent: number;
  readonly place: Vector3;
  readonly human: string;
};

/** What becomes of flesh that hangs on one bone: of a point, of a way, of a normal. Each may change its argument. */
export type Warp = {
  readonly move: (point: Vector3) => Vector3;
  readonly turn: (way: Vector3) => Vector3;
  readonly bent: (normal: Vector3) => Vector3;
};

const FLOAT = 5126;
const WIDTH: Readonly<Record<string, number>> = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT4: 16 };
const ARRAYS: Readonly<Record<number, [new (b: ArrayBuffer, at: number, n: number) => Numbers, number]>> = {
  5121: [Uint8Array, 1],
  5123: [Uint16Array, 2],
  5125: [Uint32Array, 4],
  5126: [Float32Array, 4],
};

type Numbers =
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>;

/** The skeleton and the skin in the bytes of a character of ours, whose bones are unturned in the T-pose; edits them in place. */
export class Rig {
  readonly bones: readonly RigBone[];
  readonly #json: GltfJson;
  readonly #binary: Uint8Array<ArrayBuffer>;

  constructor(json: GltfJson, binary: Uint8Array<ArrayBuffer>) {
    this.#json = json;
    this.#binary = binary;
    const humans = new Map<number, string>(
      Object.entries<GltfJson>(json.extensions.VRMC_vrm.humanoid.humanBones).map(([name, { node }]) => [
        node,
        name,
      ]),
    );
    const bones: RigBone[] = [];
    const visit = (node: number, parent: number, from: Vector3, human: string) => {
      const { translation = [0, 0, 0], rotation, scale, children = [], mesh } = json.nodes[node];
      if (rotation || scale) throw new Error(`node ${node} is turned or scaled, expected neither`);
      const place = new Vector3().fromArray(translation).add(from);
      const own = humans.get(node) ?? human;
      let next = parent;
      // What hangs over the hips is no bone: it stays where it is.
      if (own !== '' && mesh === undefined) next = bones.push({ node, parent, place, human: own }) - 1;
      for (const child of children) visit(child, next, place, own);
    };
    for (const root of json.scenes[json.scene ?? 0].nodes) visit(root, -1, new Vector3(), '');
    this.bones = bones;
  }

  /** The place among the bones of the one that is this human bone. */
  indexOf(human: string): number {
    return this.bones.findIndex((bone) => bone.human === human);
  }

  /** Moves every vertex, normal and shape as the bones that carry it say. */
  warp(warps: readonly Warp[]): void {
    const done = new Set<number>();
    for (const { primitives, node } of this.#skinned())
      for (const { attributes, targets = [] } of primitives) {
        const carriers = this.#carriers(attributes, node);
        const each = (accessor: number | undefined, how: keyof Warp, unit: boolean) => {
          if (accessor === undefined || done.has(accessor)) return;
          done.add(accessor);
          this.#edit(accessor, (v, i) => {
            const sum = new Vector3();
            const part = new Vector3();
            for (const [bone, weight] of carriers[i]!)
              sum.addScaledVector(bone < 0 ? part.copy(v) : warps[bone]![how](part.copy(v)), weight);
            v.copy(unit ? sum.normalize() : sum);
          });
        };
        each(attributes.POSITION, 'move', false);
        each(attributes.NORMAL, 'bent', true);
        each(attributes.TANGENT, 'turn', true);
        for (const target of targets) {
          each(target.POSITION, 'turn', false);
          each(target.NORMAL, 'turn', false);
        }
      }
  }

  /** Puts the bones at these places, turned in the world so; the skin is bound to them there. */
  stand(places: readonly Vector3[], turns?: readonly Quaternion[]): void {
    const world = new Map<number, Matrix4>();
    const one = new Vector3(1, 1, 1);
    for (const [k, { node, parent }] of this.bones.entries()) {
      const matrix = new Matrix4().setPosition(places[k]!);
      if (turns) matrix.compose(places[k]!, turns[k]!, one);
      world.set(node, matrix);
      const above = parent < 0 ? this.#above(node) : world.get(this.bones[parent]!.node)!;
      const local = above.clone().invert().multiply(matrix);
      const place = new Vector3().setFromMatrixPosition(local);
      const json = this.#json.nodes[node];
      json.translation = place.toArray();
      if (turns) {
        const turn = parent < 0 ? turns[k]! : turns[parent]!.clone().invert().multiply(turns[k]!);
        if (Math.abs(turn.w) < 1 - 1e-9) json.rotation = turn.toArray();
      }
    }
    for (const { joints, inverseBindMatrices } of this.#json.skins) {
      const rows = this.#numbers(this.#json.accessors[inverseBindMatrices]);
      for (const [j, node] of joints.entries()) {
        const matrix = world.get(node);
        if (matrix)
          matrix
            .clone()
            .invert()
            .toArray(rows.data, rows.at + j * rows.step);
      }
    }
  }

  /** Turns the whole file by half a turn about the vertical, as VRM 0.x has it. */
  turnRound(): void {
    const done = new Set<number>();
    const turn = (accessor: number | undefined) => {
      if (accessor === undefined || done.has(accessor)) return;
      done.add(accessor);
      this.#edit(accessor, (v) => v.set(-v.x, v.y, -v.z));
    };
    for (const { primitives } of this.#json.meshes)
      for (const { attributes, targets = [] } of primitives)
        for (const part of [attributes, ...targets])
          for (const name of ['POSITION', 'NORMAL', 'TANGENT']) turn(part[name]);
    for (const node of this.#json.nodes) {
      const { translation, rotation } = node;
      if (translation) node.translation = [-translation[0], translation[1], -translation[2]];
      if (rotation) node.rotation = [-rotation[0], rotation[1], -rotation[2], rotation[3]];
    }
    const round = new Matrix4().makeRotationY(Math.PI);
    const matrix = new Matrix4();
    for (const { inverseBindMatrices } of this.#json.skins) {
      const rows = this.#numbers(this.#json.accessors[inverseBindMatrices]);
      for (let j = 0; j < rows.count; j++) {
        matrix.fromArray(rows.data, rows.at + j * rows.step);
        matrix
          .premultiply(round)
          .multiply(round)
          .toArray(rows.data, rows.at + j * rows.step);
      }
    }
  }

  /** Where the parent of a bone that hangs on no bone stands. */
  #above(node: number): Matrix4 {
    const parent = this.#json.nodes.findIndex(({ children = [] }: GltfJson) => children.includes(node));
    if (parent < 0) return new Matrix4();
    const place = new Vector3().fromArray(this.#json.nodes[parent].translation ?? [0, 0, 0]);
    return this.#above(parent).clone().multiply(new Matrix4().setPosition(place));
  }

  *#skinned(): Generator<{ primitives: GltfJson[]; node: GltfJson }> {
    for (const node of this.#json.nodes)
      if (node.mesh !== undefined && node.skin !== undefined)
        yield { primitives: this.#json.meshes[node.mesh].primitives, node };
  }

  /** By vertex: the bones that carry it and their shares. */
  #carriers(attributes: GltfJson, node: GltfJson): [bone: number, weight: number][][] {
    const { joints } = this.#json.skins[node.skin];
    const byNode = new Map(this.bones.map((bone, k) => [bone.node, k]));
    const bones = this.#numbers(this.#json.accessors[attributes.JOINTS_0]);
    const weights = this.#numbers(this.#json.accessors[attributes.WEIGHTS_0]);
    return Array.from({ length: bones.count }, (_, i) => {
      const row = [0, 1, 2, 3].map((c): [number, number] => [
        byNode.get(joints[bones.data[bones.at + i * bones.step + c]!]) ?? -1,
        weights.data[weights.at + i * weights.step + c]!,
      ]);
      const sum = row.reduce((all, [, weight]) => all + weight, 0);
      return row.filter(([, weight]) => weight > 0).map(([bone, weight]) => [bone, weight / sum]);
    });
  }

  #numbers(accessor: GltfJson, view = accessor) {
    const [List, size] = ARRAYS[accessor.componentType]!;
    const width = WIDTH[accessor.type]!;
    const { byteOffset = 0, byteLength, byteStride } = this.#json.bufferViews[view.bufferView];
    const data = new List(
      this.#binary.buffer,
      this.#binary.byteOffset + byteOffset,
      Math.floor(byteLength / size),
    );
    return {
      data,
      at: (view.byteOffset ?? 0) / size,
      step: (byteStride ?? width * size) / size,
      count: accessor.count as number,
    };
  }

  /** Changes each vector of an accessor that is written out, by the number of its vertex. */
  #edit(index: number, change: (v: Vector3, vertex: number) => void) {
    const accessor = this.#json.accessors[index];
    if (accessor.componentType !== FLOAT) throw new Error(`accessor ${index} is not of floats`);
    const { sparse } = accessor;
    if (sparse && accessor.bufferView !== undefined) throw new Error(`accessor ${index} is sparse on a base`);
    const places = sparse && this.#numbers({ ...sparse.indices, type: 'SCALAR', count: sparse.count });
    const rows = sparse
      ? this.#numbers({ ...accessor, count: sparse.count }, sparse.values)
      : this.#numbers(accessor);
    const v = new Vector3();
    const min = new Vector3().setScalar(
      sparse && sparse.count < accessor.count ? 0 : Number.POSITIVE_INFINITY,
    );
    const max = min.clone().negate();
    for (let i = 0; i < rows.count; i++) {
      const at = rows.at + i * rows.step;
      change(v.fromArray(rows.data, at), places ? places.data[places.at + i * places.step]! : i);
      v.toArray(rows.data, at);
      v.fromArray(rows.data, at);
      min.min(v);
      max.max(v);
    }
    if (accessor.min) Object.assign(accessor, { min: min.toArray(), max: max.toArray() });
  }
}
