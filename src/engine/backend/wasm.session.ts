import * as ort from 'onnxruntime-web/wasm';
import { EngineError } from '../../errors.ts';
import { isOutOfMemory } from './memory.ts';

const NO_RUNTIME = /no available backend/i;

/**
 * Awaited between two networks that are opened, each of which takes the thread for a tenth of a second, so that a talk on it
 * catches up.
 */
export type Breathe = () => Promise<void>;

/**
 * Opens an ONNX graph whose weights are external data inside a safetensors file, when no other network runs; throws
 * `asset` when they do not fit, `unsupported` when there is no memory for them or WebAssembly does not run here.
 */
export async function openSession(
  graph: ArrayBuffer,
  weights: ArrayBuffer,
  names: { readonly graph: string; readonly weights: string },
): Promise<ort.InferenceSession> {
  const options = {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    externalData: [{ path: names.weights, data: new Uint8Array(weights) }],
  } as const;
  try {
    return await exclusively(() => ort.InferenceSession.create(new Uint8Array(graph), options));
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    if (isOutOfMemory(cause))
      throw new EngineError('unsupported', `There is not enough memory for ${names.graph}: ${detail}`, {
        hint: 'Close other tabs and programs, then reload the page.',
        cause,
      });
    if (NO_RUNTIME.test(detail))
      throw new EngineError('unsupported', `WebAssembly does not run here: ${detail}`, {
        hint: 'Use a browser that has WebAssembly with SIMD and threads: Chrome or Edge 91, Firefox 89, Safari 16.4, or newer.',
        cause,
      });
    throw new EngineError('asset', `${names.graph} does not load: ${detail}`, {
      hint: 'The graph and the weights must come from the same export: copy both again.',
      cause,
    });
  }
}

/** Sets up onnxruntime-web with its WebAssembly bytes: one thread, because thin steps gain nothing from more. */
export function useRuntime(wasm: ArrayBuffer) {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
}

/** onnxruntime-web's version. */
export const runtimeVersion = () => ort.env.versions.web ?? 'unknown';

/** A 32-bit float tensor over `data`, which is read at each run. */
export const floats = (data: Float32Array, ...dims: number[]) => new ort.Tensor('float32', data, dims);

/** A tensor of indices; a vector unless `dims` says otherwise. */
export const indices = (values: readonly number[], ...dims: number[]) =>
  new ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims.length ? dims : [values.length]);

/** A tensor of indices, all 0, to be written to. */
export const zeroIndices = (...dims: number[]) =>
  new ort.Tensor('int64', new BigInt64Array(dims.reduce((a, b) => a * b, 1)), dims);

/** The floats of a result. */
export const dataOf = (tensor: ort.Tensor) => tensor.data as Float32Array;

/** A tensor by the name it has in a graph. */
export type Feeds = Record<string, ort.Tensor>;

/** A loaded graph. */
export type Session = ort.InferenceSession;

/** A queue: does what it is given when all that it was given before is done. */
export function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
}

/** The queue of the runtime, which has one stack, so that runs must not overlap. */
export const exclusively = oneByOne();
