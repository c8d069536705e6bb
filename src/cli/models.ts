import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RELATIONSHIPS } from '../engine/backend/conditions.ts';
import type { Core } from '../engine/core/core.ts';
import { createCore } from '../engine/core/open.ts';
import type { MotionSource } from '../engine/export/json.ts';
import { CHECKPOINT_VERSION } from '../engine/model/checkpoint.ts';
import { EngineError } from '../errors.ts';
import type { MotionOptions } from './arguments.ts';
import { anyGpu, hardwareGpu, type NodeGpu } from './dawn.ts';

/** The engine with its models loaded, and how it describes itself in `motion.json`. */
export type Engine = { readonly core: Core; readonly source: MotionSource };

/** Every person faces the other. */
export const FACING = [1, 1] as const;

const SHIPPED_MODELS = fileURLToPath(new URL('../../public/models', import.meta.url));

/** Loads the models and opens the backend; throws what `createCore` throws. */
export async function openEngine(options: MotionOptions): Promise<Engine> {
  const folder = options.models ?? SHIPPED_MODELS;
  const { steps, eta, seed, style, emotion, action, relationship, temperature, topK, placement } = options;
  const [face, body] = options.guidance;
  const guidance = { face, body };
  const codes = { ...(temperature !== undefined && { temperature }), ...(topK !== undefined && { topK }) };
  const node = await gpuFor(options.backend);
  const person = (p: 0 | 1) => ({ style: style[p], emotion: emotion[p], action: action[p] });
  const core = await createCore({
    fetch: (name) =>
      readModel(
        name.endsWith('.wasm')
          ? createRequire(import.meta.url).resolve(`onnxruntime-web/${name}`)
          : join(folder, name),
      ),
    ...(node.gpu && { gpu: node.gpu }),
    backend: choiceFor(options.backend, node),
    steps,
    eta,
    seed,
    guidance,
    codes,
    placement,
    relationship,
    conditions: [person(0), person(1)],
  });
  const { models } = core;
  const { backend: tier, adapter, reason } = core.info;
  const tuned = models.dim.config;
  const source: MotionSource = {
    models: [
      { network: 'speech-encoder', version: CHECKPOINT_VERSION, sha256: sha256(models.encoderFile) },
      { network: 'face', version: CHECKPOINT_VERSION, sha256: sha256(models.faceFile) },
      { network: 'dim', version: CHECKPOINT_VERSION, sha256: sha256(models.dim.file) },
      { network: 'body-lower', version: CHECKPOINT_VERSION, sha256: sha256(models.body.lower.file) },
      { network: 'body-upper', version: CHECKPOINT_VERSION, sha256: sha256(models.body.upper.file) },
    ],
    sampler: {
      steps,
      eta,
      seed,
      guidance,
      codes: { temperature: tuned.temperature, topK: tuned.topK, ...codes },
    },
    placement,
    relationship: RELATIONSHIPS[relationship],
    lookahead: models.encoder.lookahead,
    phones: models.encoder.phones,
    backend: { backend: tier, adapter, reason: node.gpu ? reason : node.why },
    precision: 'f16 weights, f32 arithmetic',
  };
  return { core, source };
}

/** Files need not be made in real time: `auto` takes the networks whole, on a real GPU where there is one. */
function choiceFor(choice: MotionOptions['backend'], { gpu }: NodeGpu): MotionOptions['backend'] {
  if (choice !== 'auto') return choice;
  return gpu ? 'webgpu' : 'wasm';
}

async function gpuFor(choice: MotionOptions['backend']): Promise<NodeGpu> {
  if (choice === 'wasm' || choice === 'visemes') return { gpu: undefined, why: 'asked for' };
  return choice === 'webgpu' ? { gpu: await anyGpu() } : hardwareGpu();
}

async function readModel(path: string): Promise<ArrayBuffer> {
  const file = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const detail = cause.code === 'ENOENT' ? 'no such file' : cause.message;
    throw new EngineError('asset', `${path}: ${detail}`, {
      hint: 'Point --models at the folder of the model files, or leave it out.',
      cause,
    });
  });
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer;
}

const sha256 = (file: ArrayBuffer) => createHash('sha256').update(new Uint8Array(file)).digest('hex');
