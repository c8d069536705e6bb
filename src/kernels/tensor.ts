import { EngineError } from '../errors.ts';

/** What one element is; `f16x2` packs element i as a half into word i>>1, read with `unpack2x16float`. */
export type DType = 'f32' | 'u32' | 'f16x2';

/** A named, shaped view of a GPU buffer, row-major. A tensor owns nothing: an {@link Arena} does. */
export type Tensor = {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly buffer: GPUBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
};

/** A tensor that is still on the CPU: `data` holds its elements as they are stored. */
export type HostTensor = {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
};

/** Bindings must start at multiples of this many bytes on every adapter. */
export const TENSOR_ALIGNMENT = 256;

/** The number of elements of a shape. */
export const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The bytes a tensor takes on the GPU; an odd number of halves is rounded up to whole words. */
export const bytesOf = (dtype: DType, shape: readonly number[]) =>
  dtype === 'f16x2' ? Math.ceil(count(shape) / 2) * 4 : count(shape) * 4;

const align = (bytes: number) => Math.ceil(bytes / TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT;

const viewBytes = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The same memory under another shape of as many elements. */
export function view(tensor: Tensor, shape: readonly number[]): Tensor {
  if (count(shape) !== count(tensor.shape))
    throw new EngineError('bug', `${tensor.name}: a view [${shape}] of [${tensor.shape}] has another size`);
  return { ...tensor, shape };
}

/** Rows `from` to `to` (exclusive) of the leading axis; they must start at a multiple of 256 bytes. */
export function slice(tensor: Tensor, from: number, to: number): Tensor {
  const { name, dtype, shape } = tensor;
  const [rows, ...rest] = shape;
  const elements = count(rest);
  const bytes = elements * (dtype === 'f16x2' ? 2 : 4);
  const byteOffset = tensor.byteOffset + from * bytes;
  if (from < 0 || from >= to || to > rows)
    throw new EngineError('bug', `${name}: rows ${from}…${to} are not inside [${shape}]`);
  if (byteOffset % TENSOR_ALIGNMENT !== 0)
    throw new EngineError('bug', `${name}: row ${from} starts at byte ${byteOffset}, not a multiple of 256`);
  const cut = [to - from, ...rest];
  return {
    ...tensor,
    name: `${name}[${from}:${to}]`,
    shape: cut,
    byteOffset,
    byteLength: bytesOf(dtype, cut),
  };
}

/** Owns every buffer made through it, counts their bytes and frees them together. */
export class Arena {
  readonly #device: GPUDevice;
  readonly #buffers: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of GPU memory owned. */
  get bytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.size, 0);
  }

  /** One buffer for one tensor: zeros, or `data`. For activations and state, which kernels write. */
  tensor(
    name: string,
    shape: readonly number[],
    options: { dtype?: DType; data?: ArrayBufferView } = {},
  ): Tensor {
    const dtype = options.dtype ?? 'f32';
    const byteLength = bytesOf(dtype, shape);
    const { data } = options;
    const fill = data && ((memory: Uint8Array) => copyInto(memory, 0, { name, dtype, shape, data }));
    const buffer = this.#allocate(name, byteLength, fill);
    return { name, dtype, shape, buffer, byteOffset: 0, byteLength };
  }

  /** Many read-only tensors in one buffer, by name: a kernel may read several of them but write none. */
  weights(label: string, tensors: readonly HostTensor[]): ReadonlyMap<string, Tensor> {
    let size = 0;
    const offsets = tensors.map(({ dtype, shape }) => {
      const offset = size;
      size += align(bytesOf(dtype, shape));
      return offset;
    });
    const buffer = this.#allocate(label, size, (memory) => {
      for (const [i, tensor] of tensors.entries()) copyInto(memory, offsets[i], tensor);
    });
    return new Map(
      tensors.map(({ name, dtype, shape }, i) => {
        const byteLength = bytesOf(dtype, shape);
        return [name, { name, dtype, shape, buffer, byteOffset: offsets[i], byteLength }];
      }),
    );
  }

  /** Frees every buffer; tensors made here must not be used any more. */
  dispose() {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.length = 0;
  }

  [Symbol.dispose]() {
    this.dispose();
  }

  #allocate(label: string, size: number, fill: ((memory: Uint8Array) => void) | undefined) {
    const limit = this.#device.limits.maxBufferSize;
    if (size > limit)
      throw new EngineError('unsupported', `${label} needs ${size} bytes, the GPU allows ${limit}`);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const mappedAtCreation = fill !== undefined;
    const buffer = this.#device.createBuffer({ label, size: Math.max(size, 4), usage, mappedAtCreation });
    this.#buffers.push(buffer);
    if (fill) {
      fill(new Uint8Array(buffer.getMappedRange()));
      buffer.unmap();
    }
    return buffer;
  }
}

function copyInto(memory: Uint8Array, offset: number, { name, dtype, shape, data }: HostTensor) {
  const expected = count(shape) * (dtype === 'f16x2' ? 2 : 4);
  if (data.byteLength !== expected)
    throw new EngineError(
      'bug',
      `${name}: ${dtype} [${shape}] needs ${expected} bytes, got ${data.byteLength}`,
    );
  memory.set(viewBytes(data), offset);
}
