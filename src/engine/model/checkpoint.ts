import { EngineError } from '../../errors.ts';

/** The version of the weight files that this engine reads. */
export const CHECKPOINT_VERSION = '1';

type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };

/** One tensor of a checkpoint: its bytes as they stand in the file, row-major. */
export type StoredTensor = {
  readonly dtype: 'F32' | 'F16';
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
};

/** One `.safetensors` file: config, weights (PyTorch names), version. */
export class Checkpoint {
  readonly network: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #entries: ReadonlyMap<string, StoredTensor>;

  /** Reads a file's bytes; throws `asset` when it is damaged, of another network or of another version. */
  constructor(file: ArrayBuffer, where: string, network: string) {
    this.#where = where;
    const { metadata, entries } = readSafetensors(file, where);
    if (metadata.format !== 'duologue' || metadata.network !== network)
      throw new EngineError(
        'asset',
        `${where} holds the network "${metadata.network ?? 'unknown'}", expected "${network}"`,
        { hint: 'Point modelBaseUrl at the folder of the model files that came with this version.' },
      );
    if (metadata.version !== CHECKPOINT_VERSION)
      throw new EngineError(
        'asset',
        `${where} is version ${metadata.version}, this engine reads version ${CHECKPOINT_VERSION}`,
        { hint: 'Use the model files that came with this version of duologue.' },
      );
    this.network = network;
    this.config = JSON.parse(metadata.config ?? '{}') as Record<string, unknown>;
    this.#entries = entries;
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** The tensor of that name; throws `asset` when it is missing or of another shape. */
  tensor(name: string, shape?: readonly number[]): StoredTensor {
    const found = this.#entries.get(name);
    if (!found)
      throw new EngineError('asset', `${this.#where} has no tensor ${name}`, {
        hint: 'The file does not fit this engine: export it again with training/export.py.',
      });
    if (shape && (shape.length !== found.shape.length || shape.some((n, i) => n !== found.shape[i])))
      throw new EngineError(
        'asset',
        `${this.#where}: ${name} has shape [${found.shape}], expected [${shape}]`,
        {
          hint: 'The file does not fit this engine: export it again with training/export.py.',
        },
      );
    return found;
  }

  /** A copy of the tensor as 32-bit floats. */
  f32(name: string, shape?: readonly number[]): Float32Array<ArrayBuffer> {
    const { dtype, bytes } = this.tensor(name, shape);
    const copy = bytes.slice();
    return dtype === 'F32' ? new Float32Array(copy.buffer) : halvesToFloats(new Uint16Array(copy.buffer));
  }

  /** A number of the config, or of a record inside it; throws `asset` when it is missing. */
  number(key: string, record: Readonly<Record<string, unknown>> = this.config): number {
    const value = record[key];
    if (typeof value !== 'number')
      throw new EngineError(
        'asset',
        `${this.#where}: config.${key} is ${JSON.stringify(value)}, expected a number`,
        {
          hint: 'The file does not fit this engine: export it again with training/export.py.',
        },
      );
    return value;
  }
}

/** Reads a safetensors file of F32 and F16 tensors (weights or golden vectors); throws `asset` when it is damaged. */
export function readSafetensors(
  file: ArrayBuffer,
  where: string,
): { metadata: Record<string, string>; entries: ReadonlyMap<string, StoredTensor> } {
  const damaged = (detail: string, cause?: unknown) =>
    new EngineError('asset', `${where} is not a whole safetensors file: ${detail}`, {
      hint: 'The download may be cut off: load the page again, or copy the model files again.',
      cause,
    });
  if (file.byteLength < 8) throw damaged(`${file.byteLength} bytes, expected at least 8`);
  const headerBytes = Number(new DataView(file).getBigUint64(0, true));
  const base = 8 + headerBytes;
  if (!(base <= file.byteLength))
    throw damaged(`${file.byteLength} bytes, expected a header of ${headerBytes}`);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, headerBytes)));
  } catch (cause) {
    throw damaged('its header is no JSON', cause);
  }
  const { __metadata__: metadata = {}, ...tensors } = header;
  const entries = new Map<string, StoredTensor>();
  for (const [name, value] of Object.entries(tensors)) {
    const { dtype, shape, data_offsets } = value as Entry;
    const [begin, end] = data_offsets;
    const size = dtype === 'F32' ? 4 : 2;
    if (dtype !== 'F32' && dtype !== 'F16') throw damaged(`${name} is ${dtype}, expected F32 or F16`);
    if (end - begin !== shape.reduce((a, b) => a * b, size))
      throw damaged(`${name} has ${end - begin} bytes`);
    if (base + end > file.byteLength)
      throw damaged(`${file.byteLength} bytes, expected ${base + end} for ${name}`);
    entries.set(name, { dtype, shape, bytes: new Uint8Array(file, base + begin, end - begin) });
  }
  return { metadata: metadata as Record<string, string>, entries };
}

/** Widens IEEE halves to 32-bit floats. */
function halvesToFloats(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const h = halves[i];
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction
            ? Number.NaN
            : Number.POSITIVE_INFINITY
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    out[i] = h & 0x8000 ? -magnitude : magnitude;
  }
  return out;
}
