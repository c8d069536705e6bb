import { EngineError } from '../../errors.ts';
import { type Gpu, openGpu } from '../../kernels/gpu.ts';
import type { Backend, BackendOptions } from './backend.ts';
import { type Fetch, loadModels, type Models } from './models.ts';
import type { WasmFiles } from './wasm.ts';

/** Which backend the user asked for; `auto` takes WGSL on a real GPU and WebAssembly otherwise. */
export type BackendChoice = 'auto' | 'webgpu' | 'wasm';

/** Where backends come from: model files, the WebAssembly build, and the GPU object of this platform. */
export type BackendSources = {
  readonly fetch: Fetch;
  readonly gpu: GPU | undefined;
  /** Reads onnxruntime-web's WebAssembly; called only when the wasm backend is chosen. */
  readonly runtime: () => Promise<ArrayBuffer>;
};

/**
 * Loads the models and opens the backend that suits the machine, saying why.
 * Throws `unsupported` when the forced backend cannot run, `asset` when a model file is missing or wrong.
 */
export async function openBackend(
  choice: BackendChoice,
  sources: BackendSources,
  options: BackendOptions,
): Promise<{ backend: Backend; models: Models; gpu: Gpu | undefined }> {
  const models = loadModels(sources.fetch);
  models.catch(() => undefined); // awaited below; a failing GPU must not leave it unhandled
  const { gpu, reason } = await choose(choice, sources.gpu);
  if (gpu) {
    const { WebgpuBackend } = await import('./webgpu.ts');
    return {
      backend: await WebgpuBackend.open(gpu, await models, options, reason),
      models: await models,
      gpu,
    };
  }
  const { WASM_GRAPHS, WasmBackend } = await import('./wasm.ts');
  const [runtime, ...files] = await Promise.all([
    sources.runtime(),
    ...WASM_GRAPHS.map(async (name) => [name, await sources.fetch(`${name}.onnx`)] as const),
  ]);
  const graphs = Object.fromEntries(files) as WasmFiles['graphs'];
  return {
    backend: await WasmBackend.open(await models, { graphs, runtime }, options, reason),
    models: await models,
    gpu: undefined,
  };
}

async function choose(choice: BackendChoice, gpu: GPU | undefined): Promise<{ gpu?: Gpu; reason: string }> {
  if (choice === 'wasm') return { reason: 'asked for' };
  if (choice === 'webgpu') return { gpu: await openGpu(gpu), reason: 'asked for' };
  const opened = await openGpu(gpu).catch((error: unknown) => error);
  if (opened instanceof EngineError) return { reason: opened.message };
  if (opened instanceof Error) throw opened;
  const found = opened as Gpu;
  if (!found.software) return { gpu: found, reason: `a real GPU is here: ${found.adapterName}` };
  found.dispose();
  return { reason: `only a software adapter is here (${found.adapterName}), on which WebAssembly is faster` };
}
