import type { Backend, BackendInfo, BackendOptions, Conditions, Tick } from './backend.ts';
import type { Models } from './models.ts';
import { WasmEncoder } from './wasm.encoder.ts';
import { WasmFace } from './wasm.face.ts';
import { runtimeVersion, useRuntime } from './wasm.session.ts';

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
  readonly #encoder: WasmEncoder;
  readonly #face: WasmFace;
  readonly #lookahead: number;
  #ticks = 0;

  private constructor(encoder: WasmEncoder, face: WasmFace, lookahead: number, reason: string) {
    this.#encoder = encoder;
    this.#face = face;
    this.#lookahead = lookahead;
    this.info = { backend: 'wasm', adapter: `onnxruntime-web ${runtimeVersion()}, 1 thread`, reason };
  }

  /** Opens the three graphs; throws `asset` when a graph does not fit its weights. */
  static async open(models: Models, files: WasmFiles, options: BackendOptions, reason: string) {
    useRuntime(files.runtime);
    const encoder = await WasmEncoder.open(models, files.encoderGraph);
    const graphs = { face: files.faceGraph, prefix: files.prefixGraph };
    const face = await WasmFace.open(models, graphs, options.sampler);
    await face.setConditions(options.conditions);
    return new WasmBackend(encoder, face, models.encoder.lookahead, reason);
  }

  setConditions(conditions: Conditions) {
    return this.#face.setConditions(conditions);
  }

  async tick(mel: Float32Array, listenOnly = false): Promise<Tick> {
    const { token, phones, voicing } = await this.#encoder.step(mel);
    const frameIndex = this.#ticks++ - this.#lookahead;
    const face = frameIndex < 0 || listenOnly ? undefined : await this.#face.sample(token);
    return { face, phones, voicing };
  }

  reset() {
    this.#ticks = 0;
    this.#encoder.reset();
    this.#face.reset();
  }

  dispose() {
    this.#encoder.dispose();
    this.#face.dispose();
  }
}
