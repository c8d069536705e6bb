import { invariant } from '../../errors.ts';
import { PERSONS } from '../motion.ts';
import type {
  Backend,
  BackendInfo,
  BackendOptions,
  BackendState,
  BodyNetwork,
  BodyWork,
  Conditions,
  MotionCodes,
  Tick,
  TickWork,
} from './backend.ts';
import { FACE_TO_FACE, type Models } from './models.ts';
import { WasmBehaviour } from './wasm.behaviour.ts';
import { WasmBody } from './wasm.body.ts';
import { WasmEncoder } from './wasm.encoder.ts';
import { WasmFace } from './wasm.face.ts';
import { exclusively, runtimeVersion, useRuntime } from './wasm.session.ts';
import { copyState, fillState, type LiveState, pushTokens } from './wasm.state.ts';

/** The ONNX graphs of a conversation, by the stems of their files. */
export const WASM_GRAPHS = [
  'speech-encoder',
  'face',
  'face-prefix',
  'dim',
  'dim-decoder',
  'dim-encoder',
  'body-lower',
  'body-lower-cond',
  'body-lower-prefix',
  'body-upper',
  'body-upper-cond',
  'body-upper-prefix',
] as const;

/** What runs the networks in WebAssembly. */
export type WasmFiles = {
  readonly graphs: Readonly<Record<(typeof WASM_GRAPHS)[number], ArrayBuffer>>;
  /** onnxruntime-web's `ort-wasm-simd-threaded.wasm`. */
  readonly runtime: ArrayBuffer;
};

type Parts = {
  readonly encoder: WasmEncoder;
  readonly face: WasmFace;
  readonly behaviour: WasmBehaviour;
  readonly body: Readonly<Record<BodyNetwork, WasmBody>>;
};

/** Runs the networks as ONNX graphs in onnxruntime-web (WASM SIMD, one thread); TypeScript keeps the state. */
export class WasmBackend implements Backend {
  readonly info: BackendInfo;
  readonly full = true;
  readonly #parts: Parts;
  /** [2, 16, 256] the newest speech tokens, oldest first. */
  readonly #tokens: Float32Array;
  readonly #live: LiveState;
  #ticks = 0;

  private constructor(parts: Parts, models: Models, reason: string) {
    const { encoder, face, behaviour, body } = parts;
    this.#parts = parts;
    this.#tokens = new Float32Array(PERSONS * models.body.lower.config.audioWindow * models.encoder.C);
    this.#live = {
      ...encoder.state,
      ...face.state,
      ...behaviour.state,
      ...body.lower.state,
      ...body.upper.state,
      'body.tokens': this.#tokens,
    };
    this.info = { backend: 'wasm', adapter: `onnxruntime-web ${runtimeVersion()}, 1 thread`, reason };
  }

  /** Opens all graphs; throws `asset` when one does not fit its weights. */
  static async open(models: Models, { graphs, runtime }: WasmFiles, options: BackendOptions, reason: string) {
    useRuntime(runtime);
    const { sampler, conditions } = options;
    return exclusively(async () => {
      const encoder = await WasmEncoder.open(models, graphs['speech-encoder']);
      const faceGraphs = { face: graphs.face, prefix: graphs['face-prefix'] };
      const face = await WasmFace.open(models, faceGraphs, sampler);
      const behaviourGraphs = {
        predictor: graphs.dim,
        decoder: graphs['dim-decoder'],
        encoder: graphs['dim-encoder'],
      };
      const behaviour = await WasmBehaviour.open(models, behaviourGraphs, sampler);
      const bodyGraphs = (network: BodyNetwork) => ({
        denoise: graphs[`body-${network}`],
        cond: graphs[`body-${network}-cond`],
        prefix: graphs[`body-${network}-prefix`],
      });
      const lower = await WasmBody.open('lower', models, bodyGraphs('lower'), sampler);
      const upper = await WasmBody.open('upper', models, bodyGraphs('upper'), sampler, lower);
      const parts = { encoder, face, behaviour, body: { lower, upper } };
      const backend = new WasmBackend(parts, models, reason);
      await backend.#setConditions(conditions);
      await backend.#reset(FACE_TO_FACE);
      return backend;
    });
  }

  setConditions(conditions: Conditions) {
    return exclusively(() => this.#setConditions(conditions));
  }

  tick(mel: Float32Array, work: TickWork): Promise<Tick> {
    return exclusively(async () => {
      const { encoder, face, behaviour } = this.#parts;
      const heard = await encoder.step(mel);
      this.#ticks++;
      pushTokens(this.#tokens, heard.token);
      const weights = work.frame ? await face.sample(heard.token) : undefined;
      if (weights) await behaviour.step({ ...heard, face: weights });
      const tick = {
        face: weights,
        behaviour: weights && behaviour.behaviour,
        codes: weights && behaviour.codes,
        turn: behaviour.turn,
        phones: heard.phones,
        voicing: heard.voicing,
      };
      work.onFrame?.({ ...tick, body: undefined });
      await face.settle();
      const body = work.body && (await this.#moveBody(work.body));
      return { ...tick, body };
    });
  }

  encodeMotion(motion: Float32Array): Promise<MotionCodes> {
    return this.#parts.behaviour.encode(motion);
  }

  save(): Promise<BackendState> {
    return exclusively(async () => {
      const { face, body } = this.#parts;
      const blocks = { lower: body.lower.blocks, upper: body.upper.blocks };
      const counters = { ticks: this.#ticks, frames: face.frames, ...blocks };
      return { version: 1, counters, tensors: copyState(this.#live) };
    });
  }

  restore(state: BackendState) {
    return exclusively(async () => {
      fillState(this.#live, state);
      const { encoder, face, behaviour, body } = this.#parts;
      const { ticks, frames, lower, upper } = state.counters;
      this.#ticks = ticks;
      encoder.resume(ticks);
      face.resume(frames);
      behaviour.resume(frames);
      body.lower.resume(lower);
      body.upper.resume(upper);
    });
  }

  reset(placement: Float32Array = FACE_TO_FACE) {
    return exclusively(() => this.#reset(placement));
  }

  dispose() {
    const { encoder, face, behaviour, body } = this.#parts;
    void exclusively(async () => {
      for (const part of [encoder, face, behaviour, body.lower, body.upper]) part.dispose();
    });
  }

  async #setConditions(conditions: Conditions) {
    const { face, body } = this.#parts;
    await face.setConditions(conditions);
    await body.lower.setConditions(conditions);
    await body.upper.setConditions(conditions);
  }

  async #reset(placement: Float32Array) {
    const { encoder, face, behaviour, body } = this.#parts;
    this.#ticks = 0;
    this.#tokens.fill(0);
    encoder.reset();
    face.reset();
    behaviour.reset();
    await body.lower.reset(placement);
    await body.upper.reset(placement);
  }

  async #moveBody({ network, from, to, placement }: BodyWork) {
    const body = this.#parts.body[network];
    if (from === 0) {
      invariant(placement, 'body: a block begins without a placement');
      await body.begin({ tokens: this.#tokens, placement, head: this.#parts.behaviour.head });
    }
    return body.denoise(from, to);
  }
}
