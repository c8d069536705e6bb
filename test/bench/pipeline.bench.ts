import { test } from 'vitest';
import type { Backend } from '../../src/engine/backend/backend.ts';
import { FRAME_RATE_HZ } from '../../src/engine/motion.ts';
import { report } from './report.ts';
import { generatorOf, mel, nameOf, openWasm, openWgsl } from './setting.ts';
import { median } from './timing.ts';

/** Ticks that do not count: the look-ahead, and two whole body blocks. */
const WARM_UP = 18;

/** Everything of both persons as in a talk, for `ticks` whole body blocks. */
async function talk(backend: Backend, adapter: string, ticks: number, gpu_bytes: number) {
  const generator = generatorOf(backend);
  await generator.reset();
  for (let n = 0; n < WARM_UP; n++) await generator.tick(mel);
  const times: number[] = [];
  for (let n = 0; n < ticks; n++) {
    const begin = performance.now();
    await generator.tick(mel);
    times.push(performance.now() - begin);
  }
  const talk_s = ticks / FRAME_RATE_HZ;
  const rtf = times.reduce((a, b) => a + b) / 1000 / talk_s;
  const tier = backend.info.backend === 'webgpu' ? 'webgpu' : 'wasm';
  report({ table: 'pipeline', backend: tier, rtf, talk_s, tick_ms: median(times), gpu_bytes, adapter });
}

test('pipeline wgsl', { timeout: 600_000 }, async () => {
  const { gpu, backend } = await openWgsl();
  await talk(backend, nameOf(gpu), gpu.software ? 48 : 304, backend.gpuBytes);
  backend.dispose();
});

for (const where of ['here', 'beside'] as const)
  test(`pipeline wasm ${where}`, { timeout: 600_000 }, async () => {
    const backend = await openWasm(where);
    await talk(backend, backend.info.adapter, 304, 0);
    backend.dispose();
  });
