import { expect, suite, test } from 'vitest';
import { BlockFrames } from '../../src/engine/backend/frames.ts';
import { FACE_TO_FACE } from '../../src/engine/backend/models.ts';
import { readSafetensors } from '../../src/engine/model/checkpoint.ts';
import { MOST_LAYER_DISPATCHES } from '../../src/engine/model/layers.ts';
import { PERSONS } from '../../src/engine/motion.ts';
import { upload } from '../../src/kernels/transfer.ts';
import { distance } from '../golden.ts';
import { bytes, golden, makeRunner, models, openWgsl, options, workOf } from '../networks.ts';

/** f32 arithmetic on the stored half weights, as PyTorch did it. */
const TOLERANCE = 1e-4;

const clock = (count: number, seed = 1234) => Uint32Array.of(count, seed, 0, 0);
const F32 = (values: ArrayLike<number>) => Float32Array.from(values);

suite('WGSL agrees with PyTorch', { timeout: 300_000 }, () => {
  test('behaviour: logits, codes, both motions, turn and blend, past the end of the rings', async () => {
    const vectors = await golden('dim');
    const { metadata } = readSafetensors(await bytes('/test/golden/dim.safetensors'), 'dim');
    const [seed, temperature, topK] = ['seed', 'temperature', 'top_k'].map((key) => Number(metadata[key]));
    const sampler = { seed, codes: { temperature, topK } };
    const { device, backend, networks } = await openWgsl(options({}, sampler));
    const { dim, encoder, face } = networks;
    const { mean, std } = models;
    const frames = vectors('token').shape[0];
    expect(frames).toBeGreaterThan(models.dim.config.window);
    const run = makeRunner(
      device,
      [[dim.draw, dim.show]],
      [dim.logits, dim.codes, dim.speaker, dim.listener, dim.turn, dim.motion],
    );
    const worst: Record<string, number> = {
      logits: 0,
      codes: 0,
      speaker: 0,
      listener: 0,
      turn: 0,
      motion: 0,
    };
    for (let k = 0; k < frames; k++) {
      upload(device, encoder.token, vectors('token').row(k));
      upload(
        device,
        encoder.voicing,
        vectors('voicing')
          .row(k)
          .map((p) => Math.log(p / (1 - p))),
      );
      upload(
        device,
        face.x,
        vectors('face')
          .row(k)
          .map((v, at) => (v - mean[at % 51]) / std[at % 51]),
      );
      upload(device, face.clock, clock(k, seed));
      const [[logits, ...results]] = await run();
      if (k % 4 === 0) {
        const own = [0, 1, 2, 3].flatMap((r) => [
          ...logits.subarray(r * 1024 + (r % 2) * 512, r * 1024 + (r % 2) * 512 + 512),
        ]);
        worst.logits = Math.max(worst.logits, distance(own, vectors('logits').row(k / 4)));
      }
      for (const [i, name] of ['codes', 'speaker', 'listener', 'turn', 'motion'].entries())
        worst[name] = Math.max(worst[name], distance(results[i], vectors(name).row(k)));
    }
    console.log(`behaviour: largest errors ${JSON.stringify(worst)}`);
    expect(worst.codes).toBe(0);
    expect(Math.max(...Object.values(worst))).toBeLessThanOrEqual(TOLERANCE);

    const { mean: m, std: s } = models.dim;
    const motion = vectors('encode_motion').values.map((z, at) => z * s[at % 24] + m[at % 24]);
    const codes = await backend.encodeMotion(motion);
    expect(distance(codes.speaker, vectors('speaker_codes').values)).toBe(0);
    expect(distance(codes.listener, vectors('listener_codes').values)).toBe(0);
    backend.dispose();
  });

  for (const network of ['lower', 'upper'] as const)
    for (const guided of [false, true])
      test(`${network} body${guided ? ', guided' : ', every step of every block, past the end of the ring'}`, async () => {
        const vectors = await golden(`body-${network}`);
        const { config, low, high } = models.body[network];
        const frames = new BlockFrames(models.body[network]);
        const row = (name: string, i: number) => [...vectors(name).row(i)];
        const conditions = {
          action: row('action', 0),
          emotion: row('emotion', 0),
          relationship: vectors('relationship').values[0],
        };
        const guidance = guided ? { guidance: { face: 1, body: 1.5 } } : {};
        const { device, backend, networks } = await openWgsl(options(conditions, guidance));
        await backend.reset(vectors('placement').row(0).slice());
        const { inputs, dim } = networks;
        const body = networks.body[network];
        const { listen, settle, begin, steps, context, x, x0 } = body;
        const run = makeRunner(
          device,
          [[listen, settle, begin], ...steps.map((step) => [step]), [context]],
          [x0, x],
        );
        const F = config.features;
        const text = new Float32Array(PERSONS * config.text);
        const given = vectors(guided ? 'guided' : 'frames');
        const worst = { x0: 0, x: 0, frames: 0 };
        const worse = (name: keyof typeof worst, d: number) => {
          worst[name] = Math.max(worst[name], d);
        };
        for (let i = 0; i < given.shape[0]; i++) {
          upload(device, inputs.tokens, vectors('tokens').row(i));
          upload(device, inputs.placement, vectors('placement').row(i));
          upload(device, inputs.action, F32(row('action', i)));
          upload(device, inputs.emotion, F32(row('emotion', i)));
          upload(device, inputs.text, i === 3 ? vectors('text').values : text);
          if (network === 'upper') {
            const lower = networks.body.lower.x;
            const rows = Array.from({ length: lower.shape[0] }, () => row('lower', i)).flat();
            upload(device, dim.head, vectors('head').row(i));
            upload(device, lower, F32(rows));
          }
          frames.last.set(vectors(guided ? 'guided_told' : 'told').row(i));
          upload(device, body.last, frames.last);
          upload(device, body.clock, clock(i + 1));
          const [[, noise], ...results] = await run();
          const size = vectors('x_T').row(i).length;
          expect(distance(noise.subarray(0, size), vectors('x_T').row(i))).toBe(0);
          if (!guided)
            for (const [s] of steps.entries()) {
              const clamped = results[s][0].map((v, at) => Math.min(high[at % F], Math.max(low[at % F], v)));
              worse('x0', distance(clamped, vectors(`x0.${s}`).row(i)));
              worse('x', distance(results[s][1], vectors(`x.${s}`).row(i)));
            }
          const emitted = results[steps.length - 1][1].subarray(0, size);
          worse('frames', distance(frames.take(emitted), given.row(i)));
        }
        console.log(`${network} body${guided ? ', guided' : ''}: largest errors ${JSON.stringify(worst)}`);
        expect(Math.max(...Object.values(worst))).toBeLessThanOrEqual(TOLERANCE);
        backend.dispose();
      });
});

