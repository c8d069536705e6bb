import { afterAll, beforeAll, test } from 'vitest';
import type { Checkpoint } from '../../src/engine/model/checkpoint.ts';
import type { Plan } from '../../src/kernels/plan.ts';
import { count } from '../../src/kernels/tensor.ts';
import { connect } from '../../src/workers/rpc.ts';
import type { OrtWorker, Part, Provider, Timed } from './ort.protocol.ts';
import { report, type StepRow } from './report.ts';
import { models, nameOf, openWgsl } from './setting.ts';
import { medianMs } from './timing.ts';

const N = 20;
const STEPS = 4;
const MINUTES = 60_000;

/** Where a graph's run takes longer than this, a block is not run twenty times but summed from its parts. */
const SUM_ABOVE_MS = 100;

const { gpu, backend } = await openWgsl(STEPS);
const { encoder, face, dim, body } = backend.networks;
const adapter = nameOf(gpu);

const ENGINES: readonly Provider[] = [
  { name: 'wasm', threads: 1 },
  ...(globalThis.crossOriginIsolated ? [{ name: 'wasm', threads: 2 } as const] : []),
  { name: 'webgpu', threads: 1 },
];
const workers: Worker[] = [];
const engines = new Map<Provider, ReturnType<typeof connect<OrtWorker>>>();

beforeAll(async () => {
  for (const provider of ENGINES) {
    const worker = new Worker(new URL('./ort.worker.ts', import.meta.url), { type: 'module' });
    workers.push(worker);
    const remote = connect<OrtWorker>(worker);
    await remote.open(provider);
    engines.set(provider, remote);
  }
}, 2 * MINUTES);

afterAll(() => {
  for (const worker of workers) worker.terminate();
  backend.dispose();
});

const graph = (name: string, R: number, fetch?: readonly string[], runs = 1): Part => ({
  graph: name,
  weights: `${name.replace(/-(cond|decoder)$/, '')}.safetensors`,
  R,
  runs,
  ...(fetch && { fetch }),
});

type Work = {
  readonly name: string;
  readonly plans: readonly Plan[];
  readonly parts: readonly Part[];
};

/** A denoising network: one step, and a block (conditions where it has a graph for them, the steps, the context pass). */
const denoiser = (
  name: 'face' | 'body-lower' | 'body-upper',
  plans: { readonly before: readonly Plan[]; readonly steps: readonly Plan[]; readonly context: Plan },
  before: readonly Part[],
  R: number,
): Work[] => [
  { name: `${name}, one denoising step`, plans: plans.steps.slice(0, 1), parts: [graph(name, R, ['x0'])] },
  {
    name: `${name}, one block at ${STEPS} steps`,
    plans: [...plans.before, ...plans.steps, plans.context],
    parts: [...before, graph(name, R, ['x0'], STEPS), graph(name, R)],
  },
];

const bodyWork = (network: 'lower' | 'upper') => {
  const { listen, settle, begin, steps, context } = body[network];
  const plans = { before: [listen, settle, begin], steps, context };
  return denoiser(`body-${network}`, plans, [graph(`body-${network}-cond`, 1)], 1);
};

const WORK: Readonly<Record<string, readonly Work[]>> = {
  'speech-encoder': [
    { name: 'speech-encoder, one tick', plans: [encoder.plan], parts: [graph('speech-encoder', 2)] },
  ],
  face: denoiser('face', { ...face, before: [face.begin] }, [], 2),
  dim: [
    {
      name: 'dim, one frame (logits, codes, decoders)',
      plans: [dim.show, dim.draw],
      parts: [graph('dim', 2), graph('dim-decoder', 2)],
    },
  ],
  'body-lower': bodyWork('lower'),
  'body-upper': bodyWork('upper'),
};

const FILES: Readonly<Record<string, { readonly weights: Checkpoint; readonly bytes: number }>> = {
  'speech-encoder': { weights: models.encoderWeights, bytes: models.encoderFile.byteLength },
  face: { weights: models.faceWeights, bytes: models.faceFile.byteLength },
  dim: { weights: models.dim.weights, bytes: models.dim.file.byteLength },
  'body-lower': { weights: models.body.lower.weights, bytes: models.body.lower.file.byteLength },
  'body-upper': { weights: models.body.upper.weights, bytes: models.body.upper.file.byteLength },
};

async function timeWgsl({ name, plans }: Work) {
  const median_ms = await medianMs(async () => {
    const commands = gpu.device.createCommandEncoder();
    const pass = commands.beginComputePass();
    for (const plan of plans) plan.encode(pass);
    pass.end();
    gpu.device.queue.submit([commands.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
  }, N);
  const dispatches = plans.reduce((sum, plan) => sum + plan.dispatches, 0);
  report({
    table: 'steps',
    network: name,
    engine: 'wgsl',
    threads: 0,
    median_ms,
    dispatches,
    n: N,
    adapter,
    how: 'measured',
  });
}

/** Runs each part alone and sums: the parts wait for each other anyway, so this is what a block takes. */
async function sumOf(parts: readonly Part[], timeOne: (part: Part) => Promise<Timed>): Promise<Timed> {
  let [median_ms, dispatches] = [0, 0];
  const how = new Set<string>();
  for (const part of parts) {
    const timed = await timeOne({ ...part, runs: 1 });
    median_ms += timed.median_ms * part.runs;
    dispatches += timed.dispatches * part.runs;
    how.add(timed.how);
  }
  return { median_ms, dispatches, n: N, how: `sum of the medians of its parts, ${[...how].join(', ')}` };
}

/** What was measured alone already, by provider and part. */
const known = new Map<string, Timed>();

async function timeOrt(provider: Provider, { name, parts }: Work) {
  const remote = engines.get(provider);
  if (!remote) return;
  const timeOne = async (part: Part) => {
    const key = JSON.stringify([provider, part]);
    const timed = known.get(key) ?? (await remote.time([part], N, 2));
    known.set(key, timed);
    return timed;
  };
  const slow = parts.length > 1 && (await timeOne({ ...parts[0], runs: 1 })).median_ms > SUM_ABOVE_MS;
  const timed =
    parts.length === 1
      ? await timeOne(parts[0])
      : slow
        ? await sumOf(parts, timeOne)
        : await remote.time(parts, N, 2);
  const engine: StepRow['engine'] = provider.name === 'wasm' ? 'ort-wasm' : 'ort-webgpu';
  const threads = provider.name === 'wasm' ? provider.threads : 0;
  report({ table: 'steps', network: name, engine, threads, adapter, ...timed });
}

for (const [network, work] of Object.entries(WORK)) {
  test(`steps ${network}`, { timeout: 15 * MINUTES }, async () => {
    const { weights, bytes } = FILES[network];
    const parameters = weights.names.reduce((sum, name) => sum + count(weights.tensor(name).shape), 0);
    report({ table: 'networks', network, parameters, bytes });
    for (const each of work) {
      await timeWgsl(each);
      for (const provider of ENGINES) await timeOrt(provider, each);
    }
  });
}
