const HEADER_BYTES = 16;
const WRITTEN = 0;
const READ = 1;
const DROPPED = 2;

/**
 * One-writer one-reader queue of blocks of f32 over shared memory; wait-free, allocates nothing after construction.
 * The two cursors only grow (u32 block counts, wrapping), so their difference is the fill level.
 */
export class Ring {
  /** Bytes of shared memory for `capacityBlocks` (a power of two) blocks of `blockLength` floats. */
  static bytes(blockLength: number, capacityBlocks: number) {
    return HEADER_BYTES + 4 * blockLength * capacityBlocks;
  }

  readonly #cursors: Int32Array<SharedArrayBuffer>; // [written, read, dropped, 0]
  readonly #slots: readonly Float32Array[];
  readonly #mask: number;

  /** Capacity must be a power of two, so that `cursor & mask` is the slot even after the cursors wrap. */
  constructor(memory: SharedArrayBuffer, blockLength: number) {
    this.#cursors = new Int32Array(memory, 0, HEADER_BYTES / 4);
    const capacity = (memory.byteLength - HEADER_BYTES) / (4 * blockLength);
    this.#slots = Array.from(
      { length: capacity },
      (_, slot) => new Float32Array(memory, HEADER_BYTES + 4 * blockLength * slot, blockLength),
    );
    this.#mask = capacity - 1;
  }

  /** Blocks that wait to be pulled. */
  get fill() {
    return (Atomics.load(this.#cursors, WRITTEN) - Atomics.load(this.#cursors, READ)) >>> 0;
  }

  /** Blocks ever pushed, modulo 2^32. */
  get pushed() {
    return Atomics.load(this.#cursors, WRITTEN) >>> 0;
  }

  /** Blocks ever refused because the reader was late, modulo 2^32. */
  get dropped() {
    return Atomics.load(this.#cursors, DROPPED) >>> 0;
  }

  /** Writer: takes all of `block` or nothing; false means the reader is late. */
  push(block: Float32Array): boolean {
    if (this.fill > this.#mask) {
      Atomics.add(this.#cursors, DROPPED, 1);
      return false;
    }
    this.#slots[Atomics.load(this.#cursors, WRITTEN) & this.#mask].set(block);
    Atomics.add(this.#cursors, WRITTEN, 1);
    this.wake();
    return true;
  }

  /** Reader: fills `block` with the oldest one or leaves it; false means nothing has arrived yet. */
  pull(block: Float32Array): boolean {
    if (this.fill === 0) return false;
    block.set(this.#slots[Atomics.load(this.#cursors, READ) & this.#mask]);
    Atomics.add(this.#cursors, READ, 1);
    return true;
  }

  /** Wakes whoever sleeps in `change`. */
  wake() {
    Atomics.notify(this.#cursors, WRITTEN);
  }

  /** Resolves when something may have been pushed, or after `timeoutMs`; without `Atomics.waitAsync`, every few ms. */
  async change(timeoutMs: number): Promise<void> {
    const written = Atomics.load(this.#cursors, WRITTEN);
    if (this.fill > 0) return;
    if (Atomics.waitAsync) await Atomics.waitAsync(this.#cursors, WRITTEN, written, timeoutMs).value;
    else await new Promise((resolve) => setTimeout(resolve, Math.min(timeoutMs, 4)));
  }
}
