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
import { Behaviour } from './behaviour.ts';
import { FACE_TO_FACE, type Models } from './models.ts';
import type { Movement } from './movement.ts';
import { WasmEncoder } from './wasm.encoder.ts';
import { WasmFace } from './wasm.face.ts';
import { MOVEMENT_GRAPHS, type OpenMovement, openMovement } from './wasm.movement.ts';
import { type Breathe, exclusively, oneByOne, runtimeVersion, useRuntime } from './wasm.session.ts';
import { checkState, copyState, fillState, type LiveState } from './wasm.state.ts';

/** The ONNX graphs of a conversation, by the stems of their files. */
export const WASM_GRAPHS = ['speech-encoder', 'face', 'face-prefix', ...MOVEMENT_GRAPHS] as const;

/** What runs the networks in WebAssembly. */
export type WasmFiles = {
  readonly graphs: Readonly<Record<(typeof WASM_GRAPHS)[number], ArrayBuffer>>;
  /** onnxruntime-web's `ort-wasm-simd-threaded.wasm`. */
  readonly runtime: ArrayBuffer;
};

type Parts = {
  readonly encoder: WasmEncoder;
  readonly face: WasmFace;
  readonly behaviour: Behaviour;
  readonly movement: Movement;
};

/**
 * Runs the networks as ONNX graphs in onnxruntime-web (WASM SIMD); TypeScript keeps the state. Encoder and face run here,
 * codes and bodies where they were opened.
 */
export class WasmBackend implements Backend {
  readonly info: BackendInfo;
  readonly full = true;
  readonly #parts: Parts;
  readonly #live: LiveState;
  readonly #inTurn = oneByOne();
  #ticks = 0;
  /** Until the codes are here that the next frame shows. */
  #drawn: Promise<void> = Promise.resolve();

  private constructor(parts: Parts, reason: string) {
    const { encoder, face, behaviour, movement } = parts;
    this.#parts = parts;
    this.#live = { ...encoder.state, ...face.state, ...behaviour.state };
    const threads = movement.elsewhere ? '2 workers' : '1 thread';
    this.info = { backend: 'wasm', adapter: `onnxruntime-web ${runtimeVersion()}, ${threads}`, reason };
  }

  /** Opens all graphs, codes and bodies by `open`, with a `breathe` between; throws `asset` when one does not fit its weights. */
  static async open(
    models: Models,
    { graphs, runtime }: WasmFiles,
    options: BackendOptions,
    reason: string,
    open: OpenMovement = openMovement,
    breathe?: Breathe,
  ) {
    useRuntime(runtime);
    const { sampler, conditions } = options;
    const opening = open(models, graphs, options, breathe);
    opening.catch(() => undefined); // awaited below, after what may fail first
    const encoder = await WasmEncoder.open(models, graphs['speech-encoder']);
    await breathe?.();
    const faceGraphs = { face: graphs.face, prefix: graphs['face-prefix'] };
    const face = await WasmFace.open(models, faceGraphs, sampler, breathe);
    await breathe?.();
    const behaviour = new Behaviour(models.dim);
    const backend = new WasmBackend({ encoder, face, behaviour, movement: await opening }, reason);
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
      const { encoder, face, behaviour, movement } = this.#parts;
      const { token, phones, voicing } = await exclusively(() => encoder.step(mel));
      this.#ticks++;
      const weights = work.frame ? await exclusively(() => face.sample(token)) : undefined;
      if (weights) {
        await this.#drawn;
        behaviour.show(weights, voicing);
      }
      const tick = {
        face: weights,
        behaviour: weights && behaviour.values,
        codes: weights && behaviour.codes,
        turn: behaviour.turn,
        phones,
        voicing,
      };
      work.onFrame?.({ ...tick, body: undefined });
      this.#hear(token, work.frame);
      const block = work.body && movement.move(work.body, behaviour.head);
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
      await this.#drawn;
      const { blocks, tensors } = await movement.save();
      const counters = { ticks: this.#ticks, frames: face.frames, ...blocks };
      return { version: 1, counters, tensors: { ...copyState(this.#live), ...tensors } };
    });
  }

  restore(state: BackendState): Promise<void> {
    return this.#inTurn(async () => {
      const { encoder, face, behaviour, movement } = this.#parts;
      checkState(this.#live, state);
      await this.#forgetDrawn();
      await movement.restore(state);
      fillState(this.#live, state);
      const { ticks, frames } = state.counters;
      this.#ticks = ticks;
      encoder.resume(ticks);
      face.resume(frames);
      behaviour.resume();
    });
  }

  reset(placement: Float32Array = FACE_TO_FACE): Promise<void> {
    return this.#inTurn(async () => {
      const { encoder, face, behaviour, movement } = this.#parts;
      await this.#forgetDrawn();
      this.#ticks = 0;
      encoder.reset();
      face.reset();
      behaviour.reset();
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

  /** Lets the networks of the frames to come hear a tick's tokens; after a frame they draw the codes of the next. */
  #hear(token: Float32Array, draws: boolean) {
    const { behaviour, movement } = this.#parts;
    const { motion, drawn } = behaviour;
    this.#drawn = movement
      .hear(token, draws ? { motion, drawn } : undefined)
      .then((next) => next && behaviour.take(next));
    this.#drawn.catch(() => undefined); // the next frame says it
  }

  /** Waits for a draw under way, so that it comes into nothing new. */
  async #forgetDrawn() {
    await this.#drawn.catch(() => undefined);
    this.#drawn = Promise.resolve();
  }
}
