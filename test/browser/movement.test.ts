import { expect, test } from 'vitest';
import { wasmRuntimeUrl } from '../../src/engine/backend/wasm.runtime.ts';
import { WASM_GRAPHS, WasmBackend, type WasmFiles } from '../../src/engine/backend/wasm.ts';
import { Generator } from '../../src/engine/model/generator.ts';
import { movementBeside } from '../../src/workers/movement.ts';
import { bytes, golden, models } from '../networks.ts';

const graphs = await Promise.all(
  WASM_GRAPHS.map(async (name) => [name, await bytes(`/models/${name}.onnx`)] as const),
);
const files = {
  graphs: Object.fromEntries(graphs) as WasmFiles['graphs'],
  runtime: await bytes(wasmRuntimeUrl),
};
const options = {
  sampler: { steps: { face: 1, body: 4 }, eta: 0, seed: 5 },
  conditions: { style: [0, 1], facing: [1, 1], emotion: [0, 0] },
};
const mel = (await golden('speech-encoder'))('mel');
const beside = movementBeside(async () => files.runtime);
const FRAMES = 30;

const open = (movement?: typeof beside) => WasmBackend.open(models, files, options, 'test', movement);

/** Ticks `from`…`to` − 1 of a talk: faces and bodies of each frame, in one row. */
async function talk(generator: Generator, from: number, to: number) {
  const rows: number[][] = [];
  for (let n = from; n < to; n++) {
    const frame = await generator.tick(mel.row(n % mel.shape[0]!).slice());
    if (frame) rows.push([...frame.face, ...(frame.body ?? [])]);
  }
  return rows;
}

test('behaviour and bodies beside give what they give here, bit for bit, and a saved talk goes on in either', {
  timeout: 120_000,
}, async () => {
  const [here, there] = [await open(), await open(beside)];
  expect(here.info.adapter).toContain('1 thread');
  expect(there.info.adapter).toContain('2 workers');
  const generators = [here, there].map(
    (backend) => new Generator(backend, models.encoder.lookahead, options.sampler.steps),
  );
  const talks: number[][][] = [];
  for (const generator of generators) {
    await generator.reset();
    talks.push(await talk(generator, 0, FRAMES));
  }
  expect(talks[0]!.length).toBe(FRAMES - models.encoder.lookahead);
  expect(talks[1]).toEqual(talks[0]);
  const [first, second] = generators as [Generator, Generator];
  const saved = await second.save();
  await first.restore(saved);
  expect(await talk(first, FRAMES, FRAMES + 12)).toEqual(await talk(second, FRAMES, FRAMES + 12));
  here.dispose();
  there.dispose();
});

test('when that worker dies the tick under way fails, and so does the next', {
  timeout: 120_000,
}, async () => {
  const workers: Worker[] = [];
  const Original = window.Worker;
  window.Worker = class extends Original {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      super(...given);
      workers.push(this);
    }
  };
  const backend = await open(beside).finally(() => {
    window.Worker = Original;
  });
  const work = { frame: true };
  await backend.tick(mel.row(0).slice(), work);
  expect(workers.length).toBe(1);
  const failing = backend.tick(mel.row(1).slice(), work);
  workers[0]!.dispatchEvent(new ErrorEvent('error', { message: 'as in a crash' }));
  await expect(failing).rejects.toMatchObject({ name: 'EngineError', kind: 'lost' });
  await expect(backend.tick(mel.row(2).slice(), work)).rejects.toMatchObject({ kind: 'lost' });
  backend.dispose();
});
