import { expect, suite, test } from 'vitest';
import type { Backend, TickWork, Tier } from '../../src/engine/backend/backend.ts';
import { openBackend } from '../../src/engine/backend/open.ts';
import {
  type Candidate,
  firstFastEnough,
  probe,
  WASM_LIMIT_MS,
  WEBGPU_LIMIT_MS,
} from '../../src/engine/backend/probe.ts';
import { WASM_GRAPHS } from '../../src/engine/backend/wasm.ts';
import { EngineError } from '../../src/errors.ts';
import { model, runtime } from './wasm.files.ts';

/** A backend whose ticks take the times given, in turn, on a clock of its own. */
function fakeMachine() {
  let time = 0;
  const log: string[] = [];
  const open = (backend: Tier, tickMs: readonly number[], full = true): Backend => {
    let n = 0;
    return {
      info: { backend, adapter: `the ${backend} machine`, reason: '' },
      full,
      async tick(_, work: TickWork) {
        time += tickMs[n++ % tickMs.length];
        const { body } = work;
        log.push(
          `${work.frame} ${body ? `${body.network} ${body.from}-${body.to} ${Boolean(body.placement)}` : ''}`,
        );
        return {
          face: new Float32Array(102),
          behaviour: undefined,
          codes: undefined,
          turn: new Float32Array(2),
          body: undefined,
          phones: new Float32Array(80),
          voicing: new Float32Array(2),
        };
      },
      setConditions: async () => undefined,
      encodeMotion: async () => ({ listener: new Uint16Array(0), speaker: new Uint16Array(0) }),
      save: async () => ({ version: 1, counters: { ticks: 0, frames: 0, lower: 0, upper: 0 }, tensors: {} }),
      restore: async () => undefined,
      async reset() {
        log.push(`${backend} reset`);
      },
      dispose() {
        log.push(`${backend} disposed`);
      },
    };
  };
  const options = { steps: 4, melSilence: -2.6, now: () => time };
  return { log, open, options, elapsed: () => time };
}

suite('the probe', () => {
  const LIMIT_MS = 30;
  const measure = async (tickMs: readonly number[], { steps = 4, full = true } = {}) => {
    const machine = fakeMachine();
    const ms = await probe(machine.open('wasm', tickMs, full), LIMIT_MS, { ...machine.options, steps });
    expect(machine.log.pop()).toBe('wasm reset');
    return { ms, ticks: machine.log, elapsed: machine.elapsed() };
  };

  test('is content with five ticks of a fast machine', async () => {
    const { ms, ticks, elapsed } = await measure([90, 9, 7, 8, 6]);
    expect(ms).toBe(8);
    expect(elapsed).toBe(120);
    expect(ticks).toEqual([
      'true lower 0-1 true',
      'true lower 1-2 false',
      'true lower 2-3 false',
      'true lower 3-4 false',
      'true upper 0-1 true',
    ]);
  });

  test('waits for a machine that is warming up', async () => {
    const { ms, elapsed } = await measure([
      80,
      60,
      55,
      50,
      50,
      45,
      40,
      30,
      20,
      18,
      19,
      18,
      ...Array(99).fill(17),
    ]);
    expect(ms).toBeLessThanOrEqual(LIMIT_MS);
    expect(elapsed).toBeLessThan(500);
    const doubtful = await measure([90, ...Array(12).fill(50), ...Array(99).fill(29)]);
    expect(doubtful.ms).toBe(29);
    expect(doubtful.elapsed).toBeLessThan(1000);
  });

  test('ends by itself: at once where nothing helps, after two and a half seconds in doubt', async () => {
    const slow = await measure([130]);
    expect([slow.ms, slow.elapsed]).toEqual([130, 520]);
    const doubtful = await measure([40]);
    expect([doubtful.ms, doubtful.elapsed]).toEqual([40, 2520]);
    const near = await measure([28]);
    expect(near.ms).toBe(28);
    expect(near.elapsed).toBeLessThan(450);
  });

  test('more steps double up; a tier without a body is measured without one', async () => {
    const { ticks } = await measure([20], { steps: 6 });
    expect(ticks.slice(0, 7).map((line) => line.slice(5))).toEqual([
      'lower 0-2 true',
      'lower 2-4 false',
      'lower 4-6 false',
      'upper 0-2 true',
      'upper 2-4 false',
      'upper 4-6 false',
      'lower 0-2 true',
    ]);
    expect(new Set((await measure([1], { full: false })).ticks)).toEqual(new Set(['true ']));
  });
});

