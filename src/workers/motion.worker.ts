import { openBackend } from '../engine/backend/open.ts';
import { wasmRuntimeUrl } from '../engine/backend/wasm.runtime.ts';
import { Generator } from '../engine/model/generator.ts';
import { EngineError, invariant } from '../errors.ts';
import { Conversation } from './conversation.ts';
import { Files } from './fetch.ts';
import { MODEL_FILES, RUNTIME_NAME } from './manifest.ts';
import type { LoadRequest, MotionWorker, WorkerNews } from './motion.protocol.ts';
import { movementBeside } from './movement.ts';
import { serve } from './rpc.ts';
import { type OpenTier, Tiers } from './tiers.ts';

/** How often (ms) it is looked whether a better tier may be tried again. */
const LOOK_MS = 1000;

/** What opens networks beside a talk waits for it no longer than this (ms) after each of them. */
const BREATH_MS = 500;

let request: LoadRequest | undefined;
let tiers: Tiers | undefined;
let conversation: Conversation | undefined;
let resting = false;
let looking: ReturnType<typeof setInterval> | undefined;

const loaded = () => {
  invariant(request && tiers, 'motion worker: load() has not been called');
  return { request, tiers };
};

/** Opens tiers from files that are there already. */
function opener({ sampler }: LoadRequest, get: (name: string) => Promise<ArrayBuffer>): OpenTier {
  const sources = {
    fetch: get,
    gpu: navigator.gpu as GPU | undefined,
    runtime: () => get(RUNTIME_NAME),
    movement: movementBeside(() => get(RUNTIME_NAME)),
    breathe: async () => conversation?.keepsUp(BREATH_MS),
  };
  return async (choice, conditions) => {
    const { backend, models } = await openBackend(choice, sources, { sampler, conditions });
    return { backend, lookahead: models.encoder.lookahead, info: backend.info };
  };
}

/** Where a worker has its files from. */
type Source = {
  readonly get: (name: string) => Promise<ArrayBuffer>;
  readonly settled: () => Promise<void>;
  readonly keep: () => Promise<void>;
};

/** The files of a first worker, which are fetched, and handed to the page for the workers that may follow it. */
function fetched(from: LoadRequest, tell: (news: WorkerNews) => void): Source {
  const files = new Files({
    baseUrl: from.modelBaseUrl,
    group: 'models',
    expected: MODEL_FILES,
    elsewhere: { [RUNTIME_NAME]: wasmRuntimeUrl },
    onProgress: (...report) => from.progress?.postMessage(report),
  });
  const keep = async () => {
    const blobs = new Map<string, Blob>();
    for (const name of MODEL_FILES)
      await files.get(name).then(
        (bytes) => blobs.set(name, new Blob([bytes])),
        () => undefined, // who needs it has another try
      );
    tell({ files: blobs });
    await files.keep();
  };
  return { get: files.get, settled: () => files.settled(), keep };
}

/** The files that an earlier worker has loaded; what it could not get is fetched. */
function handedOver(files: ReadonlyMap<string, Blob>, otherwise: () => Source['get']): Source {
  let fetch: Source['get'] | undefined;
  const nothing = async () => undefined;
  return {
    async get(name) {
      const file = files.get(name);
      if (file) return file.arrayBuffer();
      fetch ??= otherwise();
      return fetch(name);
    },
    settled: nothing,
    keep: nothing,
  };
}

/** Holds a lock until the worker ends, however it does. */
function hold(lock: string, tell: (news: WorkerNews) => void) {
  const locks: LockManager | undefined = navigator.locks; // insecure pages have none
  void locks?.request(lock, () => {
    tell({ locked: true });
    return new Promise(() => undefined);
  });
}

serve<MotionWorker>({
  async load(from) {
    const tell = (news: WorkerNews) => from.news?.postMessage(news);
    if (from.lock) hold(from.lock, tell);
    request = from;
    const files = from.files ? handedOver(from.files, () => fetched(from, tell).get) : fetched(from, tell);
    tiers = new Tiers(opener(from, files.get), from, tell);
    const info = await tiers.begin(from.takeOver);
    await files.settled(); // what this tier does not need, another may, when there is no network
    void files.keep();
    return info;
  },
  async run(sound, contextRateHz, motion, origin) {
    if (conversation) throw new EngineError('bug', 'motion worker: run() was called twice');
    const { request, tiers } = loaded();
    const { backend, lookahead } = tiers.now;
    const generator = new Generator(backend, lookahead, request.sampler.steps, request.placement);
    await generator.reset();
    const slow = (tickMs: number) => tiers.slow(tickMs);
    conversation = new Conversation(generator, sound, contextRateHz, motion, slow, origin);
    conversation.rest(resting);
    looking = setInterval(() => tiers.look(), LOOK_MS);
    await tiers.run(conversation, request.takeOver);
  },
  async listen(sound) {
    conversation?.listen(sound);
  },
  async setConditions(conditions) {
    await loaded().tiers.setConditions(conditions);
  },
  setBackend(choice) {
    return loaded().tiers.choose(choice);
  },
  async setVisible(visible) {
    loaded().tiers.setVisible(visible);
  },
  async reset() {
    conversation?.reset();
  },
  async rest(isResting) {
    resting = isResting;
    conversation?.rest(isResting);
  },
  async stats() {
    invariant(conversation, 'motion worker: run() has not been called');
    const { backend, info } = loaded().tiers.now;
    return { ...conversation.stats, gpuMs: backend.gpuMs ?? Number.NaN, info };
  },
  async stop() {
    clearInterval(looking);
    await conversation?.stop();
    conversation = undefined;
    tiers?.dispose();
  },
});
