import { expect, suite, test } from 'vitest';
import { TICK_LENGTH } from '../../src/engine/audio/voices.ts';
import { loadModels } from '../../src/engine/backend/models.ts';
import { wasmRuntimeUrl } from '../../src/engine/backend/wasm.runtime.ts';
import { WasmBackend } from '../../src/engine/backend/wasm.ts';
import { WebgpuBackend } from '../../src/engine/backend/webgpu.ts';
import { openGpu } from '../../src/kernels/gpu.ts';
import type { Plan } from '../../src/kernels/plan.ts';
import type { Tensor } from '../../src/kernels/tensor.ts';
import { ReadBack, upload } from '../../src/kernels/transfer.ts';
import { distance, goldenVectors } from '../golden.ts';

const bytes = async (url: string) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
};
const golden = async (name: string) => goldenVectors(await bytes(`/test/golden/${name}.safetensors`), name);

const models = await loadModels((name) => bytes(`/models/${name}`));
const ids = (values: Float32Array) => [...values];

/** Runs plans one after the other in one command buffer and brings `tensors` back after each. */
function makeRunner(device: GPUDevice, plans: readonly Plan[], tensors: readonly Tensor[]) {
  const readBacks = plans.map(() => new ReadBack(device, tensors, 1));
  return async () => {
    const commands = device.createCommandEncoder();
    plans.forEach((plan, i) => {
      const pass = commands.beginComputePass();
      plan.encode(pass);
      pass.end();
      readBacks[i].encode(commands);
    });
    device.queue.submit([commands.finish()]);
    return Promise.all(readBacks.map((readBack) => readBack.read()));
  };
}

const open = async (conditions: { style: number[]; facing: number[]; emotion: number[] }) => {
  const gpu = await openGpu();
  const sampler = { steps: 4, eta: 0, seed: 1234 };
  const backend = await WebgpuBackend.open(gpu, models, { sampler, conditions }, 'test');
  return { gpu, backend };
};

suite('WGSL agrees with PyTorch', { timeout: 300_000 }, () => {
  test('speech encoder, tick by tick, past the end of its ring', async () => {
    const vectors = await golden('speech-encoder');
    const { gpu, backend } = await open({ style: [0, 0], facing: [1, 1], emotion: [0, 0] });
    const { encoder } = backend;
    const mel = vectors('mel');
    expect(mel.shape[0]).toBeGreaterThan(models.encoder.window);
    const run = makeRunner(gpu.device, [encoder.plan], [encoder.token, encoder.phones, encoder.voicing]);
    let worst = { token: 0, phones: 0, voicing: 0 };
    for (let n = 0; n < mel.shape[0]; n++) {
      upload(gpu.device, encoder.mel, mel.row(n));
      upload(gpu.device, encoder.clock, Uint32Array.of(n, 0, 0, 0));
      const [[token, logits, voicing]] = await run();
      const width = logits.length / 2;
      const phones = Float32Array.from(logits, (_, i) => {
        const row = logits.subarray(i - (i % width), i - (i % width) + width);
        return Math.exp(logits[i]) / row.reduce((sum, v) => sum + Math.exp(v), 0);
      });
      worst = {
        token: Math.max(worst.token, distance(token, vectors('token').row(n))),
        phones: Math.max(worst.phones, distance(phones, vectors('phones').row(n))),
        voicing: Math.max(
          worst.voicing,
          distance(
            voicing.map((v) => 1 / (1 + Math.exp(-v))),
            vectors('voicing').row(n),
          ),
        ),
      };
    }
    console.log(`speech encoder: largest error ${JSON.stringify(worst)}`);
    expect(Math.max(worst.token, worst.phones, worst.voicing)).toBeLessThanOrEqual(2e-3);
    backend.dispose();
  });

  test('face, every DDIM step of every frame, past the end of its ring', async () => {
    const vectors = await golden('face');
    const { gpu, backend } = await open({
      style: ids(vectors('style').values),
      facing: ids(vectors('facing').values),
      emotion: ids(vectors('emotion').values),
    });
    const { face, encoder } = backend;
    const { low, high, std } = models;
    const audio = vectors('audio');
    expect(audio.shape[0]).toBeGreaterThan(models.face.window);
    await makeRunner(gpu.device, [face.conditions], [face.x])();
    const run = makeRunner(gpu.device, [face.begin, ...face.steps, face.context], [face.x0, face.x]);
    const C = models.encoder.C;
    const scale = (values: ArrayLike<number>) => Array.from(values, (v, at) => v * std[at % 51]);
    let worst = 0;
    for (let k = 0; k < audio.shape[0]; k++) {
      const row = audio.row(k); // own ‖ partner of each person: the own halves are the tokens
      upload(
        gpu.device,
        encoder.token,
        Float32Array.of(...row.subarray(0, C), ...row.subarray(2 * C, 3 * C)),
      );
      upload(gpu.device, face.clock, Uint32Array.of(k, 1234, 0, 0));
      const [[, noise], ...results] = await run();
      expect(distance(noise, vectors('x_T').row(k))).toBe(0);
      face.steps.forEach((_, i) => {
        const [output, x] = results[i];
        const x0 = output.map((v, at) => Math.min(high[at % 51], Math.max(low[at % 51], v)));
        worst = Math.max(
          worst,
          distance(scale(x0), scale(vectors(`x0.${i}`).row(k))),
          distance(scale(x), scale(vectors(`x.${i}`).row(k))),
        );
      });
    }
    console.log(`face: largest error ${worst} ARKit weight`);
    expect(worst).toBeLessThanOrEqual(2e-3);
    backend.dispose();
  });
});

