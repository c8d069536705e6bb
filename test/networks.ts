import type { BackendOptions, TickWork } from '../src/engine/backend/backend.ts';
import { loadModels } from '../src/engine/backend/models.ts';
import { WebgpuBackend } from '../src/engine/backend/webgpu.ts';
import { BODY_BLOCK } from '../src/engine/motion.ts';
import { openGpu } from '../src/kernels/gpu.ts';
import type { Plan } from '../src/kernels/plan.ts';
import type { Tensor } from '../src/kernels/tensor.ts';
import { ReadBack } from '../src/kernels/transfer.ts';
import { goldenVectors } from './golden.ts';

/** A file of the test server. */
export async function bytes(url: string) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
}

export const golden = async (name: string) =>
  goldenVectors(await bytes(`/test/golden/${name}.safetensors`), name);

export const models = await loadModels((name) => bytes(`/models/${name}`));

const SAMPLER = { steps: 4, eta: 0, seed: 1234 };
const CONDITIONS = { style: [0, 0], facing: [1, 1], emotion: [0, 0] };

/** The sampler of the golden vectors and neutral persons, but for what is given. */
export const options = (
  conditions: Partial<BackendOptions['conditions']> = {},
  sampler: Partial<BackendOptions['sampler']> = {},
): BackendOptions => ({
  sampler: { ...SAMPLER, ...sampler },
  conditions: { ...CONDITIONS, ...conditions },
});

/** Opens a backend on a device of its own; `software: false` launches the kernels as on a real GPU, on any adapter. */
export async function openWgsl(given: BackendOptions, tuning: { software?: boolean } = {}) {
  const gpu = await openGpu(navigator.gpu, { tuning });
  const backend = await WebgpuBackend.open(gpu, models, given, 'test');
  return { gpu, device: gpu.device, backend, networks: backend.networks };
}

/** Runs groups of plans one after the other in one command buffer and brings `tensors` back after each group. */
export function makeRunner(
  device: GPUDevice,
  groups: readonly (readonly Plan[])[],
  tensors: readonly Tensor[],
) {
  const readBacks = groups.map(() => new ReadBack(device, tensors, 1));
  return async () => {
    const commands = device.createCommandEncoder();
    groups.forEach((plans, i) => {
      const pass = commands.beginComputePass();
      for (const plan of plans) plan.encode(pass);
      pass.end();
      readBacks[i].encode(commands);
    });
    device.queue.submit([commands.finish()]);
    return Promise.all(readBacks.map((readBack) => readBack.read()));
  };
}

/** The work of tick `n` when nothing is late: a frame from the look-ahead on, and the body's steps as they are spread. */
export function workOf(n: number, placement: Float32Array, steps = 4): TickWork {
  const frame = n - models.encoder.lookahead;
  if (frame < 0) return { frame: false };
  const half = BODY_BLOCK / 2;
  const [network, phase] =
    frame % BODY_BLOCK < half ? (['lower', frame % half] as const) : (['upper', frame % half] as const);
  const [from, to] = [phase, phase + 1].map((at) => Math.ceil((at * steps) / half));
  if (from === to) return { frame: true };
  return { frame: true, body: { network, from, to, ...(from === 0 && { placement }) } };
}
