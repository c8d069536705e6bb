import { invariant } from '../../errors.ts';
import { BODY_PREFIX } from '../model/config.ts';
import { type SamplerOptions, stepsOf } from '../model/sampler.ts';
import { type DdimStep, ddimSteps } from '../model/schedule.ts';
import { PERSONS } from '../motion.ts';
import type { BodyNetwork, Conditions } from './backend.ts';
import { BlockFrames } from './frames.ts';
import type { BodyModel, MovementModels } from './models.ts';
import { Carried } from './wasm.carried.ts';
import { type BlockInputs, ConditionInputs } from './wasm.conditions.ts';
import { BlockSampler, branchesOf } from './wasm.sampler.ts';
import {
  type Breathe,
  dataOf,
  type Feeds,
  floats,
  indices,
  openSession,
  type Session,
} from './wasm.session.ts';
import type { LiveState } from './wasm.state.ts';

/** Sees the sampler at work: step i, its clamped x0 and the x that goes on, both [8, 2F]. */
export type OnBodyStep = (step: number, x0: Float32Array, x: Float32Array) => void;

type Sessions = { readonly denoise: Session; readonly cond: Session; readonly prefix: Session };

/**
 * A body network (InterAct 4.2) as ONNX graphs: TypeScript runs DDIM over blocks of eight frames and keeps the ring. With
 * guidance the graphs have two rows: under the conditions, and without speech and words.
 */
export class WasmBody {
  /** The ring, the block under way and its conditions, by the names of a saved state. */
  readonly state: LiveState;
  /** What makes frames of blocks. */
  readonly frames: BlockFrames;
  readonly #sessions: Sessions;
  readonly #model: BodyModel;
  readonly #steps: readonly DdimStep[];
  readonly #branches: number;
  readonly #carried: Carried;
  readonly #sampler: BlockSampler;
  readonly #cond: Float32Array;
  readonly #condition: ConditionInputs;
  readonly #inputs: Feeds;
  #relationship: number | undefined;
  /** What each diffusion step is fed, then the context pass: they differ in the prefix tokens' keys and values. */
  #feeds: readonly Feeds[] = [];
  /** The same for the next block on. */
  #nextFeeds: readonly Feeds[] = [];

