import type {
  BackendOptions,
  BackendState,
  BodyWork,
  Conditions,
  MotionCodes,
} from '../engine/backend/backend.ts';
import type { MovementFiles } from '../engine/backend/models.ts';
import type { Drawn, MovementState, ShownLast } from '../engine/backend/movement.ts';
import type { MovementGraphs } from '../engine/backend/wasm.movement.ts';

/** What behaviour and bodies need to be opened in a worker of their own. */
export type MovementRequest = {
  readonly files: MovementFiles;
  readonly graphs: MovementGraphs;
  /** onnxruntime-web's WebAssembly. */
  readonly runtime: ArrayBuffer;
  readonly options: BackendOptions;
};

/** The verbs of {@link Movement} over there. Types only: importing this file loads no code. */
export interface MovementWorker {
  open(request: MovementRequest): Promise<void>;
  hear(token: Float32Array, shown: ShownLast | undefined): Promise<Drawn | undefined>;
  move(work: BodyWork, head: Float32Array): Promise<Float32Array | undefined>;
  encode(motion: Float32Array): Promise<MotionCodes>;
  setConditions(conditions: Conditions): Promise<void>;
  save(): Promise<MovementState>;
  restore(state: BackendState): Promise<void>;
  reset(placement: Float32Array): Promise<void>;
}
