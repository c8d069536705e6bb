/** Keys and values of the last `window` frames of each layer, kept by TypeScript for the wasm backend. */
export class KeyValueRing {
  /** One [R, W, 2C] array a layer; frame n stands in slot n mod W. */
  readonly layers: readonly Float32Array[];
  /** [H, W] additive bias: −slope_h · distance for the frames inside, −1e9 for empty slots. */
  readonly bias: Float32Array;
  readonly #heads: number;
  readonly #rows: number;
  readonly #window: number;
  readonly #width: number;
  #frames = 0;

  constructor(size: { layers: number; rows: number; window: number; width: number; heads: number }) {
    const { layers, rows, window, width, heads } = size;
    this.#rows = rows;
    this.#window = window;
    this.#width = width;
    this.#heads = heads;
    this.layers = Array.from({ length: layers }, () => new Float32Array(rows * window * width));
    this.bias = new Float32Array(heads * window).fill(-1e9);
  }

  get frames() {
    return this.#frames;
  }

  /** Writes the next frame's keys and values, one [R, 1, 2C] array a layer, over the oldest frame. */
  append(layers: readonly Float32Array[]) {
    const slot = this.#frames % this.#window;
    layers.forEach((from, layer) => {
      for (let r = 0; r < this.#rows; r++) {
        const row = from.subarray(r * this.#width, (r + 1) * this.#width);
        this.layers[layer].set(row, (r * this.#window + slot) * this.#width);
      }
    });
    this.#frames++;
    const filled = Math.min(this.#frames, this.#window);
    for (let h = 0; h < this.#heads; h++) {
      const slope = 2 ** ((-8 * (h + 1)) / this.#heads); // DiffSpeaker's slopes, with a period of one frame
      for (let distance = 1; distance <= filled; distance++) {
        const slotAt = (this.#frames - distance) % this.#window;
        this.bias[h * this.#window + slotAt] = -slope * distance;
      }
    }
  }

  reset() {
    this.#frames = 0;
    this.bias.fill(-1e9);
    for (const layer of this.layers) layer.fill(0);
  }
}
