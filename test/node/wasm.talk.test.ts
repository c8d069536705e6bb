import { expect, suite, test } from 'vitest';
import type { BackendOptions, Tick } from '../../src/engine/backend/backend.ts';
import { FACE_TO_FACE } from '../../src/engine/backend/models.ts';
import { WasmBackend } from '../../src/engine/backend/wasm.ts';
import { BodySchedule } from '../../src/engine/model/scheduler.ts';
import { distance } from '../golden.ts';
import { golden, models, wasmFiles } from './wasm.files.ts';

const mel = golden('speech-encoder')('mel');
const files = wasmFiles();
const conditions = { style: [0, 1], facing: [1, 1], emotion: [0, 5], action: [0, 2], relationship: 2 };
const open = (sampler: Partial<BackendOptions['sampler']> = {}) =>
  WasmBackend.open(models, files, { sampler: { steps: 4, eta: 0, seed: 7, ...sampler }, conditions }, 'test');

/** What ticks `from`…`to` − 1 of a talk give, a row of numbers each. */
async function talk(backend: WasmBackend, from: number, to: number, schedule: BodySchedule) {
  const out: Float32Array[] = [];
  for (let n = from; n < to; n++) {
    const share = schedule.next(n, true);
    const body = share && { ...share, ...(share.begins && { placement: FACE_TO_FACE }) };
    const frame = n >= models.encoder.lookahead;
    out.push(await numbers(await backend.tick(mel.row(n).slice(), { frame, ...(body && { body }) })));
  }
  return out;
}

const numbers = async ({ face, behaviour, codes, turn, body, phones, voicing }: Tick) =>
  Float32Array.from(
    [face, behaviour, codes, turn, await body, phones, voicing].flatMap((values) =>
      values ? [...values] : [],
    ),
  );

/** The largest difference between two talks of the same length. */
const apart = (a: readonly Float32Array[], b: readonly Float32Array[]) =>
  a.length === b.length ? Math.max(...a.map((row, n) => distance(row, b[n]))) : Number.NaN;

const finite = (ticks: readonly Float32Array[]) => ticks.every((row) => row.every(Number.isFinite));

const schedule = () => new BodySchedule(models.encoder.lookahead, 4);

suite('a talk on the wasm backend', { timeout: 120_000 }, () => {
  test('goes on bit for bit from a saved state, on itself and on another; a reset starts anew', async () => {
    const backend = await open();
    const pace = schedule();
    const first = await talk(backend, 0, 15, pace); // 15: the upper body's first block is half done
    const state = await backend.save();
    const at = pace.save();
    expect(state.counters).toEqual({ ticks: 15, frames: 13, lower: 3, upper: 2 });
    const rest = await talk(backend, 15, 40, pace);
    expect(finite([...first, ...rest])).toBe(true);
    expect(rest.some((tick) => tick.length > 900)).toBe(true); // upper bodies came
    const other = await open();
    for (const next of [backend, other]) {
      await next.restore(state);
      pace.restore(at);
      expect(apart(await talk(next, 15, 40, pace), rest)).toBe(0);
    }
    await backend.reset();
    expect(apart(await talk(backend, 0, 15, schedule()), first)).toBe(0);
    backend.dispose();
    other.dispose();
  });

  test('listens without a frame, and remembers what it heard', async () => {
    const backend = await open();
    for (let n = 0; n < 6; n++) {
      const tick = await backend.tick(mel.row(n).slice(), { frame: false });
      expect([tick.face, tick.behaviour, tick.codes, tick.body]).toEqual(Array(4).fill(undefined));
    }
    const { counters, tensors } = await backend.save();
    expect(counters).toEqual({ ticks: 6, frames: 0, lower: 1, upper: 1 });
    expect(tensors['body.tokens'].some((v) => v !== 0)).toBe(true);
    backend.dispose();
  });

  test('guidance changes face and bodies, at scale 1 nothing; so do seed, eta and rule', async () => {
    const run = async (sampler: Partial<BackendOptions['sampler']>) => {
      const backend = await open(sampler);
      const out = await talk(backend, 0, 12, schedule());
      backend.dispose();
      return out;
    };
    const plain = await run({});
    expect(apart(await run({ guidance: { face: 1, body: 1 } }), plain)).toBe(0);
    const others = [
      { guidance: { face: 1.5, body: 1 } },
      { guidance: { face: 1, body: 2 } },
      { seed: 8 },
      { eta: 1 },
      { rule: 'x0-replacement' as const },
    ];
    for (const other of others) {
      const out = await run(other);
      expect(finite(out)).toBe(true);
      expect(apart(out, plain)).toBeGreaterThan(0);
    }
  });

  test('a saved state that does not fit is refused and changes nothing', async () => {
    const backend = await open();
    await talk(backend, 0, 5, schedule());
    const before = await backend.save();
    const { 'dim.codes': _, ...tensors } = before.tensors;
    await expect(backend.restore({ ...before, tensors })).rejects.toThrow(/dim\.codes/);
    const guided = await open({ guidance: { face: 2, body: 1 } });
    await expect(guided.restore(before)).rejects.toThrow(/face\.layers\.0\.ring/);
    const after = await backend.save();
    expect(after.counters).toEqual(before.counters);
    for (const [name, values] of Object.entries(before.tensors))
      expect(distance(after.tensors[name], values), name).toBe(0);
    backend.dispose();
    guided.dispose();
  });

  test('codes of a motion come beside the ticks and leave the talk as it is', async () => {
    const [one, two] = [await open(), await open()];
    const motion = new Float32Array(12 * 48).fill(0.1);
    const codes = one.encodeMotion(motion);
    const mixed = await talk(one, 0, 6, schedule());
    const { listener, speaker } = await codes;
    expect([listener.length, speaker.length]).toEqual([48, 48]);
    expect(apart(mixed, await talk(two, 0, 6, schedule()))).toBe(0);
    expect(await two.encodeMotion(motion)).toEqual({ listener, speaker });
    one.dispose();
    two.dispose();
  });

  test('calls that overlap are done one after the other', async () => {
    const [one, two] = [await open(), await open()];
    const work = { frame: true };
    const [a] = await Promise.all([
      one.tick(mel.row(0).slice(), work).then(numbers),
      one.setConditions({ ...conditions, emotion: [3, 3] }),
    ]);
    const b = await numbers(await one.tick(mel.row(1).slice(), work));
    expect(distance(await numbers(await two.tick(mel.row(0).slice(), work)), a)).toBe(0);
    await two.setConditions({ ...conditions, emotion: [3, 3] });
    expect(distance(await numbers(await two.tick(mel.row(1).slice(), work)), b)).toBe(0);
    one.dispose();
    two.dispose();
  });
});
