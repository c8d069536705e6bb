/** Sizes of a {@link KeyValueRing}; `window` is a multiple of `tokens`, which is a multiple of `group`. */
export type RingSize = {
  readonly layers: number;
  readonly rows: number;
  /** Tokens that a layer holds. */
  readonly window: number;
  /** Floats of a token: its key and its value, 2C. */
  readonly width: number;
  readonly heads: number;
  /** Tokens of a block; default 1. */
  readonly tokens?: number;
  /** Tokens that stand at the same moment; default 1. */
  readonly group?: number;
};

/** Score of an empty slot: nothing that is added to it reaches a softmax. */
const EMPTY = -1e9;

/** Keys and values of the last `window` tokens of each layer, kept by TypeScript for the wasm backend. */
export class KeyValueRing {
  /** One [R, W, 2C] array a layer; token j stands in slot j mod W. */
  readonly layers: readonly Float32Array[];
  /** [H, W] additive bias of the block under way, [H, T, W] where its tokens stand at several moments: −slope_h · distance, −1e9 for empty slots. */
  readonly bias: Float32Array;
  readonly #size: Required<RingSize>;
  /** Rows of `bias` a head: the moments of a block. */
  readonly #queries: number;
  #blocks = 0;

  constructor(size: RingSize) {
    const { layers, rows, window, width, heads, tokens = 1, group = 1 } = size;
    this.#size = { layers, rows, window, width, heads, tokens, group };
    this.#queries = tokens > group ? tokens : 1;
    this.layers = Array.from({ length: layers }, () => new Float32Array(rows * window * width));
    this.bias = new Float32Array(heads * this.#queries * window).fill(EMPTY);
  }

  /** Blocks so far. */
  get blocks() {
    return this.#blocks;
  }

  /** Writes the next block's keys and values, one [R, T, 2C] array a layer, over the oldest block. */
  append(layers: readonly Float32Array[]) {
    const { rows, window, width, tokens } = this.#size;
    const slot = (this.#blocks * tokens) % window;
    const block = tokens * width;
    for (const [i, ring] of this.layers.entries())
      for (let r = 0; r < rows; r++)
        ring.set(layers[i].subarray(r * block, (r + 1) * block), (r * window + slot) * width);
    this.#blocks++;
    this.#measure();
  }

  /** Takes the layers as they stand for those of a stream of `blocks` blocks. */
  resume(blocks: number) {
    this.#blocks = blocks;
    this.#measure();
  }

  /** Forgets everything. */
  reset() {
    for (const layer of this.layers) layer.fill(0);
    this.resume(0);
  }

  /** Distances from the block that comes next. */
  #measure() {
    const { window, heads, tokens, group } = this.#size;
    const emitted = this.#blocks * tokens;
    const filled = Math.min(emitted, window);
    for (let h = 0; h < heads; h++) {
      const slope = 2 ** ((-8 * (h + 1)) / heads); // DiffSpeaker's slopes, with a period of one moment
      for (let i = 0; i < this.#queries; i++) {
        const row = this.bias.subarray((h * this.#queries + i) * window).subarray(0, window);
        const now = Math.floor((emitted + i) / group);
        if (filled < window) row.fill(EMPTY);
        for (let j = emitted - filled; j < emitted; j++)
          row[j % window] = -slope * (now - Math.floor(j / group));
      }
    }
  }
}
