import { test } from 'vitest';
import { TICK_LENGTH } from '../../src/engine/audio/voices.ts';
import type { Backend, BackendOptions } from '../../src/engine/backend/backend.ts';
import { loadModels } from '../../src/engine/backend/models.ts';
import { WasmEncoder } from '../../src/engine/backend/wasm.encoder.ts';
import { WasmFace } from '../../src/engine/backend/wasm.face.ts';
import { wasmRuntimeUrl } from '../../src/engine/backend/wasm.runtime.ts';
import { useRuntime } from '../../src/engine/backend/wasm.session.ts';
import { WasmBackend } from '../../src/engine/backend/wasm.ts';
import { WebgpuBackend } from '../../src/engine/backend/webgpu.ts';
import { openGpu } from '../../src/kernels/gpu.ts';
import type { Plan } from '../../src/kernels/plan.ts';
import { report } from './report.ts';

// One tick is 1/30 s of talk of both persons: encoder, four DDIM steps and the context pass of the face.
const N = 24;
const WARM_UP = 3;
const options: BackendOptions = {
  sampler: { steps: 4, eta: 0, seed: 1 },
  conditions: { style: [0, 1], facing: [1, 1], emotion: [0, 0] },
};

const bytes = async (url: string) => (await fetch(url)).arrayBuffer();
const models = await loadModels((name) => bytes(`/models/${name}`));
const graphs = async () => ({
  encoderGraph: await bytes('/models/speech-encoder.onnx'),
  faceGraph: await bytes('/models/face.onnx'),
  prefixGraph: await bytes('/models/face-prefix.onnx'),
  runtime: await bytes(wasmRuntimeUrl),
});

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function medianMs(run: () => Promise<unknown>) {
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + N; i++) {
    const begin = performance.now();
    await run();
    if (i >= WARM_UP) times.push(performance.now() - begin);
  }
  return median(times);
}

/** Speech-like noise in the range of log-mel values. */
const mel = Float32Array.from({ length: TICK_LENGTH }, (_, i) => -1 + Math.sin(i * 12.9898));

async function reportPipeline(backend: Backend, adapter: string, gpu_bytes: number) {
  for (let i = 0; i < models.encoder.lookahead; i++) await backend.tick(mel);
  const tickMs = await medianMs(() => backend.tick(mel));
  const rtf = (tickMs * 30) / 1000;
  report({
    table: 'pipeline',
    backend: backend.info.backend,
    adapter,
    tick_ms: tickMs,
    rtf,
    talk_s: N / 30,
    gpu_bytes,
  });
}

test('pipeline wgsl', { timeout: 300_000 }, async () => {
  const gpu = await openGpu(navigator.gpu);
  const adapter = gpu.software ? `${gpu.adapterName} [software]` : gpu.adapterName;
  const backend = await WebgpuBackend.open(gpu, models, options, 'bench');
  const time = async (network: string, plans: readonly Plan[]) => {
    const median_ms = await medianMs(async () => {
      const commands = gpu.device.createCommandEncoder();
      const pass = commands.beginComputePass();
      for (const plan of plans) plan.encode(pass);
      pass.end();
      gpu.device.queue.submit([commands.finish()]);
      await gpu.device.queue.onSubmittedWorkDone();
    });
    const dispatches = plans.reduce((sum, plan) => sum + plan.dispatches, 0);
    report({ table: 'steps', network, engine: 'wgsl', threads: 0, median_ms, dispatches, n: N, adapter });
  };
  const { encoder, face } = backend;
  await time('speech encoder', [encoder.plan]);
  await time('face, one denoising step', face.steps.slice(0, 1));
  await time('face, one block at 4 steps', [face.begin, ...face.steps, face.context]);
  await reportPipeline(backend, adapter, backend.gpuBytes);
  backend.dispose();
});

test('pipeline wasm', { timeout: 300_000 }, async () => {
  const files = await graphs();
  useRuntime(files.runtime);
  const encoder = await WasmEncoder.open(models, files.encoderGraph);
  const face = await WasmFace.open(
    models,
    { face: files.faceGraph, prefix: files.prefixGraph },
    options.sampler,
  );
  await face.setConditions(options.conditions);
  const encoderMs = await medianMs(() => encoder.step(mel));
  const { token } = await encoder.step(mel);
  const stepMs: number[] = [];
  const blockMs = await medianMs(() => {
    let last = Number.NaN; // the first step's time holds the noise too
    return face.sample(token, () => {
      const now = performance.now();
      if (!Number.isNaN(last)) stepMs.push(now - last);
      last = now;
    });
  });
  const backend = await WasmBackend.open(models, files, options, 'bench');
  const { adapter } = backend.info;
  const row = { table: 'steps', engine: 'ort-wasm', threads: 1, dispatches: 0, n: N, adapter } as const;
  report({ ...row, network: 'speech encoder', median_ms: encoderMs });
  report({ ...row, network: 'face, one denoising step', median_ms: median(stepMs) });
  report({ ...row, network: 'face, one block at 4 steps', median_ms: blockMs });
  await reportPipeline(backend, adapter, 0);
  backend.dispose();
});
