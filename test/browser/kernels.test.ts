import { afterAll, expect, suite, test } from 'vitest';
import { EngineError } from '../../src/errors.ts';
import { attention } from '../../src/kernels/attention/attention.ts';
import { openGpu } from '../../src/kernels/gpu.ts';
import { type AnyReference, isWritten, kernel, type Tuning } from '../../src/kernels/kernel.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { linear } from '../../src/kernels/linear/linear.ts';
import { Plan } from '../../src/kernels/plan.ts';
import { Arena, slice, type Tensor, view } from '../../src/kernels/tensor.ts';
import { ReadBack, upload } from '../../src/kernels/transfer.ts';
import { CANARY, place, references } from '../fixture.ts';

const errors: EngineError[] = [];
const gpu = await openGpu(navigator.gpu, { onError: (error) => errors.push(error) });
const { device } = gpu;

afterAll(() => {
  expect(errors).toEqual([]);
  gpu.dispose();
});

async function execute(plan: Plan, tensors: readonly Tensor[]) {
  const readBack = new ReadBack(device, tensors, 1);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  plan.encode(pass);
  pass.end();
  readBack.encode(encoder);
  device.queue.submit([encoder.finish()]);
  const results = await readBack.read();
  readBack.dispose();
  return results;
}

/** The use that a WGSL declaration states: its access and type, and the shape and word in its comment. `update` is a write. */
const DECLARATION =
  /@binding\((\d+)\)\s+var<storage,\s*(read_write|read)>\s+(\w+): array<(\w+)>;\s*\/\/ \[(.*)\](.*)/g;
const ACCESS: Record<string, string> = {
  'read f32': 'read',
  'read vec4f': 'read',
  'read u32 halves': 'half',
  'read vec4u halves': 'half',
  'read u32': 'index',
  'read_write f32': 'write',
  'read_write vec4f': 'write',
};

const BOTH = [true, false];
const EVERY_TUNING: readonly Tuning[] = BOTH.flatMap((software) =>
  BOTH.flatMap((subgroups) => BOTH.map((f16) => ({ software, subgroups, f16 }))),
);

/** All that this adapter can run: what a GPU would do is tried on a CPU too, with subgroups and halves and without. */
const TUNINGS = EVERY_TUNING.filter(
  ({ subgroups, f16 }) =>
    (!subgroups || gpu.features.has('subgroups')) && (!f16 || gpu.features.has('shader-f16')),
);

/** A half has 11 bits: a product of fours is off by half a thousandth, a sum of hundreds by a few hundredths. */
const F16_TOLERANCE = { abs: 3e-2, rel: 2e-3 };
const toleranceOf = ({ tolerance = { abs: 1e-5, rel: 1e-4 } }: AnyReference, variant: string | undefined) =>
  variant === 'f16' ? F16_TOLERANCE : tolerance;

/** Every different way to launch a case. */
function tuningsOf(
  { launch }: AnyReference['kernel'],
  { dims, options = {} }: AnyReference['cases'][string],
) {
  const launches = TUNINGS.map((tuning) => JSON.stringify(launch(dims, options, tuning)));
  return TUNINGS.filter((_, i) => launches.indexOf(launches[i]) === i);
}

const wordsOf = ({ software, subgroups, f16 }: Tuning) =>
  `${software ? '' : ', as on a GPU'}${subgroups ? ', subgroups' : ''}${f16 ? ', f16' : ''}`;

