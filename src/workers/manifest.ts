import { EngineError } from '../errors.ts';

/** What a file must be. */
export type ListedFile = { readonly bytes: number; readonly sha256: string };

/** The files of a folder of models, by their names in it; `npm run manifest` writes it. */
export type Manifest = { readonly format: 1; readonly files: Readonly<Record<string, ListedFile>> };

/** Its name in the folder. */
export const MANIFEST_NAME = 'manifest.json';

/** The format of manifest that this engine reads and writes. */
export const MANIFEST_FORMAT = 1;

/** The name under which a manifest lists onnxruntime-web's WebAssembly, which stands beside the code and not in the folder. */
export const RUNTIME_NAME = 'ort-wasm-simd-threaded.wasm';

/** Every file that some tier loads: with all of them here, a change of tier asks the network for nothing. */
export const MODEL_FILES: readonly string[] = [
  'speech-encoder.safetensors',
  'face.safetensors',
  'dim.safetensors',
  'body-lower.safetensors',
  'body-upper.safetensors',
  'speech-encoder.onnx',
  'face.onnx',
  'face-prefix.onnx',
  'dim.onnx',
  'dim-decoder.onnx',
  'dim-encoder.onnx',
  'body-lower.onnx',
  'body-lower-cond.onnx',
  'body-lower-prefix.onnx',
  'body-upper.onnx',
  'body-upper-cond.onnx',
  'body-upper-prefix.onnx',
  RUNTIME_NAME,
];

/** Reads a manifest; throws `asset` when it is none or of another format. */
export function parseManifest(text: string, path: string): Manifest {
  const wrong = (detail: string, cause?: unknown) =>
    new EngineError('asset', `${path} is no manifest of model files: ${detail}`, {
      hint: 'Write it with `npm run manifest -- FOLDER`, or take it away to load the files unchecked.',
      cause,
    });
  let read: Partial<Manifest>;
  try {
    read = JSON.parse(text);
  } catch (cause) {
    throw wrong(`it is not JSON (${text.length} characters)`, cause);
  }
  if (read?.format !== MANIFEST_FORMAT)
    throw wrong(`its format is ${JSON.stringify(read?.format)}, expected ${MANIFEST_FORMAT}`);
  for (const [name, file] of Object.entries(read.files ?? {}))
    if (!Number.isSafeInteger(file?.bytes) || file.bytes < 0 || !/^[0-9a-f]{64}$/.test(file.sha256))
      throw wrong(
        `${name} is listed as ${JSON.stringify(file)}, expected its bytes and its SHA-256 in hexadecimal`,
      );
  return { format: MANIFEST_FORMAT, files: read.files ?? {} };
}

/** The SHA-256 of `bytes` in hexadecimal; undefined where the page is not secure and the browser computes none. */
export async function sha256(bytes: ArrayBuffer): Promise<string | undefined> {
  // Typed as always there, yet browsers keep it from insecure pages.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** In what `bytes` differ from what is listed, in words; undefined when they do not, as far as can be told here. */
export async function difference(bytes: ArrayBuffer, listed: ListedFile): Promise<string | undefined> {
  if (bytes.byteLength !== listed.bytes)
    return `it has ${bytes.byteLength} bytes, expected ${listed.bytes} bytes`;
  const got = await sha256(bytes);
  if (got === undefined || got === listed.sha256) return undefined;
  return `its SHA-256 is ${got}, expected ${listed.sha256}`;
}
