import { TICK_LENGTH } from '../../src/engine/audio/voices.ts';
import type { Backend, BackendOptions } from '../../src/engine/backend/backend.ts';
import { loadModels } from '../../src/engine/backend/models.ts';
import { wasmRuntimeUrl } from '../../src/engine/backend/wasm.runtime.ts';
import { WASM_GRAPHS, WasmBackend, type WasmFiles } from '../../src/engine/backend/wasm.ts';
import { WebgpuBackend } from '../../src/engine/backend/webgpu.ts';
import { Generator } from '../../src/engine/model/generator.ts';
import { DEFAULT_STEPS, type Steps } from '../../src/engine/model/sampler.ts';
import { type Gpu, openGpu } from '../../src/kernels/gpu.ts';
import { movementBeside } from '../../src/workers/movement.ts';

const bytes = async (url: string) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
};

/** The shipped weights. */
export const models = await loadModels((name) => bytes(`/models/${name}`));

/** The shipped sampler, of both persons as they are unless told otherwise. */
export const optionsOf = (steps: Steps = DEFAULT_STEPS): BackendOptions => ({
  sampler: { steps, eta: 0, seed: 1 },
  conditions: { style: [0, 1], facing: [1, 1], emotion: [0, 0] },
});

/** The adapter's name; a CPU that plays GPU is labelled. */
export const nameOf = (gpu: Gpu) => (gpu.software ? `${gpu.adapterName} [software]` : gpu.adapterName);

/** Opens our kernels on a device of their own. */
export async function openWgsl(steps: Steps = DEFAULT_STEPS) {
  const gpu = await openGpu(navigator.gpu);
  return { gpu, backend: await WebgpuBackend.open(gpu, models, optionsOf(steps), 'bench') };
}

/** Opens the ONNX graphs in WebAssembly, on this thread or as the product does: behaviour and bodies in a worker beside. */
export async function openWasm(where: 'here' | 'beside' = 'here', steps: Steps = DEFAULT_STEPS) {
  const graphs = await Promise.all(
    WASM_GRAPHS.map(async (name) => [name, await bytes(`/models/${name}.onnx`)] as const),
  );
  const files: WasmFiles = {
    graphs: Object.fromEntries(graphs) as WasmFiles['graphs'],
    runtime: await bytes(wasmRuntimeUrl),
  };
  const movement = where === 'beside' ? movementBeside(async () => files.runtime) : undefined;
  return WasmBackend.open(models, files, optionsOf(steps), 'bench', movement);
}

/** The generator of a backend, which schedules frames and bodies as in a talk. */
export const generatorOf = (backend: Backend, steps: Steps = DEFAULT_STEPS) =>
  new Generator(backend, models.encoder.lookahead, steps);

/** Speech-like numbers in the range of log-mel values. */
export const mel = Float32Array.from({ length: TICK_LENGTH }, (_, i) => -1 + Math.sin(i * 12.9898));
