import { expect, suite, test } from 'vitest';
import type { Conditions } from '../../src/engine/backend/backend.ts';
import { Behaviour } from '../../src/engine/backend/behaviour.ts';
import { WasmBody } from '../../src/engine/backend/wasm.body.ts';
import { WasmCodes } from '../../src/engine/backend/wasm.codes.ts';
import { WasmEncoder } from '../../src/engine/backend/wasm.encoder.ts';
import { WasmFace } from '../../src/engine/backend/wasm.face.ts';
import { useRuntime } from '../../src/engine/backend/wasm.session.ts';
import { readSafetensors } from '../../src/engine/model/checkpoint.ts';
import { distance } from '../golden.ts';
import { bytes, golden, model, models, runtime } from './wasm.files.ts';

/** f32 sums in another order. */
const CLOSE = 1e-4;
/** The same in ARKit weights after 80 faces, each made on those before it. */
const CLOSE_FACE = 2e-3;
const F = models.face.channels;
const inWeights = (z: ArrayLike<number>) => Array.from(z, (v, i) => v * models.std[i % F]);
const seedOf = (name: string) =>
  Number(readSafetensors(bytes(`test/golden/${name}.safetensors`), name).metadata.seed);
const ids = (values: ArrayLike<number>) => Array.from(values);

useRuntime(runtime());

