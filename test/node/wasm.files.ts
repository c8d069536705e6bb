import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadModels } from '../../src/engine/backend/models.ts';
import { WASM_GRAPHS, type WasmFiles } from '../../src/engine/backend/wasm.ts';
import { goldenVectors } from '../golden.ts';

/** The bytes of a file in the repository. */
export const bytes = (file: string): ArrayBuffer => {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
};

/** A shipped model file. */
export const model = (name: string) => bytes(`public/models/${name}`);

/** Golden vectors of a network, and what their file says about them. */
export const golden = (name: string) => goldenVectors(bytes(`test/golden/${name}.safetensors`), name);

/** onnxruntime-web's WebAssembly. */
export const runtime = () =>
  bytes(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'));

/** All graphs and the runtime. */
export const wasmFiles = (): WasmFiles => ({
  graphs: Object.fromEntries(WASM_GRAPHS.map((name) => [name, model(`${name}.onnx`)])) as WasmFiles['graphs'],
  runtime: runtime(),
});

/** The shipped weights. */
export const models = await loadModels(async (name) => model(name));