  private constructor(
    network: BodyNetwork,
    sessions: Sessions,
    models: MovementModels,
    options: SamplerOptions,
    lower?: WasmBody,
  ) {
    const model = models.body[network];
    const { config, low, high } = model;
    const { layers, window, heads, C, features, block, patch, stage, prediction } = config;
    const { steps, eta, rule, seed, guidance } = options;
    const tokens = (PERSONS * block) / patch;
    const scale = guidance?.body ?? 1;
    const name = `body-${network}`;
    this.#sessions = sessions;
    this.#model = model;
    this.#steps = ddimSteps(config.schedule, stepsOf(steps).body, eta, { rule, prediction });
    this.#branches = branchesOf(scale);
    const rows = this.#branches;
    this.#carried = new Carried(name).addRings(
      Array.from({ length: layers }, (_, i) => `layers.${i}`),
      { rows, window, width: 2 * C, heads, tokens, group: PERSONS },
    );
    this.#sampler = new BlockSampler({
      rows: tokens,
      width: patch * features,
      low,
      high,
      steps: this.#steps,
      prediction,
      seed,
      stage,
      guidance: scale,
    });
    this.#cond = new Float32Array(rows * PERSONS * C);
    this.#condition = new ConditionInputs(model, models.encoder.C, rows, lower !== undefined);
    this.frames = new BlockFrames(model, lower?.frames);
    this.#inputs = {
      ...this.#carried.feeds,
      x: floats(this.#sampler.x, rows, tokens, patch * features),
      cond: floats(this.#cond, rows, PERSONS, C),
      ...(lower && { lower: lower.#inputs.x }),
    };
    this.state = {
      ...this.#carried.state,
      [`${name}.x`]: this.#sampler.x,
      [`${name}.cond`]: this.#cond,
      [`${name}.last`]: this.frames.last,
    };
  }

  /**
   * Opens the three graphs of a network, the upper one over the lower's blocks; throws `asset` when one does not fit the
   * weights. Call `setConditions` and `reset` before the first block.
   */
  static async open(
    network: BodyNetwork,
    models: MovementModels,
    graphs: Readonly<Record<keyof Sessions, ArrayBuffer>>,
    options: SamplerOptions,
    lower?: WasmBody,
    breathe?: Breathe,
  ) {
    const open = async (graph: ArrayBuffer, part: string) => {
      await breathe?.();
      return openSession(graph, models.body[network].file, {
        graph: `body-${network}${part}.onnx`,
        weights: `body-${network}.safetensors`,
      });
    };
    const sessions = {
      denoise: await open(graphs.denoise, ''),
      cond: await open(graphs.cond, '-cond'),
      prefix: await open(graphs.prefix, '-prefix'),
    };
    return new WasmBody(network, sessions, models, options, lower);
  }

  /** Blocks so far; the rest pose at the start is one. */
  get blocks() {
    return this.#carried.blocks;
  }

  /** Changes the conditions from the next block on. */
  async setConditions(conditions: Conditions) {
    this.#condition.set(conditions);
    const { relationship = 0 } = conditions;
    if (relationship === this.#relationship) return;
    const { C, contextStep } = this.#model.config;
    const ids = indices(Array<number>(this.#branches).fill(relationship));
    const feeds: Feeds[] = [];
    for (const t of [...this.#steps.map((step) => step.t), contextStep]) {
      const prefix = await this.#sessions.prefix.run({ relationship: ids, t: floats(Float32Array.of(t), 1) });
      const step: Feeds = { ...this.#inputs };
      for (const name in prefix)
        step[name] = floats(dataOf(prefix[name]), this.#branches, BODY_PREFIX, 2 * C);
      feeds.push(step);
    }
    this.#relationship = relationship;
    this.#nextFeeds = feeds;
  }

  /** Starts the next block: its conditions and its first noise. */
  async begin(inputs: BlockInputs) {
    this.#condition.fill({ ...inputs, last: this.frames.last });
    await this.#takeConditions();
    this.#sampler.begin(this.blocks);
  }

  /**
   * Takes steps `from`…`to` − 1 of the block under way. The last one ends it: it enters the ring and comes back as frames
   * [2, 8, F] in physical units, overwritten by the next one.
   */
  async denoise(from: number, to: number, onStep?: OnBodyStep): Promise<Float32Array | undefined> {
    invariant(to <= this.#steps.length, `body: step ${to} of ${this.#steps.length}`);
    const sampler = this.#sampler;
    for (let i = from; i < to; i++) {
      const { x0 } = await this.#sessions.denoise.run(this.#feeds[i], X0);
      sampler.step(dataOf(x0), i, this.blocks);
      onStep?.(i, sampler.x0, sampler.x.subarray(0, sampler.x0.length));
    }
    if (to < this.#steps.length) return undefined;
    await this.#remember();
    const { x0, x } = this.#sampler;
    return this.frames.take(x.subarray(0, x0.length));
  }

  /** Begins with the rest pose as block 0, before anything was said; the lower network goes first. */
  async reset(placement: Float32Array) {
    this.#carried.reset();
    this.frames.reset();
    this.#condition.fillSilence({ placement, last: this.frames.last });
    await this.#takeConditions();
    this.#sampler.x.fill(0); // nobody moves
    await this.#remember();
  }

  /** Takes `state` as it stands for that after `blocks` blocks. */
  resume(blocks: number) {
    this.#carried.resume(blocks);
    this.#feeds = this.#nextFeeds;
  }

  dispose() {
    for (const session of Object.values(this.#sessions)) void session.release();
  }

  async #takeConditions() {
    this.#feeds = this.#nextFeeds;
    const { cond } = await this.#sessions.cond.run(this.#condition.feeds);
    this.#cond.set(dataOf(cond));
  }

  /** The context pass: only the emitted block's keys and values enter the ring, never a noisy step's. */
  async #remember() {
    this.#carried.take(
      await this.#sessions.denoise.run(this.#feeds[this.#steps.length], this.#carried.outputs),
    );
  }
}

const X0 = ['x0'];
