import { test } from 'vitest';
import type { Backend } from '../../src/engine/backend/backend.ts';
import type { Generator, GeneratorState } from '../../src/engine/model/generator.ts';
import { BODY_BLOCK, FRAME_RATE_HZ } from '../../src/engine/motion.ts';
import { type GrowthRow, report } from './report.ts';
import { generatorOf, mel, openWasm, openWgsl } from './setting.ts';

const MINUTE = 60;

/** Every ring's length divides so many ticks, so that moved counters leave each key in its slot. */
const RING_PERIOD = 128;

/** Ticks that do not count: the look-ahead, and one whole body block. */
const WARM_UP = 10;

/** Bytes that the page holds, its workers and WebAssembly with it; in a browser that does not tell, the heap alone. */
async function jsBytes() {
  const { measureUserAgentSpecificMemory: measure, memory } = performance as Performance & {
    measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }>;
    memory?: { usedJSHeapSize: number };
  };
  const known = measure && globalThis.crossOriginIsolated ? await measure.call(performance) : undefined;
  return known?.bytes ?? memory?.usedJSHeapSize ?? 0;
}

/** A talk that has lasted `ticks` more, with the rings as they are. */
function moved(state: GeneratorState, ticks: number): GeneratorState {
  const blocks = ticks / BODY_BLOCK;
  const { counters } = state.backend;
  const shift = (frames: readonly number[]) => frames.map((first) => (first < 0 ? first : first + ticks));
  const { body, schedule } = state;
  const blocksOf = <T extends { firsts: number[] }>(kept: T) => ({ ...kept, firsts: shift(kept.firsts) });
  return {
    ...state,
    ticks: state.ticks + ticks,
    schedule: {
      ...schedule,
      block: schedule.block < 0 ? -1 : schedule.block + blocks,
      due: schedule.due + ticks,
    },
    body: {
      ...body,
      next: body.next + ticks,
      lower: blocksOf(body.lower),
      upper: blocksOf(body.upper),
    },
    backend: {
      ...state.backend,
      counters: {
        ticks: counters.ticks + ticks,
        frames: counters.frames + ticks,
        lower: counters.lower + blocks,
        upper: counters.upper + blocks,
      },
    },
  };
}

async function runTo(generator: Generator, tick: number) {
  const begin = performance.now();
  const from = generator.ticks;
  while (generator.ticks < tick) await generator.tick(mel);
  return (performance.now() - begin) / ((tick - from) / FRAME_RATE_HZ);
}

/**
 * Measures windows of `window` ticks: up to `real` seconds of talk every tick runs, beyond it the counters jump to within
 * {@link RING_PERIOD} ticks, where the rings count as full.
 */
async function everything(
  backend: Backend,
  { window, real, gpuBytes }: { window: number; real: number; gpuBytes: () => number },
) {
  const generator = generatorOf(backend);
  await generator.reset();
  await runTo(generator, WARM_UP);
  for (const talk_s of [10, MINUTE, 10 * MINUTE, 60 * MINUTE]) {
    const jumps = talk_s > real;
    const left = talk_s * FRAME_RATE_HZ - window - generator.ticks;
    if (jumps) {
      const ticks = Math.floor(left / RING_PERIOD) * RING_PERIOD;
      await generator.restore(moved(await generator.save(), ticks));
    } else if (left > 0) await runTo(generator, generator.ticks + left);
    const ms_per_s = await runTo(generator, generator.ticks + window);
    const row: GrowthRow = {
      table: 'growth',
      talk_s,
      ms_per_s,
      gpu_bytes: gpuBytes(),
      js_bytes: await jsBytes(),
      backend: backend.info.backend === 'webgpu' ? 'webgpu' : 'wasm',
      how: `everything, ${jumps ? 'counters moved there' : 'every tick run'}`,
    };
    report(row);
  }
}

test('growth wasm', { timeout: 900_000 }, async () => {
  const backend = await openWasm();
  await everything(backend, { window: 280, real: MINUTE, gpuBytes: () => 0 });
  backend.dispose();
});

test('growth wgsl', { timeout: 900_000 }, async () => {
  const { gpu, backend } = await openWgsl();
  const size = gpu.software ? { window: 16, real: 0 } : { window: 280, real: 10 * MINUTE };
  await everything(backend, { ...size, gpuBytes: () => backend.gpuBytes });
  backend.dispose();
});

test('growth ten minutes', { timeout: 1_800_000 }, async () => {
  const backend = await openWasm('here', 1);
  const generator = generatorOf(backend, 1);
  await generator.reset();
  const how = 'listening, faces and codes at one step, every tick run';
  for (const talk_s of [10, MINUTE, 5 * MINUTE, 10 * MINUTE]) {
    const begin = performance.now();
    const from = generator.ticks;
    while (generator.ticks < talk_s * FRAME_RATE_HZ) await generator.tick(mel, 'frame');
    const ms_per_s = (performance.now() - begin) / ((generator.ticks - from) / FRAME_RATE_HZ);
    const js_bytes = await jsBytes();
    report({ table: 'growth', talk_s, ms_per_s, gpu_bytes: 0, js_bytes, backend: 'wasm', how });
  }
  backend.dispose();
});
