import { EngineError } from '../errors.ts';
import type { Tensor } from './tensor.ts';

/** Writes a whole small tensor from the CPU; the next submit sees it, those before do not. */
export function upload(device: GPUDevice, tensor: Tensor, data: Float32Array | Uint32Array) {
  if (data.byteLength !== tensor.byteLength)
    throw new EngineError(
      'bug',
      `${tensor.name}: upload of ${data.byteLength} bytes into ${tensor.byteLength}`,
    );
  device.queue.writeBuffer(tensor.buffer, tensor.byteOffset, data as GPUAllowSharedBufferSource);
}

type Slot = { readonly staging: GPUBuffer; readonly results: readonly Float32Array[] };

/**
 * Brings f32 tensors back through `depth` rotating staging buffers: up to `depth` results may be under way,
 * and nothing is allocated on the GPU after the constructor.
 */
export class ReadBack {
  readonly #tensors: readonly Tensor[];
  readonly #offsets: readonly number[];
  readonly #slots: readonly Slot[];
  #encoded = 0;
  #asked = 0;
  #done = 0;

  constructor(device: GPUDevice, tensors: readonly Tensor[], depth = 3) {
    let size = 0;
    this.#tensors = tensors;
    this.#offsets = tensors.map(({ byteLength }) => {
      size += byteLength;
      return size - byteLength;
    });
    this.#slots = Array.from({ length: depth }, (_, i) => ({
      staging: device.createBuffer({
        label: `read-back ${i}`,
        size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      }),
      results: tensors.map(({ byteLength }) => new Float32Array(byteLength / 4)),
    }));
  }

  /** Results encoded and not yet read. */
  get pending(): number {
    return this.#encoded - this.#done;
  }

  /** Records the copies of this frame; throws a `bug` when `depth` results are already waiting. */
  encode(encoder: GPUCommandEncoder) {
    if (this.pending >= this.#slots.length)
      throw new EngineError('bug', `read-back: ${this.pending} results wait to be read`);
    const { staging } = this.#slots[this.#encoded % this.#slots.length];
    this.#tensors.forEach(({ buffer, byteOffset, byteLength }, i) => {
      encoder.copyBufferToBuffer(buffer, byteOffset, staging, this.#offsets[i], byteLength);
    });
    this.#encoded++;
  }

  /**
   * The oldest result not yet asked for, one array per tensor; call it after the submit. The arrays are
   * overwritten `depth` results later. Throws `lost` when the device went away.
   */
  async read(): Promise<readonly Float32Array[]> {
    if (this.#asked >= this.#encoded) throw new EngineError('bug', 'read-back: nothing was encoded');
    const slot = this.#slots[this.#asked++ % this.#slots.length];
    try {
      await slot.staging.mapAsync(GPUMapMode.READ);
    } catch (cause) {
      throw new EngineError('lost', 'The GPU device was lost before its result came back.', { cause });
    }
    const mapped = slot.staging.getMappedRange();
    slot.results.forEach((result, i) => {
      result.set(new Float32Array(mapped, this.#offsets[i], result.length));
    });
    slot.staging.unmap();
    this.#done++;
    return slot.results;
  }

  /** Frees the staging buffers; results under way are lost. */
  dispose() {
    for (const { staging } of this.#slots) staging.destroy();
  }
}