for (const reference of references) {
  const { kernel, run, cases } = reference;
  const uses = Object.entries(kernel.tensors);

  suite(kernel.name, () => {
    test('the WGSL declares the same tensors: order, access, type and shape comment', () => {
      for (const wgsl of [kernel.wgsl, ...Object.values(kernel.variants ?? {})]) {
        const declared = [...wgsl.matchAll(DECLARATION)].map(
          ([, binding, access, name, type, shape, word]) =>
            `${binding} ${name}: ${ACCESS[`${access} ${type}${word}`]} ${shape.replaceAll(',', ' ')}`,
        );
        expect(declared).toEqual(
          uses.map(([name, use], i) => `${i} ${name}: ${use.replace(/^update/, 'write')}`),
        );
        expect(wgsl.match(/@binding/g)).toHaveLength(uses.length);
        expect(wgsl.startsWith('//'), 'the first line is the formula').toBe(true);
      }
      expect(isWritten(uses.at(-1)![1]), 'what is written comes last').toBe(true);
    });

    test('every variant is chosen by some case', () => {
      const chosen = Object.values(cases).flatMap(({ dims, options = {} }) =>
        EVERY_TUNING.map((tuning) => kernel.launch(dims, options, tuning).variant),
      );
      expect(Object.keys(kernel.variants ?? {}).filter((variant) => !chosen.includes(variant))).toEqual([]);
    });

    const runs = Object.entries(cases).flatMap(([label, tried]) =>
      tuningsOf(kernel, tried).map((tuning) => ({ label, tried, tuning })),
    );
    for (const { label, tried, tuning } of runs) {
      test(`${label} ${JSON.stringify(tried.dims)}${wordsOf(tuning)}`, async () => {
        using arena = new Arena(device);
        const { variant } = kernel.launch(tried.dims, tried.options ?? {}, tuning);
        const tolerance = toleranceOf(reference, variant);
        const { values, tensors } = place(reference, tried, arena);
        run(values, tried.dims, tried.options ?? {});
        const plan = await new Plan(device, tuning).add(kernel, tensors, tried.options ?? {}).compile();

        const written = uses.filter(([, use]) => isWritten(use)).map(([name]) => name);
        const results = await execute(
          plan,
          written.map((name) => tensors[name]),
        );
        for (const [i, name] of written.entries()) {
          const [want, got] = [values[name], results[i]];
          const wrong = want.findIndex(
            (w, j) => !(Math.abs(got[j] - w) <= tolerance.abs + tolerance.rel * Math.abs(w)),
          );
          expect(wrong, `${name}[${wrong}] is ${got[wrong]}, reference says ${want[wrong]}`).toBe(-1);
          const canary = got.subarray(want.length);
          expect(canary).toHaveLength(CANARY.count);
          expect(
            canary.every((v) => v === CANARY.value),
            `${name} was written past its end`,
          ).toBe(true);
        }
      });
    }
  });
}