suite('the first that is fast enough', () => {
  const choose = (times: Partial<Record<Tier, number | string | EngineError>>) => {
    const machine = fakeMachine();
    const candidate = (tier: Tier, limitMs?: number): Candidate => ({
      tier,
      ...(limitMs && { limitMs }),
      async open() {
        const time = times[tier] ?? 1;
        if (time instanceof EngineError) throw time;
        return typeof time === 'string' ? time : machine.open(tier, [time]);
      },
    });
    const all = [
      candidate('webgpu', WEBGPU_LIMIT_MS),
      candidate('wasm', WASM_LIMIT_MS),
      candidate('visemes'),
    ];
    return { machine, chosen: firstFastEnough(all, machine.options) };
  };

  test('a fast GPU is taken at once, and the reason says the numbers', async () => {
    const { machine, chosen } = choose({ webgpu: 4 });
    const { backend, reason } = await chosen;
    expect(backend.info.backend).toBe('webgpu');
    expect(reason).toBe('the webgpu machine: 4.0 ms a tick of 33 ms, within the limit of 20 ms');
    expect(machine.log).not.toContain('webgpu disposed');
  });

  test('a slow GPU loses against WebAssembly, and a slow WebAssembly against lips alone', async () => {
    const second = choose({ webgpu: 21, wasm: 29 });
    expect((await second.chosen).backend.info.backend).toBe('wasm');
    expect((await second.chosen).reason).toMatch(
      /webgpu machine: 21\.0 ms.*more than.*; the wasm machine: 29\.0 ms/,
    );
    expect(second.machine.log).toContain('webgpu disposed');
    const third = choose({ webgpu: 'only a software adapter is here', wasm: 61 });
    expect((await third.chosen).backend.info.backend).toBe('visemes');
    expect((await third.chosen).reason).toBe(
      'only a software adapter is here; the wasm machine: 61.0 ms a tick of 33 ms, more than the limit of 60 ms',
    );
    expect(third.machine.log).toContain('wasm disposed');
  });

  test('what this machine cannot do is passed over, what is wrong with the files is not', async () => {
    const { chosen } = choose({ webgpu: new EngineError('unsupported', 'This browser has no WebGPU.') });
    expect((await chosen).reason).toMatch(/^This browser has no WebGPU; the wasm machine/);
    const damaged = choose({ webgpu: new EngineError('asset', 'dim.safetensors is damaged') });
    await expect(damaged.chosen).rejects.toThrow('damaged');
    const nothing = choose({ webgpu: 70, wasm: 70, visemes: new EngineError('unsupported', 'no SIMD') });
    await expect(nothing.chosen).rejects.toThrow('no SIMD');
  });
});

test('lips go on between the networks that are opened for a better tier', { timeout: 120_000 }, async () => {
  const files = {
    fetch: async (name: string) => model(name),
    gpu: undefined,
    runtime: async () => runtime(),
  };
  const options = {
    sampler: { steps: 1, eta: 0, seed: 1 },
    conditions: { style: [0, 0], facing: [1, 1], emotion: [0, 0] },
  };
  const { backend: lips, models } = await openBackend('visemes', files, options);
  await lips.reset();
  const silence = new Float32Array(2 * 2 * 80).fill(models.melSilence);
  let ticks = 0;
  const breathe = async () => {
    expect((await lips.tick(silence, { frame: true })).face).toBeDefined();
    ticks++;
  };
  const { backend: wasm } = await openBackend('wasm', { ...files, breathe }, options);
  expect(ticks).toBe(WASM_GRAPHS.length);
  for (const backend of [lips, wasm]) backend.dispose();
});

test('a change of tier downloads nothing twice', { timeout: 120_000 }, async () => {
  const fetched: string[] = [];
  const sources = {
    fetch: async (name: string) => {
      fetched.push(name);
      return model(name);
    },
    gpu: undefined,
    runtime: async () => {
      fetched.push('runtime');
      return runtime();
    },
  };
  const options = {
    sampler: { steps: 4, eta: 0, seed: 1 },
    conditions: { style: [0, 0], facing: [1, 1], emotion: [0, 0] },
  };
  const { backend: wasm, gpu } = await openBackend('wasm', sources, options);
  expect(wasm.info).toMatchObject({ backend: 'wasm', reason: 'asked for' });
  expect(gpu).toBeUndefined();
  const first = fetched.length;
  const { backend: visemes } = await openBackend('visemes', { ...sources }, options);
  await visemes.restore(await wasm.save());
  wasm.dispose();
  const { backend: again } = await openBackend('wasm', { ...sources }, options);
  await again.restore(await visemes.save());
  expect(fetched.length).toBe(first);
  expect(new Set(fetched).size).toBe(first);
  await expect(openBackend('webgpu', sources, options)).rejects.toMatchObject({ kind: 'unsupported' });
  const { backend: auto } = await openBackend('auto', sources, options);
  expect(auto.info.backend).not.toBe('webgpu');
  expect(auto.info.reason).toMatch(/no WebGPU.*; onnxruntime-web .*: \d+\.\d ms a tick of 33 ms/);
  for (const backend of [visemes, again, auto]) backend.dispose();
});
