import type { Backend, BackendInfo } from '../engine/backend/backend.ts';
import { openBackend } from '../engine/backend/open.ts';
import { wasmRuntimeUrl } from '../engine/backend/wasm.runtime.ts';
import { Generator } from '../engine/model/generator.ts';
import { EngineError, invariant } from '../errors.ts';
import { Conversation } from './conversation.ts';
import { Files } from './fetch.ts';
import { MODEL_FILES, RUNTIME_NAME } from './manifest.ts';
import type { LoadRequest, MotionWorker } from './motion.protocol.ts';
import { serve } from './rpc.ts';

type Loaded = { readonly backend: Backend; readonly lookahead: number; readonly info: BackendInfo };

/** Losses of the GPU device within LOSSES_WITHIN_MS after which `auto` no longer trusts it. */
const MOST_LOSSES = 3;
const LOSSES_WITHIN_MS = 60_000;

let request: LoadRequest | undefined;
let loaded: Loaded | undefined;
let conversation: Conversation | undefined;
let files: Files | undefined;
let changing = false;
const losses: number[] = [];

/** Opens a backend from the files that are there already; `why` replaces the backend's own reason. */
async function open(from: LoadRequest, choice = from.backend, why?: string): Promise<Loaded> {
  invariant(files, 'motion worker: load() has not been called');
  const { get } = files;
  const gpu: GPU | undefined = navigator.gpu;
  const sources = { fetch: get, gpu, runtime: () => get(RUNTIME_NAME) };
  const { backend, models } = await openBackend(choice, sources, from);
  const info = why ? { ...backend.info, reason: why } : backend.info;
  return { backend, lookahead: models.encoder.lookahead, info };
}

const opened = () => {
  invariant(loaded, 'motion worker: load() has not been called');
  return loaded;
};

/** Puts what `openNext` opens in the place of the backend at work, which goes on until then, and if it fails. */
async function exchange(openNext: (from: LoadRequest) => Promise<Loaded>): Promise<BackendInfo> {
  invariant(request, 'motion worker: load() has not been called');
  if (changing)
    throw new EngineError('bug', 'The backend is being changed already.', {
      hint: 'Wait for the first change to settle.',
    });
  changing = true;
  try {
    const { conditions } = request;
    const next = await openNext(request);
    const old = opened(); // only now: a device may have been lost, and replaced, in the meantime
    try {
      if (request.conditions !== conditions) await next.backend.setConditions(request.conditions);
      await conversation?.exchange(old.backend, next.backend);
    } catch (error) {
      next.backend.dispose();
      throw error;
    }
    loaded = next;
    old.backend.dispose();
    return next.info;
  } finally {
    changing = false;
  }
}

/** The next tier down, when the user left the choice to us and the machine cannot keep up. */
function stepDown(tickMs: number) {
  const tier = opened().info.backend;
  if (request?.backend !== 'auto' || changing || tier === 'visemes') return;
  const why = `${tier} could not keep up: a tick took ${tickMs.toFixed(0)} ms of ${(1000 / 30).toFixed(0)} ms`;
  const choice = tier === 'webgpu' ? 'wasm' : 'visemes';
  exchange((from) => open(from, choice, why)).catch(() => undefined); // the old tier goes on
}

/** Opens a backend in place of one whose device was lost; WebAssembly where there is no device any more. */
async function reopen(from: LoadRequest): Promise<Loaded> {
  const recent = losses.filter((at) => performance.now() - at < LOSSES_WITHIN_MS).length;
  if (from.backend === 'auto' && recent >= MOST_LOSSES)
    return open(from, 'wasm', `the GPU device was lost ${recent} times in a minute`);
  return open(from).catch((error: Error) =>
    open(from, 'wasm', `the GPU device was lost and does not come back: ${error.message}`),
  );
}

/** Goes on with the lips at once, because a new device takes seconds to be ready for the rest. */
async function bridge(talk: Conversation, from: LoadRequest) {
  losses.push(performance.now());
  loaded?.backend.dispose();
  loaded = await open(from, 'visemes', 'the GPU device was lost; another one is being opened');
  await talk.resume(loaded.backend);
  exchange(reopen).catch(() => undefined); // then the lips alone go on
}

serve<MotionWorker>({
  async load(from) {
    files = new Files({
      baseUrl: from.modelBaseUrl,
      group: 'models',
      expected: MODEL_FILES,
      elsewhere: { [RUNTIME_NAME]: wasmRuntimeUrl },
      onProgress: (...report) => from.progress.postMessage(report),
    });
    loaded = await open(from);
    request = from;
    await files.settled(); // what this tier does not need, another may, when there is no network
    void files.keep();
    return loaded.info;
  },
  async run(sound, contextRateHz, motion) {
    if (conversation) throw new EngineError('bug', 'motion worker: run() was called twice');
    const { backend, lookahead } = opened();
    invariant(request, 'motion worker: load() has not been called');
    const generator = new Generator(backend, lookahead, request.sampler.steps, request.placement);
    await generator.reset();
    conversation = new Conversation(generator, sound, contextRateHz, motion, stepDown);
    for (;;) {
      try {
        return await conversation.run();
      } catch (error) {
        if (!(error instanceof EngineError && error.kind === 'lost')) throw error;
        await bridge(conversation, request);
      }
    }
  },
  async setConditions(conditions) {
    if (request) request = { ...request, conditions };
    await opened().backend.setConditions(conditions);
  },
  async setBackend(choice) {
    const info = await exchange((from) => open(from, choice));
    if (request) request = { ...request, backend: choice };
    return info;
  },
  async reset() {
    conversation?.reset();
  },
  async rest(resting) {
    conversation?.rest(resting);
  },
  async stats() {
    invariant(conversation, 'motion worker: run() has not been called');
    return { ...conversation.stats, info: opened().info };
  },
  async stop() {
    await conversation?.stop();
    conversation = undefined;
    loaded?.backend.dispose();
    loaded = undefined;
  },
});
