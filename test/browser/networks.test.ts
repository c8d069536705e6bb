import { expect, suite, test } from 'vitest';
import { TICK_LENGTH } from '../../src/engine/audio/voices.ts';
import type { BackendOptions } from '../../src/engine/backend/backend.ts';
import { FACE_TO_FACE } from '../../src/engine/backend/models.ts';
import { wasmRuntimeUrl } from '../../src/engine/backend/wasm.runtime.ts';
import { WASM_GRAPHS, WasmBackend, type WasmFiles } from '../../src/engine/backend/wasm.ts';
import { stepsOf } from '../../src/engine/model/sampler.ts';
import { upload } from '../../src/kernels/transfer.ts';
import { distance } from '../golden.ts';
import { bytes, golden, makeRunner, models, openWgsl, options, workOf } from '../networks.ts';

const ids = (values: Float32Array) => [...values];

suite('WGSL agrees with PyTorch', { timeout: 300_000 }, () => {
  test('speech encoder, tick by tick, past the end of its ring', async () => {
    const vectors = await golden('speech-encoder');
    const { device, backend, networks } = await openWgsl(options());
    const { encoder } = networks;
    const mel = vectors('mel');
    expect(mel.shape[0]).toBeGreaterThan(models.encoder.window);
    const run = makeRunner(device, [[encoder.plan]], [encoder.token, encoder.phones, encoder.voicing]);
    let worst = { token: 0, phones: 0, voicing: 0 };
    for (let n = 0; n < mel.shape[0]; n++) {
      upload(device, encoder.mel, mel.row(n));
      upload(device, encoder.clock, Uint32Array.of(n, 0, 0, 0));
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
    const conditions = {
      style: ids(vectors('style').values),
      facing: ids(vectors('facing').values),
      emotion: ids(vectors('emotion').values),
    };
    const { device, backend, networks } = await openWgsl(options(conditions));
    const { face, encoder } = networks;
    const { low, high, std } = models;
    const audio = vectors('audio');
    expect(audio.shape[0]).toBeGreaterThan(models.face.window);
    await makeRunner(device, [[face.prefix]], [face.x])();
    const plans = [face.begin, ...face.steps, face.context].map((plan) => [plan]);
    const run = makeRunner(device, plans, [face.x0, face.x]);
    const C = models.encoder.C;
    const scale = (values: ArrayLike<number>) => Array.from(values, (v, at) => v * std[at % 51]);
    let worst = 0;
    let far = 0;
    let count = 0;
    for (let k = 0; k < audio.shape[0]; k++) {
      const row = audio.row(k); // own ‖ partner of each person: the own halves are the tokens
      upload(device, encoder.token, Float32Array.of(...row.subarray(0, C), ...row.subarray(2 * C, 3 * C)));
      upload(device, face.clock, Uint32Array.of(k, 1234, 0, 0));
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
      const emitted = [
        scale(results[face.steps.length - 1][1]),
        scale(vectors(`x.${face.steps.length - 1}`).row(k)),
      ];
      count += emitted[0].length;
      far += emitted[0].filter((v, at) => Math.abs(v - emitted[1][at]) > 1e-4).length;
    }
    console.log(`face: largest error ${worst} ARKit weight, ${far} of ${count} emitted weights beyond 1e-4`);
    expect(worst).toBeLessThanOrEqual(2e-3);
    // Where a voice sets in the trained network is steep: PyTorch's own f32 is off its f64 by 6e-5 there.
    expect(far / count).toBeLessThanOrEqual(2e-3);
    backend.dispose();
  });
});

test('the steady state allocates nothing on the GPU', { timeout: 300_000 }, async () => {
  const { device, backend } = await openWgsl(options({ style: [0, 1] }));
  const mel = new Float32Array(TICK_LENGTH).fill(models.melSilence);
  const go = async (from: number, to: number) => {
    for (let n = from; n < to; n++) await backend.tick(mel, workOf(n, FACE_TO_FACE));
  };
  await go(0, 4);
  const made: string[] = [];
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
  const began = performance.now();
  await go(4, 13); // blocks of both body networks begin and end
  const tookMs = performance.now() - began;
  expect(made).toEqual([]);
  expect(backend.gpuBytes).toBe(bytesBefore);
  // SwiftShader has timestamps; what the passes took cannot be more than what passed meanwhile.
  expect(backend.gpuMs).toBeGreaterThan(0);
  expect(backend.gpuMs).toBeLessThan(tookMs);
  device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST }).destroy();
  expect(made).toEqual(['createBuffer']); // the counter counts
  backend.dispose();
});

