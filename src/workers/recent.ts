/** Recent values, for percentiles; allocates only when asked. */
export class Recent {
  readonly #values: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  add(value: number) {
    this.#values[this.#count++ % this.#values.length] = value;
  }

  /** The value below which `share` of the recent ones lie; NaN before the first. */
  percentile(share: number): number {
    const kept = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
    return kept[Math.floor(share * (kept.length - 1))] ?? Number.NaN;
  }

  clear() {
    this.#count = 0;
  }
}
