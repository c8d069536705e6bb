import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, suite, test } from 'vitest';
import { loadModels } from '../../src/engine/backend/models.ts';
import { WasmEncoder } from '../../src/engine/backend/wasm.encoder.ts';
import { WasmFace } from '../../src/engine/backend/wasm.face.ts';
import { useRuntime } from '../../src/engine/backend/wasm.session.ts';
import { distance, goldenVectors } from '../golden.ts';

const bytes = (file: string): ArrayBuffer => {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
};
const model = (name: string) => bytes(`public/models/${name}`);
const golden = (name: string) => goldenVectors(bytes(`test/golden/${name}.safetensors`), name);

useRuntime(bytes(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm')));
const models = await loadModels(async (name) => model(name));
const F = models.face.channels;
const inWeights = (z: ArrayLike<number>) => Array.from(z, (v, i) => v * models.std[i % F]);

suite('the wasm backend agrees with PyTorch', { timeout: 60_000 }, () => {
  test('speech encoder, tick by tick, past the end of its ring; a reset starts anew', async () => {
    const vectors = golden('speech-encoder');
    const encoder = await WasmEncoder.open(models, model('speech-encoder.onnx'));
    const mel = vectors('mel');
    expect(mel.shape[0]).toBeGreaterThan(models.encoder.window);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < (round === 0 ? mel.shape[0] : 5); n++) {
        const { token, phones, voicing } = await encoder.step(mel.row(n).slice());
        expect(distance(token, vectors('token').row(n))).toBeLessThanOrEqual(2e-3);
        expect(distance(phones, vectors('phones').row(n))).toBeLessThanOrEqual(2e-3);
        expect(distance(voicing, vectors('voicing').row(n))).toBeLessThanOrEqual(2e-3);
      }
      encoder.reset();
    }
    encoder.dispose();
  });

  test('face, every DDIM step of every frame, past the end of its ring', async () => {
    const vectors = golden('face');
    const graphs = { face: model('face.onnx'), prefix: model('face-prefix.onnx') };
    const face = await WasmFace.open(models, graphs, { steps: 4, eta: 0, seed: 1234 });
    const ids = (name: string) => [...vectors(name).values];
    await face.setConditions({ style: ids('style'), facing: ids('facing'), emotion: ids('emotion') });
    const audio = vectors('audio');
    const C = models.encoder.C;
    for (let k = 0; k < audio.shape[0]; k++) {
      const row = audio.row(k); // own ‖ partner of each person: the own halves are the tokens
      const token = Float32Array.of(...row.subarray(0, C), ...row.subarray(2 * C, 3 * C));
      const weights = await face.sample(token, (i, x0, x) => {
        expect(distance(inWeights(x0), inWeights(vectors(`x0.${i}`).row(k)))).toBeLessThanOrEqual(2e-3);
        expect(distance(inWeights(x), inWeights(vectors(`x.${i}`).row(k)))).toBeLessThanOrEqual(2e-3);
      });
      expect(distance(weights, vectors('face').row(k))).toBeLessThanOrEqual(2e-3);
    }
    face.dispose();
  });
});