suite('the wasm backend agrees with PyTorch', { timeout: 60_000 }, () => {
  test('speech encoder, tick by tick, past the end of its ring; a reset starts anew', async () => {
    const vectors = golden('speech-encoder');
    const encoder = await WasmEncoder.open(models, model('speech-encoder.onnx'));
    const mel = vectors('mel');
    expect(mel.shape[0]).toBeGreaterThan(models.encoder.window);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < (round === 0 ? mel.shape[0] : 5); n++) {
        const { token, phones, voicing } = await encoder.step(mel.row(n).slice());
        expect(distance(token, vectors('token').row(n))).toBeLessThanOrEqual(CLOSE);
        expect(distance(phones, vectors('phones').row(n))).toBeLessThanOrEqual(CLOSE);
        expect(distance(voicing, vectors('voicing').row(n))).toBeLessThanOrEqual(CLOSE);
      }
      encoder.reset();
    }
    encoder.dispose();
  });

  test('face, every DDIM step of every frame, past the end of its ring', async () => {
    const vectors = golden('face');
    const graphs = { face: model('face.onnx'), prefix: model('face-prefix.onnx') };
    const face = await WasmFace.open(models, graphs, { steps: 4, eta: 0, seed: 1234 });
    const values = (name: string) => ids(vectors(name).values);
    await face.setConditions({
      style: values('style'),
      facing: values('facing'),
      emotion: values('emotion'),
    });
    const audio = vectors('audio');
    const C = models.encoder.C;
    for (let k = 0; k < audio.shape[0]; k++) {
      const row = audio.row(k); // own ‖ partner of each person: the own halves are the tokens
      const token = Float32Array.of(...row.subarray(0, C), ...row.subarray(2 * C, 3 * C));
      const weights = await face.sample(token, (i, x0, x) => {
        expect(distance(inWeights(x0), inWeights(vectors(`x0.${i}`).row(k)))).toBeLessThanOrEqual(CLOSE_FACE);
        expect(distance(inWeights(x), inWeights(vectors(`x.${i}`).row(k)))).toBeLessThanOrEqual(CLOSE_FACE);
      });
      expect(distance(weights, vectors('face').row(k))).toBeLessThanOrEqual(CLOSE_FACE);
    }
    face.dispose();
  });

  test('behaviour, frame by frame on its own codes and motion; codes of a given motion', async () => {
    const vectors = golden('dim');
    const { mean, std, config } = models.dim;
    const channels = config.channels.length;
    const physical = (z: ArrayLike<number>) =>
      Float32Array.from(z, (v, i) => v * std[i % channels] + mean[i % channels]);
    const graphs = {
      predictor: model('dim.onnx'),
      decoder: model('dim-decoder.onnx'),
      encoder: model('dim-encoder.onnx'),
    };
    const codes = { temperature: 0.8, topK: 26 };
    const options = { steps: 4, eta: 0, seed: seedOf('dim'), codes };
    const network = await WasmCodes.open(models, graphs, options);
    const behaviour = new Behaviour(models.dim);
    const [frames] = vectors('token').shape;
    const every = frames / vectors('logits').shape[0];
    expect(frames).toBeGreaterThan(config.window);
    for (let round = 0; round < 2; round++) {
      for (let k = 0; k < (round === 0 ? frames : 5); k++) {
        const row = (name: string) => vectors(name).row(k);
        const drawn = await network.draw(row('token'), behaviour, (logits) => {
          if (k % every === 0)
            expect(distance(logits, vectors('logits').row(k / every))).toBeLessThanOrEqual(CLOSE);
        });
        behaviour.take(drawn);
        behaviour.show(row('face'), row('voicing'));
        expect([...behaviour.codes]).toEqual([...row('codes')]);
        expect(distance(behaviour.turn, row('turn'))).toBeLessThanOrEqual(1e-6);
        expect(distance(behaviour.motion, row('motion'))).toBeLessThanOrEqual(CLOSE);
        const shown = physical(row('motion')).map((v, i) =>
          i % channels < channels - 3 ? Math.min(1, Math.max(0, v)) : v,
        );
        expect(distance(behaviour.values, shown)).toBeLessThanOrEqual(CLOSE);
        const newest = [9, 10, 11, 21, 22, 23].map((i) => behaviour.head[i]);
        expect(newest).toEqual([21, 22, 23, 45, 46, 47].map((i) => behaviour.values[i]));
      }
      network.reset();
      behaviour.reset();
    }
    const encoded = await network.encode(physical(vectors('encode_motion').values));
    expect([...encoded.listener]).toEqual([...vectors('listener_codes').values]);
    expect([...encoded.speaker]).toEqual([...vectors('speaker_codes').values]);
    network.dispose();
  });

  for (const network of ['lower', 'upper'] as const)
    test(`${network} body, every step of every block, past the end of its ring; guided`, async () => {
      const vectors = golden(`body-${network}`);
      const [blocks] = vectors('tokens').shape;
      const guidance = Number(
        readSafetensors(bytes(`test/golden/body-${network}.safetensors`), network).metadata.guidance,
      );
      const graphs = (name: string) => ({
        denoise: model(`${name}.onnx`),
        cond: model(`${name}-cond.onnx`),
        prefix: model(`${name}-prefix.onnx`),
      });
      for (const scale of [1, guidance]) {
        const options = { steps: 4, eta: 0, seed: 1234, guidance: { face: 1, body: scale } };
        const lower = await WasmBody.open('lower', models, graphs('body-lower'), options);
        const body =
          network === 'lower'
            ? lower
            : await WasmBody.open('upper', models, graphs('body-upper'), options, lower);
        const conditionsOf = (i: number): Conditions => ({
          style: [0, 0],
          facing: [1, 1],
          action: ids(vectors('action').row(i)),
          emotion: ids(vectors('emotion').row(i)),
          relationship: vectors('relationship').values[0],
          ...(i === 3 && { text: vectors('text').values }),
        });
        const given = lower.state['body-lower.x'];
        const give = (values: Float32Array) => {
          for (let at = 0; at < given.length; at += values.length) given.set(values, at);
        };
        await body.setConditions(conditionsOf(0));
        if (network === 'upper') give(vectors('open_lower').values);
        await body.reset(vectors('placement').row(0).slice());
        for (let i = 0; i < (scale === 1 ? blocks : vectors('guided').shape[0]); i++) {
          await body.setConditions(conditionsOf(i));
          if (network === 'upper') give(vectors('lower').row(i));
          const row = (name: string) => vectors(name).row(i);
          const told = row(scale === 1 ? 'told' : 'guided_told');
          const { last } = body.frames;
          if (network === 'lower') expect(distance(last, told)).toBeLessThanOrEqual(10 * CLOSE);
          last.set(told);
          await body.begin({
            tokens: row('tokens'),
            placement: row('placement'),
            head: network === 'upper' ? row('head') : new Float32Array(24),
          });
          const x = body.state[`body-${network}.x`];
          expect(distance(x.subarray(0, row('x_T').length), row('x_T'))).toBe(0);
          let frames: Float32Array | undefined;
          for (let step = 0; step < 4; step++)
            frames = await body.denoise(step, step + 1, (at, x0, next) => {
              if (scale !== 1) return;
              expect(distance(x0, row(`x0.${at}`))).toBeLessThanOrEqual(CLOSE);
              expect(distance(next, row(`x.${at}`))).toBeLessThanOrEqual(CLOSE);
            });
          expect(distance(frames ?? [], row(scale === 1 ? 'frames' : 'guided'))).toBeLessThanOrEqual(CLOSE);
        }
        body.dispose();
      }
    });
});