suite('both backends give the same motion', { timeout: 300_000 }, async () => {
  const graphs = await Promise.all(
    WASM_GRAPHS.map(async (name) => [name, await bytes(`/models/${name}.onnx`)] as const),
  );
  const files = {
    graphs: Object.fromEntries(graphs) as WasmFiles['graphs'],
    runtime: await bytes(wasmRuntimeUrl),
  };
  const mel = (await golden('speech-encoder'))('mel');
  const conditions = { style: [0, 1], emotion: [0, 6], action: [0, 2], relationship: 1 };

  /** Opens both backends and compares what they give. */
  async function openBoth(sampler: Partial<BackendOptions['sampler']>) {
    const given = options(conditions, sampler);
    const { backend: wgsl } = await openWgsl(given);
    const wasm = await WasmBackend.open(models, files, given, 'test');
    const worst: Record<string, number> = {};
    const counts: Record<string, number> = {};
    const compare = async (from: number, to: number) => {
      for (let n = from; n < to; n++) {
        const work = workOf(n, FACE_TO_FACE, stepsOf(given.sampler.steps).body);
        const [a, b] = [await wgsl.tick(mel.row(n).slice(), work), await wasm.tick(mel.row(n).slice(), work)];
        for (const name of ['face', 'behaviour', 'codes', 'turn', 'body', 'phones', 'voicing'] as const) {
          const [ours, theirs] = [await a[name], await b[name]];
          expect(ours === undefined, `${name} of tick ${n}`).toBe(theirs === undefined);
          if (!ours || !theirs) continue;
          counts[name] = (counts[name] ?? 0) + 1;
          worst[name] = Math.max(worst[name] ?? 0, distance(ours, theirs));
        }
      }
    };
    const close = () => {
      wgsl.dispose();
      wasm.dispose();
      console.log(`both backends: largest differences ${JSON.stringify(worst)}`);
      expect(worst.codes).toBe(0);
      expect(Math.max(...Object.values(worst))).toBeLessThanOrEqual(1e-4);
    };
    return { wgsl, wasm, counts, compare, close };
  }

  test('guided, with fresh noise in every step; and they go on from the same state', async () => {
    const { wgsl, wasm, counts, compare, close } = await openBoth({
      eta: 1,
      guidance: { face: 1.5, body: 2 },
    });
    await compare(0, 15);
    const state = await wgsl.save(); // in the middle of the upper body's first block
    const theirs = await wasm.save();
    expect(Object.keys(theirs.tensors).sort()).toEqual(Object.keys(state.tensors).sort());
    expect(theirs.counters).toEqual(state.counters);
    await wasm.restore(state);
    await compare(15, 19);
    await wgsl.restore(await wasm.save());
    await compare(19, 23);
    const each = { turn: 23, phones: 23, voicing: 23, face: 21, behaviour: 21, codes: 21, body: 5 };
    expect(counts).toEqual(each);
    close();
  });

  test('in one step of x0-replacement, with the likeliest codes; after a reset too', async () => {
    const sampler = { steps: 1, rule: 'x0-replacement', codes: { temperature: 0, topK: 1 } } as const;
    const { wgsl, wasm, counts, compare, close } = await openBoth(sampler);
    await compare(0, 7); // a block of each body
    for (const backend of [wgsl, wasm]) {
      await backend.setConditions({
        ...options(conditions).conditions,
        text: new Float32Array(1536).fill(0.25),
      });
      await backend.reset(FACE_TO_FACE.map((v) => v / 2));
    }
    await compare(0, 3);
    expect(counts.body).toBe(3);
    close();
  });
});
