import { expect, suite, test } from 'vitest';
import { moveLips, VisemeBackend } from '../../src/engine/backend/visemes.ts';
import { WasmBackend } from '../../src/engine/backend/wasm.ts';
import { ARKIT_51, type ArkitChannel } from '../../src/engine/motion.ts';
import { VISEMES, type Viseme } from '../../src/engine/visemes.ts';
import { distance } from '../golden.ts';
import { golden, model, models, runtime, wasmFiles } from './wasm.files.ts';

const at = (channel: ArkitChannel) => ARKIT_51.indexOf(channel);
const gap = (face: Float32Array) => face[at('jawOpen')] - face[at('mouthClose')];

/** Person 0 says visemes, each for some frames, with that much certainty; what is left is open. */
function say(words: readonly (readonly [Viseme, number, number?])[]) {
  const face = new Float32Array(102);
  const faces: Float32Array[] = [];
  for (const [viseme, frames, certainty = 1] of words)
    for (let k = 0; k < frames; k++) {
      const heard = new Float32Array(2 * VISEMES.length);
      heard[VISEMES.indexOf(viseme)] += certainty;
      heard[VISEMES.indexOf('aa')] += 1 - certainty;
      heard[VISEMES.length] = 1;
      moveLips(face, heard);
      faces.push(face.slice());
    }
  return faces;
}

suite('lips from visemes', () => {
  test('P, B and M shut the mouth in their very frame, also when heard with some doubt', () => {
    for (const certainty of [1, 0.8, 0.6]) {
      const faces = say([
        ['aa', 6],
        ['PP', 1, certainty],
        ['aa', 3],
      ]);
      expect(gap(faces[5])).toBeGreaterThan(0.4);
      expect(gap(faces[6])).toBeLessThanOrEqual(0);
      expect(faces[6][at('mouthPressLeft')]).toBeGreaterThan(0.2);
      expect(gap(faces[8])).toBeGreaterThan(0.25);
    }
  });

  test('F and V put the lower lip to the teeth; vowels open the jaw, rounded ones round the lips', () => {
    const last = (viseme: Viseme) => say([[viseme, 12]]).at(-1) as Float32Array;
    expect(last('FF')[at('mouthRollLower')]).toBeGreaterThan(0.35);
    expect(gap(last('FF'))).toBeLessThan(0.1);
    expect(gap(last('aa'))).toBeGreaterThan(0.5);
    expect(last('ou')[at('mouthPucker')]).toBeGreaterThan(0.5);
    expect(last('ih')[at('mouthPucker')]).toBe(0);
    expect(gap(last('aa'))).toBeGreaterThan(gap(last('E')));
    expect(gap(last('E'))).toBeGreaterThan(gap(last('SS')));
  });

  test('weights stay within 0…1, the still person stays still, and nothing jumps but a contact', () => {
    const faces = say(VISEMES.flatMap((viseme) => [[viseme, 3] as const, ['sil', 2] as const]));
    for (const face of faces) {
      expect(Math.min(...face)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...face)).toBeLessThanOrEqual(1);
      expect(face.subarray(51).every((w) => w === 0)).toBe(true);
    }
    const calm = say(VISEMES.filter((v) => v !== 'PP' && v !== 'FF').map((v) => [v, 3] as const));
    for (let k = 1; k < calm.length; k++)
      expect(Math.max(...calm[k].map((w, c) => Math.abs(w - calm[k - 1][c])))).toBeLessThan(0.35);
  });
});

suite('the tier without networks of motion', { timeout: 60_000 }, () => {
  const mel = golden('speech-encoder')('mel');
  const conditions = { style: [0, 1], facing: [1, 1], emotion: [0, 0] };
  const options = { sampler: { steps: 4, eta: 0, seed: 3 }, conditions };
  const files = { graph: model('speech-encoder.onnx'), runtime: runtime() };
  const open = () => VisemeBackend.open(models, files, options, 'test');
  const talk = async (backend: VisemeBackend | WasmBackend, from: number, to: number) => {
    const faces: number[][] = [];
    for (let n = from; n < to; n++) {
      const { face, turn, behaviour } = await backend.tick(mel.row(n).slice(), { frame: n >= 2 });
      if (backend instanceof VisemeBackend) expect(behaviour).toBeUndefined();
      if (face) faces.push([...face, ...turn]);
    }
    return faces;
  };

  test('gives the same lips from the same sound, from a saved state and after a reset', async () => {
    const backend = await open();
    expect(backend.full).toBe(false);
    const first = await talk(backend, 0, 20);
    const state = await backend.save();
    const rest = await talk(backend, 20, 50);
    expect(first.concat(rest).flat().every(Number.isFinite)).toBe(true);
    await backend.restore(state);
    expect(await talk(backend, 20, 50)).toEqual(rest);
    await backend.reset();
    expect(await talk(backend, 0, 20)).toEqual(first);
    await expect(backend.encodeMotion()).rejects.toMatchObject({ kind: 'unsupported' });
    backend.dispose();
  });

  test('stands between the full tiers: what it cannot use it hands on', async () => {
    const [visemes, wasm] = [await open(), await WasmBackend.open(models, wasmFiles(), options, 'test')];
    const names = (tensors: object) => Object.keys(tensors).sort();
    await talk(wasm, 0, 10);
    const before = await wasm.save();
    await visemes.restore(before);
    await talk(visemes, 10, 14);
    const after = await visemes.save();
    expect(after.counters).toEqual({ ...before.counters, ticks: 14 });
    const moved = (name: string) => distance(after.tensors[name], before.tensors[name]);
    expect(moved('face.layers.0.ring')).toBe(0);
    expect(moved('dim.motion')).toBe(0);
    expect(moved('encoder.blocks.0.ring')).toBeGreaterThan(0);
    expect(moved('body.tokens')).toBeGreaterThan(0);
    await wasm.restore(after);
    expect((await talk(wasm, 14, 18)).flat().every(Number.isFinite)).toBe(true);

    await visemes.reset();
    const fresh = await visemes.save();
    expect(names(fresh.tensors)).toEqual(names({ ...before.tensors, 'visemes.face': 0 }));
    await wasm.restore(fresh);
    expect((await talk(wasm, 0, 6)).flat().every(Number.isFinite)).toBe(true);
    visemes.dispose();
    wasm.dispose();
  });
});
