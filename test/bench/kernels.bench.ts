import { afterAll, test } from 'vitest';
import { openGpu } from '../../src/kernels/gpu.ts';
import { Plan } from '../../src/kernels/plan.ts';
import { Arena, bytesOf } from '../../src/kernels/tensor.ts';
import { place, references } from '../fixture.ts';
import { report } from './report.ts';

const gpu = await openGpu(navigator.gpu);
const { device, adapterName } = gpu;
const stamped = gpu.features.has('timestamp-query');
const adapter = gpu.software ? `${adapterName} [software]` : adapterName;

/** Browsers round GPU timestamps to 0.1 ms, so one measured pass lasts at least about this long. */
const PASS_US = 20_000;
const RUNS = 5;

const querySet = stamped ? device.createQuerySet({ type: 'timestamp', count: 2 }) : undefined;
const resolved = device.createBuffer({
  size: 16,
  usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
});
const stamps = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });

afterAll(() => gpu.dispose());

/** Microseconds of one pass that replays the plan `repeats` times. */
async function passUs(plan: Plan, repeats: number) {
  const encoder = device.createCommandEncoder();
  const timestampWrites = querySet && { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
  for (let i = 0; i < repeats; i++) plan.encode(pass);
  pass.end();
  if (querySet) {
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, stamps, 0, 16);
  }
  const begin = performance.now();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  const wallUs = (performance.now() - begin) * 1000;
  if (!querySet) return wallUs;
  await stamps.mapAsync(GPUMapMode.READ);
  const [from, to] = new BigUint64Array(stamps.getMappedRange());
  stamps.unmap();
  return Number(to - from) / 1000;
}

const COPY_BYTES = 64 * 2 ** 20;
const COPIES = 16;

/** GB/s that copying a large buffer reaches, each byte read and written: what a kernel's bandwidth is held against. */
async function copyBandwidth() {
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffers = [0, 1].map(() => device.createBuffer({ size: COPY_BYTES, usage }));
  let best = 0;
  for (let run = 0; run < RUNS; run++) {
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < COPIES; i++)
      encoder.copyBufferToBuffer(buffers[i % 2], 0, buffers[(i + 1) % 2], 0, COPY_BYTES);
    const begin = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    best = Math.max(best, (2 * COPIES * COPY_BYTES) / (performance.now() - begin) / 1e6);
  }
  for (const buffer of buffers) buffer.destroy();
  return best;
}

const peakGbs = gpu.software ? undefined : await copyBandwidth();

for (const reference of references) {
  const { kernel, cases, flops } = reference;
  for (const [label, tried] of Object.entries(cases)) {
    if (!tried.bench) continue;
    test(`${kernel.name} ${label}`, { timeout: 120_000 }, async () => {
      using arena = new Arena(device);
      const { tensors } = place(reference, tried, arena);
      const plan = await new Plan(device).add(kernel, tensors, tried.options ?? {}).compile();
      await passUs(plan, 2);
      const roughUs = Math.max(1, (await passUs(plan, 8)) / 8);
      const repeats = Math.min(2000, Math.max(8, Math.ceil(PASS_US / roughUs)));
      let us = Number.POSITIVE_INFINITY;
      for (let run = 0; run < RUNS; run++) us = Math.min(us, (await passUs(plan, repeats)) / repeats);
      const bytes = Object.values(tensors).reduce((sum, { dtype, shape }) => sum + bytesOf(dtype, shape), 0);
      const gflops = flops(tried.dims, tried.options ?? {}) / us / 1000;
      const sizes = Object.entries(tried.dims).map(([letter, size]) => `${letter}=${size}`);
      report({
        table: 'kernels',
        kernel: kernel.name,
        case: `${label} ${sizes.join(' ')}`,
        us,
        ...(gflops > 0 && { gflops }),
        gbs: bytes / us / 1000,
        ...(peakGbs && { bandwidth_share: bytes / us / 1000 / peakGbs }),
        adapter,
        clock: stamped ? 'gpu' : 'wall',
      });
    });
  }
}
