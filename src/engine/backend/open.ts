import { EngineError } from '../../errors.ts';
import { type Gpu, openGpu } from '../../kernels/gpu.ts';
import { stepsOf } from '../model/sampler.ts';
import type { Backend, BackendOptions } from './backend.ts';
import { isOutOfMemory } from './memory.ts';
import { type Fetch, loadModels, type Models } from './models.ts';
import { type Candidate, firstFastEnough, WASM_LIMIT_MS, WEBGPU_LIMIT_MS } from './probe.ts';
import type { OpenMovement } from './wasm.movement.ts';
import type { Breathe } from './wasm.session.ts';
import type { WasmFiles } from './wasm.ts';

/** Which backend the user asked for; `auto` measures and takes WGSL on a real GPU, else WebAssembly, else lips alone. */
export type BackendChoice = 'auto' | 'webgpu' | 'wasm' | 'visemes';

/** Where backends come from: model files, the WebAssembly build, and the GPU object of this platform. */
export type BackendSources = {
  readonly fetch: Fetch;
  readonly gpu: GPU | undefined;
  /** Reads onnxruntime-web's WebAssembly; called only when a tier needs it. */
  readonly runtime: () => Promise<ArrayBuffer>;
  /** Opens behaviour and bodies of the tier `wasm` somewhere else than on this thread. */
  readonly movement?: OpenMovement;
  readonly breathe?: Breathe;
};

/** The code of each tier, which a page fetches only when it is called for. */
const CODE = {
  webgpu: () => import('./webgpu.ts').catch(unfetched),
  wasm: () => import('./wasm.ts').catch(unfetched),
  visemes: () => import('./visemes.ts').catch(unfetched),
};

function unfetched(cause: Error): never {
  throw new EngineError('asset', `A part of the engine cannot be fetched: ${cause.message}`, {
    hint: 'Check the network, and that all files of the package stand beside each other; then reload the page.',
    cause,
  });
}

/**
 * Loads the models and opens the backend that suits the machine, saying why; `auto` measures whole ticks, a forced choice
 * measures nothing. Files are fetched once for each `sources.fetch`, so a tier that is opened later finds them there;
 * hand the old backend's `save()` to the new one's `restore()`, then dispose the old one.
 * Throws `unsupported` when the forced backend cannot run, `asset` when a model file is missing or wrong.
 */
export async function openBackend(
  choice: BackendChoice,
  sources: BackendSources,
  options: BackendOptions,
): Promise<{ backend: Backend; models: Models; gpu: Gpu | undefined }> {
  const files = filesOf(sources);
  // What this tier does not need, another may, when there is no network any more.
  for (const fetched of Object.values(CODE)) fetched().catch(() => undefined);
  const models = files.models();
  models.catch(() => undefined); // awaited below; a failing GPU must not leave it unhandled
  let gpu: Gpu | undefined;
  const webgpu = async (reason: string, real: boolean) => {
    const found: Gpu = await openGpu(sources.gpu, {
      onError: (error) => {
        // Whatever runs without its memory gives wrong motion; without its device it is mended like any that is lost.
        if (isOutOfMemory(error)) found.dispose();
      },
    });
    if (real && found.software) {
      found.dispose();
      return `only a software adapter is here (${found.adapterName}), on which WebAssembly is faster`;
    }
    try {
      const { WebgpuBackend } = await CODE.webgpu();
      const loaded = await models;
      found.device.pushErrorScope('out-of-memory');
      const backend = await WebgpuBackend.open(found, loaded, options, reason);
      const exhausted = await found.device.popErrorScope();
      if (exhausted)
        throw new EngineError('unsupported', `There is not enough memory on the GPU: ${exhausted.message}`, {
          hint: 'Close other pages that use it, or choose the wasm backend.',
          cause: exhausted,
        });
      gpu = found;
      return backend;
    } catch (error) {
      found.dispose();
      throw error;
    }
  };
  const wasm = async (reason: string) => {
    const { WASM_GRAPHS, WasmBackend } = await CODE.wasm();
    const [runtime, ...graphs] = await Promise.all([
      files.runtime(),
      ...WASM_GRAPHS.map(async (name) => [name, await files.graph(name)] as const),
    ]);
    const all = { runtime, graphs: Object.fromEntries(graphs) as WasmFiles['graphs'] };
    return WasmBackend.open(await models, all, options, reason, sources.movement, sources.breathe);
  };
  const visemes = async (reason: string) => {
    const { VisemeBackend } = await CODE.visemes();
    const [runtime, graph] = await Promise.all([files.runtime(), files.graph('speech-encoder')]);
    return VisemeBackend.open(await models, { runtime, graph }, options, reason);
  };
  if (choice !== 'auto') {
    const forced = { webgpu: () => webgpu('asked for', false), wasm, visemes }[choice];
    const backend = (await forced('asked for')) as Backend;
    return { backend, models: await models, gpu };
  }
  const candidates: Candidate[] = [
    { tier: 'webgpu', open: () => webgpu('', true), limitMs: WEBGPU_LIMIT_MS },
    { tier: 'wasm', open: () => wasm(''), limitMs: WASM_LIMIT_MS },
    { tier: 'visemes', open: () => visemes('') },
  ];
  const { melSilence } = await models;
  const { backend, reason } = await firstFastEnough(candidates, {
    steps: stepsOf(options.sampler.steps).body,
    melSilence,
  });
  // What was measured is known only now, when the backend is there.
  Object.assign(backend, { info: { ...backend.info, reason } });
  return { backend, models: await models, gpu: backend.info.backend === 'webgpu' ? gpu : undefined };
}

/** Files that were read already. */
type Files = {
  readonly models: () => Promise<Models>;
  readonly runtime: () => Promise<ArrayBuffer>;
  readonly graph: (name: string) => Promise<ArrayBuffer>;
};

const KNOWN = new WeakMap<Fetch, Files>();

function filesOf({ fetch, runtime }: BackendSources): Files {
  const known = KNOWN.get(fetch);
  if (known) return known;
  const graphs = new Map<string, () => Promise<ArrayBuffer>>();
  const files: Files = {
    models: once(() => loadModels(fetch)),
    runtime: once(runtime),
    graph(name) {
      const graph = graphs.get(name) ?? once(() => fetch(`${name}.onnx`));
      graphs.set(name, graph);
      return graph();
    },
  };
  KNOWN.set(fetch, files);
  return files;
}

/** Does `work` at the first call and gives its result ever after; a failure is tried again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work().catch((error: unknown) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}