suite('the house', () => {
  const scale = kernel({
    name: 'scale',
    wgsl: `override COUNT: u32;
      @group(0) @binding(0) var<storage, read> by: array<f32>; // [1]
      @group(0) @binding(1) var<storage, read_write> out: array<f32>; // [N]
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
        if (id.x < COUNT) { out[id.x] *= by[0]; }
      }`,
    tensors: { by: 'read 1', out: 'update N' },
    launch: ({ N }) => ({ constants: { COUNT: N }, grid: [Math.ceil(N / 64), 1, 1] }),
  });
  const message = (run: () => void) => {
    try {
      run();
    } catch (error) {
      if (error instanceof EngineError) return `${error.kind}: ${error.message}`;
      throw error;
    }
    return 'no error';
  };

  test('a tensor of the wrong size, type or buffer is a bug that says so', () => {
    using arena = new Arena(device);
    const [x, gain, bias, out] = [
      arena.tensor('x', [2, 1, 256]),
      arena.tensor('gain', [255]),
      arena.tensor('bias', [256]),
      arena.tensor('out', [2, 1, 256]),
    ];
    const add = (tensors: Record<'x' | 'gain' | 'bias' | 'out', Tensor>) => () => {
      new Plan(device).add(layernorm, tensors);
    };
    expect(message(add({ x, gain, bias, out }))).toBe(
      'bug: layernorm: gain has shape [255], expected [C=256]',
    );
    expect(message(add({ x, gain: bias, bias, out: x }))).toMatch(
      'out is written and shares a buffer with x',
    );
    const w = arena.tensor('w', [256], { dtype: 'f16x2' });
    expect(message(add({ x, gain: w, bias, out }))).toBe('bug: layernorm: gain is f16x2, expected f32');
    expect(message(add({ x, gain: bias, bias, out: view(out, [1, 2, 256]) }))).toMatch(
      'out has shape [1,2,256]',
    );
    expect(message(() => new Plan(device).add(scale, { by: bias, out }))).toMatch(
      'by has shape [256], expected [1]',
    );
    const short = { name: 'short', dtype: 'f32', shape: [3], data: new Float32Array(2) } as const;
    expect(message(() => arena.weights('w', [short]))).toMatch('short: f32 [3] needs 12 bytes, got 8');
    expect(message(() => upload(device, bias, new Float32Array(3)))).toMatch('bias: upload of 12 bytes');
  });

  test('a missing tensor, a wrong option and an unknown letter are type errors', () => {
    const t = {} as Tensor;
    const plan = { add: () => {} } as unknown as Plan;
    // @ts-expect-error: out is missing
    plan.add(layernorm, { x: t, gain: t, bias: t });
    // @ts-expect-error: eps is a number
    plan.add(layernorm, { x: t, gain: t, bias: t, out: t }, { eps: 'small' });
    // @ts-expect-error: relu is no activation here
    plan.add(linear, { x: t, w: t, b: t, out: t }, { act: 'relu' });
    // @ts-expect-error: heads must be said
    plan.add(attention, { qkv: t, prefix: t, ring: t, clock: t, out: t });
    const tensors = { out: 'write R' } as const;
    // @ts-expect-error: Z is no letter of the tensors
    kernel({ name: '', wgsl: '', tensors, launch: ({ Z }) => ({ constants: { Z }, grid: [1, 1, 1] }) });
  });

  test('a WGSL mistake names the file, the line and the column, and quotes it', async () => {
    using arena = new Arena(device);
    const broken = { ...scale, name: 'broken', wgsl: scale.wgsl.replace('by[0]; }', 'by[0] + ; }') };
    const plan = new Plan(device).add(broken, { by: arena.tensor('by', [1]), out: arena.tensor('out', [4]) });
    const error = await plan.compile().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).message).toMatch(/broken\.wgsl:5:\d+ .*\n.*out\[id\.x\] \*= by\[0\] \+ ;/);
  });

  test('a plan replays; results of frames under way come back in order', async () => {
    using arena = new Arena(device);
    const by = arena.tensor('by', [1]);
    const out = arena.tensor('out', [3], { data: Float32Array.of(1, 2, 3) });
    const plan = await new Plan(device).add(scale, { by, out }).add(scale, { by, out }).compile();
    expect(plan.dispatches).toBe(2);
    const idle = new Plan(device).add(scale, { by, out });
    const encoder = device.createCommandEncoder();
    expect(message(() => idle.encode(encoder.beginComputePass()))).toMatch('plan: compile it before encode');
    const readBack = new ReadBack(device, [out, by]);
    const frame = (factor: number) => {
      upload(device, by, Float32Array.of(factor));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      plan.encode(pass);
      pass.end();
      readBack.encode(encoder);
      device.queue.submit([encoder.finish()]);
      return readBack.read().then(([values, factors]) => [...values, ...factors]);
    };
    expect(await Promise.all([frame(2), frame(3), frame(0.5)])).toEqual([
      [4, 8, 12, 2],
      [36, 72, 108, 3],
      [9, 18, 27, 0.5],
    ]);
    const fourth = [frame(1), frame(1), frame(1)];
    expect(message(() => readBack.encode(device.createCommandEncoder()))).toMatch('3 results wait');
    await Promise.all(fourth);
    expect(readBack.pending).toBe(0);
    readBack.dispose();
  });

  test('weights lie in one buffer; slices of them are tensors too', async () => {
    using arena = new Arena(device);
    const halves = { name: 'h', dtype: 'f16x2', shape: [3], data: Uint16Array.of(1, 2, 3) } as const;
    const rows = Float32Array.from({ length: 192 }, (_, i) => i);
    const weights = arena.weights('weights', [
      halves,
      { name: 'w', dtype: 'f32', shape: [3, 64], data: rows },
    ]);
    const w = weights.get('w')!;
    expect([w.byteOffset, w.byteLength, arena.bytes]).toEqual([256, 768, 1024]);
    const last = slice(w, 2, 3);
    expect([last.byteOffset, last.shape, last.byteLength]).toEqual([768, [1, 64], 256]);
    expect(message(() => slice(weights.get('h')!, 1, 2))).toMatch(
      'h: row 1 starts at byte 2, not a multiple of 256',
    );
    expect(message(() => slice(w, 1, 4))).toMatch('w: rows 1…4 are not inside [3,64]');
    const readBack = new ReadBack(device, [last], 1);
    const encoder = device.createCommandEncoder();
    readBack.encode(encoder);
    device.queue.submit([encoder.finish()]);
    expect((await readBack.read())[0][63]).toBe(191);
    readBack.dispose();
  });

  test('no WebGPU and no adapter are errors for the user; a disposed device is not lost', async () => {
    const none = { requestAdapter: async () => null } as unknown as GPU;
    await expect(openGpu(undefined)).resolves.toBeDefined(); // the page's own
    await expect(openGpu(none)).rejects.toMatchObject({ kind: 'unsupported', hint: expect.any(String) });
    const second = await openGpu(navigator.gpu);
    expect(second.adapterName).not.toBe('');
    second.dispose();
    await second.device.lost;
    expect(await Promise.race([second.lost, Promise.resolve('still waiting')])).toBe('still waiting');
  });
});
