// onnxruntime-web at its best: every graph optimisation, static shapes, weights in f32 (folded at load: faster than
// halves without shader-f16), cached keys and values as inputs; on WebGPU inputs and outputs stay on the GPU and the
// graph is captured where the provider takes it.
import type * as Ort from 'onnxruntime-web';
import gpuBuild from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { wasmRuntimeUrl } from '../../src/engine/backend/wasm.runtime.ts';
import { serve } from '../../src/workers/rpc.ts';
import type { OrtWorker, Part, Provider, Timed } from './ort.protocol.ts';
import { median } from './timing.ts';

type Loaded = {
  readonly session: Ort.InferenceSession;
  readonly feeds: Record<string, Ort.Tensor>;
  /** Tensors that take the outputs, on the GPU; a captured graph writes to the same buffers each time. */
  readonly outputs: Record<string, Ort.Tensor> | undefined;
  readonly how: string;
};

let ort: typeof Ort;
let provider: Provider;
const loaded = new Map<string, Promise<Loaded>>();
let dispatches = 0;

const bytes = async (url: string) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
};

const device = async () => (await (ort.env.webgpu.device as unknown as Promise<GPUDevice>)) as GPUDevice;

function countDispatches() {
  const { prototype } = GPUComputePassEncoder;
  const count = (name: 'dispatchWorkgroups' | 'dispatchWorkgroupsIndirect') => {
    const original = prototype[name] as (...args: unknown[]) => undefined;
    Object.assign(prototype, {
      [name](this: GPUComputePassEncoder, ...args: unknown[]) {
        dispatches++;
        return original.apply(this, args);
      },
    });
  };
  count('dispatchWorkgroups');
  count('dispatchWorkgroupsIndirect');
}

type Metadata = { readonly type: string; readonly shape: readonly (number | string)[] };

/** A tensor for an input or output of a graph, with numbers that no network minds: small floats, index 0. */
async function tensorFor({ type, shape }: Metadata, R: number): Promise<Ort.Tensor> {
  const dims = shape.map((size) => (typeof size === 'number' ? size : R));
  const count = dims.reduce((a, b) => a * b, 1);
  if (type === 'int64') return new ort.Tensor('int64', new BigInt64Array(count), dims);
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) / 2);
  if (provider.name === 'wasm') return new ort.Tensor('float32', data, dims);
  const gpu = await device();
  const buffer = gpu.createBuffer({
    size: Math.ceil(data.byteLength / 16) * 16,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  gpu.queue.writeBuffer(buffer, 0, data);
  return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
}

async function load({ graph, weights, R }: Part): Promise<Loaded> {
  const [model, data] = await Promise.all([bytes(`/models/${graph}.onnx`), bytes(`/models/${weights}`)]);
  const create = async (enableGraphCapture: boolean) => {
    const session = await ort.InferenceSession.create(new Uint8Array(model), {
      executionProviders: [provider.name],
      graphOptimizationLevel: 'all',
      externalData: [{ path: weights, data: new Uint8Array(data) }],
      freeDimensionOverrides: { R },
      ...(provider.name === 'webgpu' && { preferredOutputLocation: 'gpu-buffer', enableGraphCapture }),
    });
    const feeds: Record<string, Ort.Tensor> = {};
    const outputs: Record<string, Ort.Tensor> = {};
    for (const input of session.inputMetadata)
      if (input.isTensor) feeds[input.name] = await tensorFor(input, R);
    for (const output of session.outputMetadata)
      if (output.isTensor) outputs[output.name] = await tensorFor(output, R);
    if (provider.name === 'wasm') return { session, feeds, outputs: undefined, how: 'f32' };
    // Two runs are the proof: a provider may refuse a capture only when it runs, or when it replays.
    for (let i = 0; i < 2; i++) await session.run(feeds, outputs);
    return { session, feeds, outputs, how: enableGraphCapture ? 'graph captured' : 'no graph capture' };
  };
  if (provider.name === 'wasm') return create(false);
  return create(true).catch(async (error: unknown) => {
    const why = String(error instanceof Error ? error.message : error).replace(/\s+/g, ' ');
    return { ...(await create(false)), how: `no graph capture (${why.slice(0, 120)})` };
  });
}

const sessionOf = (part: Part) => {
  const key = `${part.graph} ${part.R}`;
  const known = loaded.get(key) ?? load(part);
  loaded.set(key, known);
  return known;
};

serve<OrtWorker>({
  async open(given) {
    provider = given;
    if (given.name === 'webgpu') countDispatches();
    ort = (await (given.name === 'webgpu'
      ? import('onnxruntime-web/webgpu')
      : import('onnxruntime-web/wasm'))) as typeof Ort;
    ort.env.wasm.numThreads = given.threads;
    ort.env.wasm.wasmBinary = await bytes(given.name === 'webgpu' ? gpuBuild : wasmRuntimeUrl);
    ort.env.logLevel = 'error';
  },

  async time(parts, n, warmUp): Promise<Timed> {
    const sessions: Loaded[] = [];
    for (const part of parts) sessions.push(await sessionOf(part));
    const round = async () => {
      for (const [i, { runs, fetch }] of parts.entries()) {
        const { session, feeds, outputs } = sessions[i];
        const names = fetch ?? session.outputNames;
        const wanted = outputs ? Object.fromEntries(names.map((name) => [name, outputs[name]])) : [...names];
        for (let k = 0; k < runs; k++) await session.run(feeds, wanted as readonly string[]);
      }
      if (provider.name === 'webgpu') await (await device()).queue.onSubmittedWorkDone();
    };
    const times: number[] = [];
    for (let i = 0; i < warmUp + n; i++) {
      dispatches = 0;
      const begin = performance.now();
      await round();
      if (i >= warmUp) times.push(performance.now() - begin);
    }
    const how = [...new Set(sessions.map((session) => session.how))].join(', ');
    return { median_ms: median(times), n, dispatches, how };
  },
});
