import type { BackendOptions, BackendState, BodyWork, Conditions } from '../engine/backend/backend.ts';
import type { MovementModels } from '../engine/backend/models.ts';
import type { Movement, ShownLast } from '../engine/backend/movement.ts';
import {
  MOVEMENT_GRAPHS,
  type MovementGraphs,
  type OpenMovement,
  openMovement,
} from '../engine/backend/wasm.movement.ts';
import { EngineError } from '../errors.ts';
import type { MovementWorker } from './movement.protocol.ts';
import { connect } from './rpc.ts';

/** How often (ms) it is looked whether the worker answers, and how many looks in a row without an answer mean that it is gone. */
const LOOK_MS = 1000;
const MOST_LOOKS = 5;

/** Opening may take so many looks: it compiles nine networks. */
const OPENING_LOOKS = 30;

type Waiting = { readonly reject: (error: EngineError) => void; looks: number };

/** Behaviour and bodies in a worker of their own, beside encoder and face: on another core where there is one. */
class RemoteMovement implements Movement {
  readonly elsewhere = true;
  readonly #worker = new Worker(new URL('./movement.worker.ts', import.meta.url), { type: 'module' });
  readonly #remote = connect<MovementWorker>(this.#worker);
  readonly #waiting = new Set<Waiting>();
  readonly #timer = setInterval(() => this.#look(), LOOK_MS);
  #ended: EngineError | undefined;

  constructor() {
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(`it failed: ${event.message || 'its script cannot be loaded'}`);
    };
    this.#worker.onmessageerror = () => this.#end('it sent what cannot be read');
  }

  /** Hands everything over that the worker needs. */
  open(
    { dim, body }: MovementModels,
    graphs: MovementGraphs,
    options: BackendOptions,
    runtime: ArrayBuffer,
  ): Promise<void> {
    const files = { dim: dim.file, lower: body.lower.file, upper: body.upper.file };
    const own = Object.fromEntries(MOVEMENT_GRAPHS.map((name) => [name, graphs[name]]));
    const request = { files, graphs: own as MovementGraphs, runtime, options };
    return this.#ask(() => this.#remote.open(request), MOST_LOOKS - OPENING_LOOKS);
  }

  hear(token: Float32Array, shown: ShownLast | undefined) {
    return this.#ask(() => this.#remote.hear(token, shown));
  }

  move(work: BodyWork, head: Float32Array) {
    return this.#ask(() => this.#remote.move(work, head));
  }

  encode(motion: Float32Array) {
    return this.#ask(() => this.#remote.encode(motion));
  }

  setConditions(conditions: Conditions) {
    return this.#ask(() => this.#remote.setConditions(conditions));
  }

  save() {
    return this.#ask(() => this.#remote.save());
  }

  restore(state: BackendState) {
    return this.#ask(() => this.#remote.restore(state));
  }

  reset(placement: Float32Array) {
    return this.#ask(() => this.#remote.reset(placement));
  }

  dispose(): void {
    this.#end('it was disposed of');
  }

  #ask<Answer>(ask: () => Promise<Answer>, looks = 0): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const waiting = { reject, looks };
      this.#waiting.add(waiting);
      ask()
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(waiting));
    });
  }

  /** Counts looks, not time: a machine that slept has not waited. */
  #look() {
    for (const waiting of this.#waiting)
      if (++waiting.looks > MOST_LOOKS) return this.#end(`it has not answered for ${MOST_LOOKS} s`);
  }

  #end(why: string) {
    if (this.#ended) return;
    this.#ended = new EngineError('lost', `The worker of behaviour and bodies is gone: ${why}.`, {
      hint: 'The motion goes on by itself; `backend: "visemes"` needs no such worker.',
    });
    clearInterval(this.#timer);
    this.#worker.terminate();
    for (const { reject } of this.#waiting) reject(this.#ended);
    this.#waiting.clear();
  }
}

/** Opens behaviour and bodies in a worker of their own where the machine has two cores, else, or where that fails, here. */
export const movementBeside =
  (runtime: () => Promise<ArrayBuffer>): OpenMovement =>
  async (models, graphs, options, breathe) => {
    if (!(navigator.hardwareConcurrency > 1)) return openMovement(models, graphs, options, breathe);
    const movement = new RemoteMovement();
    try {
      await movement.open(models, graphs, options, await runtime());
      return movement;
    } catch {
      movement.dispose();
      return openMovement(models, graphs, options, breathe); // says what is wrong, if it is the networks
    }
  };
