import type { Backend } from '../engine/backend/backend.ts';
import { openBackend } from '../engine/backend/open.ts';
import { wasmRuntimeUrl } from '../engine/backend/wasm.runtime.ts';
import { Generator } from '../engine/model/generator.ts';
import { EngineError, invariant } from '../errors.ts';
import { Conversation } from './conversation.ts';
import { makeFetch } from './fetch.ts';
import type { LoadRequest, MotionWorker } from './motion.protocol.ts';
import { serve } from './rpc.ts';
import { openWriter } from './stream.ts';

type Loaded = { readonly backend: Backend; readonly lookahead: number };

let request: LoadRequest | undefined;
let loaded: Loaded | undefined;
let conversation: Conversation | undefined;

async function open(from: LoadRequest, onProgress: (loadedBytes: number, totalBytes: number) => void) {
  const fetch = makeFetch(from.modelBaseUrl, onProgress);
  const gpu: GPU | undefined = navigator.gpu;
  const sources = { fetch, gpu, runtime: () => fetch(wasmRuntimeUrl) };
  const { backend, models } = await openBackend(from.backend, sources, from);
  return { backend, lookahead: models.encoder.lookahead };
}

const opened = () => {
  invariant(loaded, 'motion worker: load() has not been called');
  return loaded;
};

serve<MotionWorker>({
  async load(from) {
    const writer = openWriter(from.progress);
    const report = new Float32Array(2);
    loaded = await open(from, (loadedBytes, totalBytes) => {
      report[0] = loadedBytes;
      report[1] = totalBytes;
      writer.push(report);
    });
    request = from;
    return loaded.backend.info;
  },
  async run(sound, contextRateHz, motion) {
    if (conversation) throw new EngineError('bug', 'motion worker: run() was called twice');
    const first = opened();
    conversation = new Conversation(
      new Generator(first.backend, first.lookahead),
      sound,
      contextRateHz,
      motion,
    );
    for (;;) {
      try {
        return await conversation.run();
      } catch (error) {
        if (!(error instanceof EngineError && error.kind === 'lost' && request)) throw error;
        loaded?.backend.dispose();
        loaded = await open(request, () => undefined);
        conversation.resume(loaded.backend, loaded.lookahead);
      }
    }
  },
  async setConditions(conditions) {
    if (request) request = { ...request, conditions };
    await opened().backend.setConditions(conditions);
  },
  async reset() {
    conversation?.reset();
  },
  async stats() {
    invariant(conversation, 'motion worker: run() has not been called');
    return conversation.stats;
  },
  async stop() {
    await conversation?.stop();
    conversation = undefined;
    loaded?.backend.dispose();
    loaded = undefined;
  },
});
