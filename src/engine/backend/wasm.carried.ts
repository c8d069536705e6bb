import { KeyValueRing, type RingSize } from './ring.ts';
import { dataOf, type Feeds, floats } from './wasm.session.ts';

type Tail = { readonly name: string; readonly values: Float32Array; readonly start: Float32Array };
type Rings = { readonly paths: readonly string[]; readonly ring: KeyValueRing };

/** What a graph's stream carries from block to block: key/value rings and convolution tails, fed as the graph names them. */
export class Carried {
  /** `<path>.ring`, `<name>` of every tail, and the biases; read at each run. */
  readonly feeds: Feeds = {};
  /** The same arrays without the biases, by the names of a saved state. */
  readonly state: Record<string, Float32Array> = {};
  /** The graph's outputs that `take` wants. */
  readonly outputs: string[] = [];
  readonly #network: string;
  readonly #tails: Tail[] = [];
  readonly #rings: Rings[] = [];

  /** `network` begins the names of a saved state. */
  constructor(network: string) {
    this.#network = network;
  }

  /** Blocks so far. */
  get blocks() {
    return this.#rings[0].ring.blocks;
  }

  /** Adds the rings of the attention layers at `paths`; `bias` is the name of the graph's input for their distances. */
  addRings(paths: readonly string[], size: Omit<RingSize, 'layers'>, bias = 'bias'): this {
    const ring = new KeyValueRing({ ...size, layers: paths.length });
    for (const [i, path] of paths.entries()) {
      this.feeds[`${path}.ring`] = floats(ring.layers[i], size.rows, size.window, size.width);
      this.state[`${this.#network}.${path}.ring`] = ring.layers[i];
      this.outputs.push(`${path}.kv`);
    }
    const moments = ring.bias.length / (size.heads * size.window);
    this.feeds[bias] =
      moments === 1
        ? floats(ring.bias, size.heads, size.window)
        : floats(ring.bias, size.heads, moments, size.window);
    this.#rings.push({ paths, ring });
    return this;
  }

  /** Adds a convolution tail of that shape; it starts as `start` repeated (default zeros). */
  addTail(name: string, shape: readonly number[], start: ArrayLike<number> = [0]): this {
    const count = shape.reduce((a, b) => a * b, 1);
    const begin = Float32Array.from({ length: count }, (_, i) => start[i % start.length]);
    const values = begin.slice();
    this.feeds[name] = floats(values, ...shape);
    this.state[`${this.#network}.${name}`] = values;
    this.outputs.push(`${name}_out`);
    this.#tails.push({ name, values, start: begin });
    return this;
  }

  /** Takes the new tails and the block's keys and values from a run's results. */
  take(out: Feeds) {
    for (const { name, values } of this.#tails) values.set(dataOf(out[`${name}_out`]));
    for (const { paths, ring } of this.#rings) ring.append(paths.map((path) => dataOf(out[`${path}.kv`])));
  }

  /** Takes `state` as it stands for that after `blocks` blocks. */
  resume(blocks: number) {
    for (const { ring } of this.#rings) ring.resume(blocks);
  }

  /** Forgets everything. */
  reset() {
    for (const { values, start } of this.#tails) values.set(start);
    for (const { ring } of this.#rings) ring.reset();
  }
}