test('a talk saved amid a block goes on bit for bit', { timeout: 300_000 }, async () => {
  const given = options({ style: [0, 1], emotion: [3, 0], relationship: 2 }, { eta: 0.5 });
  const { backend } = await openWgsl(given);
  const mel = (await golden('speech-encoder'))('mel');
  const saidUntil = 15; // in the middle of the first upper block
  const go = async (on: typeof backend, from: number, to: number) => {
    const ticks: Float32Array[] = [];
    for (let n = from; n < to; n++) {
      const tick = await on.tick(mel.row(n).slice(), workOf(n, FACE_TO_FACE));
      const { face, behaviour, codes, turn, phones, voicing } = tick;
      const made = [face, behaviour, codes, turn, await tick.body, phones, voicing].flatMap((part) => [
        ...(part ?? []),
      ]);
      ticks.push(F32(made));
    }
    return ticks;
  };
  await go(backend, 0, saidUntil);
  const state = await backend.save();
  const here = await go(backend, saidUntil, saidUntil + 12);
  backend.dispose();
  const { backend: other } = await openWgsl(given);
  await other.restore(state);
  const there = await go(other, saidUntil, saidUntil + 12);
  expect(there.map((tick, i) => distance(tick, here[i]))).toEqual(here.map(() => 0));
  expect(here.filter((tick) => tick.length > here[0].length)).toHaveLength(3); // blocks ended: upper, lower, upper

  expect(Object.keys(state.tensors)).toContain('dim.speaker_vq.decoder.conv_in.state');
  const { 'dim.codes': left, ...rest } = state.tensors;
  expect(left).toHaveLength(8);
  await expect(other.restore({ ...state, tensors: rest })).rejects.toThrow('no dim.codes, expected 8');
  other.dispose();
});

test('no transformer layer takes more than eight dispatches', { timeout: 120_000 }, async () => {
  const { backend } = await openWgsl(options());
  const { dispatches } = backend;
  console.log(`dispatches: ${JSON.stringify(dispatches)}`);
  for (const most of Object.values(dispatches.layer)) {
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(MOST_LAYER_DISPATCHES);
  }
  backend.dispose();
});
