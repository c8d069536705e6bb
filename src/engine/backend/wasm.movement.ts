import { invariant } from '../../errors.ts';
import type { SamplerOptions } from '../model/sampler.ts';
import { PERSONS } from '../motion.ts';
import type { BackendOptions, BackendState, BodyNetwork, BodyWork, Conditions } from './backend.ts';
import type { MovementModels } from './models.ts';
import type { Drawn, Movement, MovementState, ShownLast } from './movement.ts';
import { WasmBody } from './wasm.body.ts';
import { WasmCodes } from './wasm.codes.ts';
import { type Breathe, exclusively } from './wasm.session.ts';
import { copyState, fillState, type LiveState, pushTokens } from './wasm.state.ts';

/** The ONNX graphs of codes and bodies, by the stems of their files. */
export const MOVEMENT_GRAPHS = [
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

/** Those graphs, read. */
export type MovementGraphs = Readonly<Record<(typeof MOVEMENT_GRAPHS)[number], ArrayBuffer>>;

/** Codes and bodies as ONNX graphs, on this thread. */
export class WasmMovement implements Movement {
  readonly elsewhere = false;
  readonly #codes: WasmCodes;
  readonly #body: Readonly<Record<BodyNetwork, WasmBody>>;
  /** [2, 16, 256] the newest speech tokens, oldest first. */
  readonly #tokens: Float32Array;
  readonly #live: LiveState;

  private constructor(
    codes: WasmCodes,
    body: Readonly<Record<BodyNetwork, WasmBody>>,
    { encoder, body: { lower } }: MovementModels,
  ) {
    this.#codes = codes;
    this.#body = body;
    this.#tokens = new Float32Array(PERSONS * lower.config.audioWindow * encoder.C);
    this.#live = {
      ...codes.state,
      ...body.lower.state,
      ...body.upper.state,
      'body.tokens': this.#tokens,
    };
  }

  /** Opens all graphs; the runtime must be set up. Call `setConditions` and `reset` next. Throws `asset` when one does not fit its weights. */
  static async open(
    models: MovementModels,
    graphs: MovementGraphs,
    sampler: SamplerOptions,
    breathe?: Breathe,
  ) {
    const codes = await WasmCodes.open(
      models,
      { predictor: graphs.dim, decoder: graphs['dim-decoder'], encoder: graphs['dim-encoder'] },
      sampler,
      breathe,
    );
    const bodyGraphs = (network: BodyNetwork) => ({
      denoise: graphs[`body-${network}`],
      cond: graphs[`body-${network}-cond`],
      prefix: graphs[`body-${network}-prefix`],
    });
    const lower = await WasmBody.open('lower', models, bodyGraphs('lower'), sampler, undefined, breathe);
    const upper = await WasmBody.open('upper', models, bodyGraphs('upper'), sampler, lower, breathe);
    return new WasmMovement(codes, { lower, upper }, models);
  }

  hear(token: Float32Array, shown: ShownLast | undefined): Promise<Drawn | undefined> {
    return exclusively(async () => {
      pushTokens(this.#tokens, token);
      return shown && (await this.#codes.draw(token, shown));
    });
  }

  move({ network, from, to, placement }: BodyWork, head: Float32Array): Promise<Float32Array | undefined> {
    return exclusively(async () => {
      const body = this.#body[network];
      if (from === 0) {
        invariant(placement, 'body: a block begins without a placement');
        await body.begin({ tokens: this.#tokens, placement, head });
      }
      return body.denoise(from, to);
    });
  }

  encode(motion: Float32Array) {
    return this.#codes.encode(motion);
  }

  setConditions(conditions: Conditions): Promise<void> {
    return exclusively(async () => {
      await this.#body.lower.setConditions(conditions);
      await this.#body.upper.setConditions(conditions);
    });
  }

  save(): Promise<MovementState> {
    return exclusively(async () => {
      const { lower, upper } = this.#body;
      return { blocks: { lower: lower.blocks, upper: upper.blocks }, tensors: copyState(this.#live) };
    });
  }

  restore(state: BackendState): Promise<void> {
    return exclusively(async () => {
      fillState(this.#live, state);
      const { frames, lower, upper } = state.counters;
      this.#codes.resume(frames);
      this.#body.lower.resume(lower);
      this.#body.upper.resume(upper);
    });
  }

  reset(placement: Float32Array): Promise<void> {
    return exclusively(async () => {
      this.#tokens.fill(0);
      this.#codes.reset();
      await this.#body.lower.reset(placement);
      await this.#body.upper.reset(placement);
    });
  }

  dispose(): void {
    void exclusively(async () => {
      for (const part of [this.#codes, this.#body.lower, this.#body.upper]) part.dispose();
    });
  }
}

/** Opens behaviour and bodies somewhere, with conditions set and at rest. */
export type OpenMovement = (
  models: MovementModels,
  graphs: MovementGraphs,
  options: BackendOptions,
  breathe?: Breathe,
) => Promise<Movement>;

/** Opens them on this thread. */
export const openMovement: OpenMovement = (models, graphs, { sampler }, breathe) =>
  WasmMovement.open(models, graphs, sampler, breathe);
