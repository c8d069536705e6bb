import { EngineError } from '../../errors.ts';
import type { Conditions } from '../backend/backend.ts';
import { type BackendChoice, openBackend } from '../backend/open.ts';
import type { PlacementPreset } from '../body/placement.ts';
import { checkBackend, checkSeed, placementFor, told } from '../checks.ts';
import { DEFAULT_STEPS, type SamplerOptions, type Steps, stepsOf } from '../model/sampler.ts';
import { conditionsFor, type PersonConditions, type Relationship, withPerson } from '../person.ts';
import { Core } from './core.ts';

/** The name under which a core asks for onnxruntime-web's WebAssembly. */
const RUNTIME = 'ort-wasm-simd-threaded.wasm';

/** What a core is made from. */
export type CoreOptions = {
  /**
   * Reads a file by its name: those of the folder `public/models`, and `ort-wasm-simd-threaded.wasm` of onnxruntime-web;
   * the package has all of them as `duologue/models/…`. Each is asked for at most once, unless it fails.
   */
  readonly fetch: (name: string) => Promise<ArrayBuffer | Uint8Array>;
  /** What runs the networks; default `auto`: WGSL on a real GPU, WebAssembly otherwise, as measured. */
  readonly backend?: BackendChoice;
  /** Where WebGPU is found; default `navigator.gpu`. */
  readonly gpu?: GPU;
  /** Seed of the motion, a whole number from 0, default 1; the same seed and sound give the same motion. */
  readonly seed?: number;
  /** DDIM steps 1…8 of a face frame and of a body block, or one number for both; default 1 and 4. */
  readonly steps?: Steps;
  /** DDIM eta: 0 (the default) is deterministic given the first noise, 1 takes fresh noise in every step. */
  readonly eta?: number;
  /** Classifier-free guidance scale of the face and of the bodies, default 1 (off); anything else doubles the work. */
  readonly guidance?: SamplerOptions['guidance'];
  /** How codes of listening and speaking behaviour are drawn; the default is what the weights were tuned for. */
  readonly codes?: SamplerOptions['codes'];
  /** How the two stand or sit to each other at the beginning, default `vis-a-vis`; `seated` seats both. */
  readonly placement?: PlacementPreset;
  /** Distance of the two at the beginning, hips to hips, 0.7…4 m; default that of the placement, 0.95…1.5 m. */
  readonly distanceM?: number;
  /** How each is at the beginning; default neutral, styles 0 and 1, facing the other. */
  readonly conditions?: readonly [PersonConditions, PersonConditions];
  /** What the two are to each other, by name or index; default `none`. */
  readonly relationship?: Relationship | number;
  /**
   * Whether a machine that falls behind leaves out bodies, then faces, then sound, as it does in a page, so that lips stay in
   * time. Default no: every frame is made in full, however long it takes.
   */
  readonly realTime?: boolean;
};

/**
 * Makes the engine alone: no DOM, no three.js, no audio device, no thread of its own. It runs in Node 20, in any worker, in a
 * page. Throws `asset` when a file is missing, damaged or of the wrong version, `unsupported` for options that there are not
 * and when a forced backend cannot run.
 *
 * ```ts
 * const core = await createCore({ fetch: (name) => readFile(`public/models/${name}`) });
 * core.pushSamples(0, voiceA, 48_000);
 * core.pushSamples(1, voiceB, 24_000);
 * core.finish();
 * for await (const { timeS, face, body } of core.frames()) draw(timeS, face, body);
 * core.dispose();
 * ```
 */
export async function createCore(options: CoreOptions): Promise<Core> {
  const {
    fetch,
    backend: choice = 'auto',
    seed = 1,
    steps = DEFAULT_STEPS,
    eta = 0,
    guidance,
    codes,
  } = options;
  if (typeof fetch !== 'function')
    throw new EngineError(
      'unsupported',
      `fetch is ${told(fetch)}, expected a function from file name to bytes`,
      {
        hint: 'In Node: `(name) => readFile(join(folder, name))` of `node:fs/promises`.',
      },
    );
  checkBackend(choice);
  checkSeed(seed);
  const { distanceM, realTime = false } = options;
  const placement = placementFor(options.placement, distanceM);
  const start = conditionsFor(options.placement === 'seated', options.relationship);
  const conditions = (options.conditions ?? []).reduce<Conditions>(
    (all, changes, p) => withPerson(all, p as 0 | 1, changes),
    start,
  );
  const read = async (name: string) =>
    bytesOf(
      await fetch(name).catch((cause: unknown) => {
        throw unread(name, cause);
      }),
      name,
    );
  const navigator: { gpu?: GPU } | undefined = globalThis.navigator;
  const sources = { fetch: read, gpu: options.gpu ?? navigator?.gpu, runtime: () => read(RUNTIME) };
  const sampler = { seed, steps, eta, ...(guidance && { guidance }), ...(codes && { codes }) };
  const open = (choice: BackendChoice, conditions: Conditions) =>
    openBackend(choice, sources, { sampler, conditions });
  const { backend, models } = await open(choice, conditions);
  const core = new Core({
    backend,
    models,
    choice,
    conditions,
    placement,
    realTime,
    bodySteps: stepsOf(steps).body,
    open: async (...wish) => (await open(...wish)).backend,
  });
  await core.reset();
  return core;
}

/** What went wrong in the caller's own `fetch`; our errors, of whoever wraps this, say it better themselves. */
function unread(name: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause;
  const detail = cause instanceof Error ? cause.message : told(cause);
  return new EngineError('asset', `${name} cannot be read: ${detail}`, {
    hint: 'Let `fetch` give every file of `duologue/models`, by the name that it is asked for.',
    cause,
  });
}

/** The bytes as the networks take them; throws `asset` for anything else. */
function bytesOf(file: unknown, name: string): ArrayBuffer {
  if (file instanceof ArrayBuffer) return file;
  if (ArrayBuffer.isView(file) && file.buffer instanceof ArrayBuffer) {
    const { buffer, byteOffset, byteLength } = file;
    return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  }
  throw new EngineError(
    'asset',
    `fetch gave ${told(file)} for ${name}, expected an ArrayBuffer or a Uint8Array`,
    {
      hint: "With the web's fetch: `async (name) => (await fetch(folder + name)).arrayBuffer()`.",
    },
  );
}
