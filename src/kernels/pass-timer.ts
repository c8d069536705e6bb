import type { Gpu } from './gpu.ts';

/** Passes over which the median is taken: a second of ticks. */
const KEPT = 30;
/** Two timestamps of eight bytes. */
const BYTES = 16;

/**
 * Measures what a compute pass costs on the GPU, with timestamps. It never waits: a pass that comes while the last
 * measurement is on its way is not measured. Browsers round timestamps, to 0.1 ms in Chromium.
 */
export class PassTimer {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;
  readonly #kept: number[] = [];
  #count = 0;
  #state: 'idle' | 'encoded' | 'coming' = 'idle';

  private constructor(device: GPUDevice) {
    this.#queries = device.createQuerySet({ label: 'pass timer', type: 'timestamp', count: 2 });
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    this.#resolved = device.createBuffer({ label: 'pass timer', size: BYTES, usage });
    this.#staging = device.createBuffer({
      label: 'pass timer',
      size: BYTES,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /** A timer on this device, where its adapter has `timestamp-query`. */
  static of({ device, features }: Pick<Gpu, 'device' | 'features'>): PassTimer | undefined {
    return features.has('timestamp-query') ? new PassTimer(device) : undefined;
  }

  /** Median milliseconds of the last passes; NaN before the first. */
  get medianMs(): number {
    return [...this.#kept].sort((a, b) => a - b)[this.#kept.length >> 1] ?? Number.NaN;
  }

  /** What the measured pass is begun with. */
  get descriptor(): GPUComputePassDescriptor {
    const querySet = this.#queries;
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } };
  }

  /** To be called between the pass's end and the submit. */
  encode(commands: GPUCommandEncoder): void {
    if (this.#state !== 'idle') return;
    commands.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    commands.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, BYTES);
    this.#state = 'encoded';
  }

  /** To be called after the submit. */
  async read(): Promise<void> {
    if (this.#state !== 'encoded') return;
    this.#state = 'coming';
    try {
      await this.#staging.mapAsync(GPUMapMode.READ);
    } catch {
      return; // the device is gone, and what it cost with it
    }
    const [begin, end] = new BigUint64Array(this.#staging.getMappedRange());
    // Some drivers reset their counter now and then.
    if (end! >= begin!) this.#kept[this.#count++ % KEPT] = Number(end! - begin!) / 1e6;
    this.#staging.unmap();
    this.#state = 'idle';
  }

  /** Frees what is on the GPU. */
  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#staging.destroy();
  }
}
