import { EngineError } from '../../errors.ts';
import { PERSONS } from '../motion.ts';
import type {
  Backend,
  BackendInfo,
  BackendOptions,
  BackendState,
  Conditions,
  MotionCodes,
  Tick,
  TickWork,
} from './backend.ts';
import type { Models } from './models.ts';
import { WasmEncoder } from './wasm.encoder.ts';
import { WasmFace } from './wasm.face.ts';
import { runtimeVersion, useRuntime } from './wasm.session.ts';
import { copyState, fillState, type LiveState } from './wasm.state.ts';

/** The ONNX graphs of a conversation and the WebAssembly build that runs them. */
export type WasmFiles = {
  readonly encoderGraph: ArrayBuffer;
  readonly faceGraph: ArrayBuffer;
  readonly prefixGraph: ArrayBuffer;
  /** onnxruntime-web's `ort-wasm-simd-threaded.wasm`. */
  readonly runtime: ArrayBuffer;
};

/** Runs the networks as ONNX graphs in onnxruntime-web (WASM SIMD, one thread); TypeScript keeps the state. */
export class WasmBackend implements Backend {
  readonly info: BackendInfo;
  readonly full = false;
  readonly #encoder: WasmEncoder;
  readonly #face: WasmFace;
  readonly #turn = new Float32Array(PERSONS);
  readonly #live: LiveState;
  #ticks = 0;

  private constructor(encoder: WasmEncoder, face: WasmFace, reason: string) {
    this.#encoder = encoder;
    this.#face = face;
    this.#live = { ...encoder.state, ...face.state };
    this.info = { backend: 'wasm', adapter: `onnxruntime-web ${runtimeVersion()}, 1 thread`, reason };
  }

  /** Opens the three graphs; throws `asset` when a graph does not fit its weights. */
  static async open(models: Models, files: WasmFiles, options: BackendOptions, reason: string) {
    useRuntime(files.runtime);
    const encoder = await WasmEncoder.open(models, files.encoderGraph);
    const graphs = { face: files.faceGraph, prefix: files.prefixGraph };
    const face = await WasmFace.open(models, graphs, options.sampler);
    await face.setConditions(options.conditions);
    return new WasmBackend(encoder, face, reason);
  }

  setConditions(conditions: Conditions) {
    return this.#face.setConditions(conditions);
  }

  async tick(mel: Float32Array, work: TickWork): Promise<Tick> {
    const { token, phones, voicing } = await this.#encoder.step(mel);
    this.#ticks++;
    const face = work.frame ? await this.#face.sample(token) : undefined;
    return {
      face,
      behaviour: undefined,
      codes: undefined,
      turn: this.#turn,
      body: undefined,
      phones,
      voicing,
    };
  }

  async encodeMotion(): Promise<MotionCodes> {
    throw new EngineError('unsupported', 'These models hold no behaviour network.', {
      hint: 'Use the model files that came with this version of duologue.',
    });
  }

  async save(): Promise<BackendState> {
    const counters = { ticks: this.#ticks, frames: this.#face.frames, lower: 0, upper: 0 };
    return { version: 1, counters, tensors: copyState(this.#live) };
  }

  async restore(state: BackendState) {
    fillState(this.#live, state);
    this.#ticks = state.counters.ticks;
    this.#encoder.resume(this.#ticks);
    this.#face.resume(state.counters.frames);
  }

  async reset() {
    this.#ticks = 0;
    this.#encoder.reset();
    this.#face.reset();
  }

  dispose() {
    this.#encoder.dispose();
    this.#face.dispose();
  }
}
