import { turnsOf } from '../model/behaviour.ts';
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
import { FACE_TO_FACE, type Models } from './models.ts';
import type { Movement } from './movement.ts';
import { WasmEncoder } from './wasm.encoder.ts';
import { WasmFace } from './wasm.face.ts';
import { MOVEMENT_GRAPHS, type OpenMovement, openMovement } from './wasm.movement.ts';
import { exclusively, oneByOne, runtimeVersion, useRuntime } from './wasm.session.ts';
import { checkState, copyState, fillState, type LiveState } from './wasm.state.ts';

/** The ONNX graphs of a conversation, by the stems of their files. */
export const WASM_GRAPHS = ['speech-encoder', 'face', 'face-prefix', ...MOVEMENT_GRAPHS] as const;

/** What runs the networks in WebAssembly. */
export type WasmFiles = {
  readonly graphs: Readonly<Record<(typeof WASM_GRAPHS)[number], ArrayBuffer>>;
  /** onnxruntime-web's `ort-wasm-simd-threaded.wasm`. */
  readonly runtime: ArrayBuffer;
};

type Parts = { readonly encoder: WasmEncoder; readonly face: WasmFace; readonly movement: Movement };

/**
 * Runs the networks as ONNX graphs in onnxruntime-web (WASM SIMD); TypeScript keeps the state. Encoder and face run here,
 * behaviour and bodies where they were opened.
 */
export class WasmBackend implements Backend {
  readonly info: BackendInfo;
  readonly full = true;
  readonly #parts: Parts;
  readonly #live: LiveState;
  readonly #inTurn = oneByOne();
  #ticks = 0;
  #turn: Float32Array = new Float32Array(PERSONS);

  private constructor(parts: Parts, reason: string) {
    const { encoder, face, movement } = parts;
    this.#parts = parts;
    this.#live = { ...encoder.state, ...face.state };
    const threads = movement.elsewhere ? '2 workers' : '1 thread';
    this.info = { backend: 'wasm', adapter: `onnxruntime-web ${runtimeVersion()}, ${threads}`, reason };
  }

  /** Opens all graphs, behaviour and bodies by `open`; throws `asset` when one does not fit its weights. */
  static async open(
    models: Models,
    { graphs, runtime }: WasmFiles,
    options: BackendOptions,
    reason: string,
    open: OpenMovement = openMovement,
  ) {
    useRuntime(runtime);
    const { sampler, conditions } = options;
    const opening = open(models, graphs, options);
    opening.catch(() => undefined); // awaited below, after what may fail first
    const encoder = await exclusively(() => WasmEncoder.open(models, graphs['speech-encoder']));
    const faceGraphs = { face: graphs.face, prefix: graphs['face-prefix'] };
    const face = await exclusively(() => WasmFace.open(models, faceGraphs, sampler));
    const backend = new WasmBackend({ encoder, face, movement: await opening }, reason);
    await backend.setConditions(conditions);
    await backend.reset();
    return backend;
  }

  setConditions(conditions: Conditions): Promise<void> {
    return this.#inTurn(async () => {
      await exclusively(() => this.#parts.face.setConditions(conditions));
      await this.#parts.movement.setConditions(conditions);
    });
  }

  tick(mel: Float32Array, work: TickWork): Promise<Tick> {
    return this.#inTurn(async () => {
      const { encoder, face, movement } = this.#parts;
      const { token, phones, voicing } = await exclusively(() => encoder.step(mel));
      this.#ticks++;
      movement.hear(token, work.frame ? voicing : undefined);
      const weights = work.frame ? await exclusively(() => face.sample(token)) : undefined;
      const shown = weights && (await movement.show(weights));
      if (shown) this.#turn = shown.turn;
      const tick = {
        face: weights,
        behaviour: shown?.behaviour,
        codes: shown?.codes,
        turn: this.#turn,
        phones,
        voicing,
      };
      work.onFrame?.({ ...tick, body: undefined });
      const block = work.body && movement.move(work.body);
      block?.catch(() => undefined); // whoever takes the block is told
      await exclusively(() => face.settle());
      return { ...tick, body: movement.elsewhere ? block : await block };
    });
  }

  encodeMotion(motion: Float32Array): Promise<MotionCodes> {
    return this.#parts.movement.encode(motion);
  }

  save(): Promise<BackendState> {
    return this.#inTurn(async () => {
      const { face, movement } = this.#parts;
      const { blocks, tensors } = await movement.save();
      const counters = { ticks: this.#ticks, frames: face.frames, ...blocks };
      return { version: 1, counters, tensors: { ...copyState(this.#live), ...tensors } };
    });
  }

  restore(state: BackendState): Promise<void> {
    return this.#inTurn(async () => {
      const { encoder, face, movement } = this.#parts;
      checkState(this.#live, state);
      await movement.restore(state);
      fillState(this.#live, state);
      const { ticks, frames } = state.counters;
      this.#ticks = ticks;
      encoder.resume(ticks);
      face.resume(frames);
      this.#turn = new Float32Array(PERSONS);
      turnsOf(state.tensors['dim.activity']!, this.#turn);
    });
  }

  reset(placement: Float32Array = FACE_TO_FACE): Promise<void> {
    return this.#inTurn(async () => {
      const { encoder, face, movement } = this.#parts;
      this.#ticks = 0;
      this.#turn = new Float32Array(PERSONS);
      encoder.reset();
      face.reset();
      await movement.reset(placement);
    });
  }

  dispose() {
    const { encoder, face, movement } = this.#parts;
    void this.#inTurn(async () => {
      movement.dispose();
      await exclusively(async () => {
        encoder.dispose();
        face.dispose();
      });
    });
  }
}