test('the steady state allocates nothing on the GPU', { timeout: 120_000 }, async () => {
  const { gpu, backend } = await open({ style: [0, 1], facing: [1, 1], emotion: [0, 0] });
  const mel = new Float32Array(TICK_LENGTH).fill(models.melSilence);
  for (let n = 0; n < 4; n++) await backend.tick(mel);
  const made: string[] = [];
  const { device } = gpu;
  const count = (name: 'createBuffer' | 'createTexture' | 'createBindGroup' | 'createQuerySet') => {
    const original = device[name].bind(device) as (descriptor: never) => never;
    Object.assign(device, {
      [name]: (descriptor: never) => {
        made.push(name);
        return original(descriptor);
      },
    });
  };
  for (const name of ['createBuffer', 'createTexture', 'createBindGroup', 'createQuerySet'] as const)
    count(name);
  const bytesBefore = backend.gpuBytes;
  for (let n = 0; n < 4; n++) await backend.tick(mel);
  expect(made).toEqual([]);
  expect(backend.gpuBytes).toBe(bytesBefore);
  device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST }).destroy();
  expect(made).toEqual(['createBuffer']); // the counter counts
  backend.dispose();
});

test('both backends give the same motion', { timeout: 120_000 }, async () => {
  const files = {
    encoderGraph: await bytes('/models/speech-encoder.onnx'),
    faceGraph: await bytes('/models/face.onnx'),
    prefixGraph: await bytes('/models/face-prefix.onnx'),
    runtime: await bytes(wasmRuntimeUrl),
  };
  const sampler = { steps: 4, eta: 1, seed: 1234 }; // eta 1: the fresh noise of every step counts too
  const conditions = { style: [0, 1], facing: [1, 1], emotion: [0, 6] };
  const wgsl = await WebgpuBackend.open(await openGpu(), models, { sampler, conditions }, 'test');
  const wasm = await WasmBackend.open(models, files, { sampler, conditions }, 'test');
  const mel = (await golden('speech-encoder'))('mel');
  let frames = 0;
  for (let n = 0; n < 12; n++) {
    const [a, b] = [await wgsl.tick(mel.row(n).slice()), await wasm.tick(mel.row(n).slice())];
    expect(distance(a.phones, b.phones)).toBeLessThanOrEqual(2e-3);
    if (!a.face || !b.face) continue;
    frames++;
    expect(distance(a.face, b.face)).toBeLessThanOrEqual(2e-3);
  }
  expect(frames).toBe(12 - models.encoder.lookahead);
  wgsl.dispose();
  wasm.dispose();
});
