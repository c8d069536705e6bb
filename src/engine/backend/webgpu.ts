import type { Gpu } from '../../kernels/gpu.ts';
import type { Plan } from '../../kernels/plan.ts';
import { Arena } from '../../kernels/tensor.ts';
import { ReadBack, upload } from '../../kernels/transfer.ts';
import { type Face, face } from '../model/face.ts';
import { ddimSteps } from '../model/schedule.ts';
import { type SpeechEncoder, speechEncoder } from '../model/speech-encoder.ts';
import { uploadWeights } from '../model/weights.ts';
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

const ROWS = PERSONS;

/**
 * Runs the networks as our WGSL kernels. A tick is one command buffer: encoder, whole DDIM loop, context pass and the
 * copy into a rotating read-back; nothing is read in between and nothing is allocated on the GPU.
 */
export class WebgpuBackend implements Backend {
  readonly info: BackendInfo;
  readonly full = false;
  readonly encoder: SpeechEncoder;
  readonly face: Face;
  readonly #gpu: Gpu;
  readonly #arena: Arena;
  readonly #models: Models;
  readonly #readBack: ReadBack;
  readonly #silence: Float32Array;
  readonly #encoderClock = new Uint32Array(4);
  readonly #faceClock: Uint32Array;
  readonly #weights: Float32Array;
  readonly #facePlans: readonly Plan[];
  #conditionsChanged = true;
  #ticks = 0;
  #faces = 0;

  private constructor(gpu: Gpu, models: Models, options: BackendOptions, reason: string) {
    const { device, adapterName } = gpu;
    const { seed, steps, eta } = options.sampler;
    this.info = { backend: 'webgpu', adapter: adapterName, reason };
    this.#gpu = gpu;
    this.#models = models;
    const arena = new Arena(device);
    this.#arena = arena;
    const encoderWeights = uploadWeights(arena, models.encoderWeights);
    this.encoder = speechEncoder(device, arena, encoderWeights, models.encoder, ROWS);
    const faceWeights = uploadWeights(arena, models.faceWeights);
    const schedule = ddimSteps(models.face.schedule, steps, eta);
    this.face = face(device, arena, faceWeights, models.face, models, schedule, this.encoder.token);
    this.#facePlans = [this.face.begin, ...this.face.steps, this.face.context];
    this.#readBack = new ReadBack(device, [this.face.x, this.encoder.phones, this.encoder.voicing]);
    this.#silence = new Float32Array(ROWS * 4 * models.encoder.mels).fill(models.melSilence);
    this.#faceClock = Uint32Array.of(0, seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0);
    this.#weights = new Float32Array(ROWS * models.face.channels);
    void this.reset();
  }

  /** Uploads the weights and compiles every kernel; throws `asset` when a weight is missing. */
  static async open(gpu: Gpu, models: Models, options: BackendOptions, reason: string) {
    const backend = new WebgpuBackend(gpu, models, options, reason);
    const { encoder, face } = backend;
    await Promise.all([encoder.plan, face.conditions, ...backend.#facePlans].map((plan) => plan.compile()));
    await backend.setConditions(options.conditions);
    return backend;
  }

  /** Dispatches of one tick, and the prefix tokens' when conditions change. */
  get dispatches() {
    const tick = [this.encoder.plan, ...this.#facePlans].reduce((sum, plan) => sum + plan.dispatches, 0);
    return { tick, step: this.face.steps[0].dispatches, conditions: this.face.conditions.dispatches };
  }

  /** Bytes of GPU memory held; it does not change after `open`. */
  get gpuBytes() {
    return this.#arena.bytes;
  }

  async setConditions({ style, facing, emotion }: Conditions) {
    const { device } = this.#gpu;
    const { ids } = this.face;
    const rows = ids.style.shape[0];
    const each = (values: readonly number[]) =>
      Uint32Array.from({ length: rows }, (_, i) => values[i % ROWS]);
    upload(device, ids.style, each(style));
    upload(device, ids.partner_style, each(style.map((_, r) => style[r ^ 1])));
    upload(device, ids.facing, each(facing));
    upload(device, ids.emotion, each(emotion));
    this.#conditionsChanged = true;
  }

  async tick(mel: Float32Array, { frame }: TickWork): Promise<Tick> {
    const { device } = this.#gpu;
    const { encoder, face } = this;
    const frameIndex = this.#ticks - this.#models.encoder.lookahead;
    this.#encoderClock[0] = this.#ticks++;
    upload(device, encoder.mel, mel);
    upload(device, encoder.clock, this.#encoderClock);
    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    encoder.plan.encode(pass);
    const makesFace = frameIndex >= 0 && frame;
    if (makesFace) {
      this.#faceClock[0] = this.#faces++;
      upload(device, face.clock, this.#faceClock);
      if (this.#conditionsChanged) face.conditions.encode(pass);
      this.#conditionsChanged = false;
      for (const plan of this.#facePlans) plan.encode(pass);
    }
    pass.end();
    this.#readBack.encode(commands);
    device.queue.submit([commands.finish()]);
    const [x, phones, voicing] = await this.#readBack.read();
    softmaxRows(phones, phones.length / ROWS);
    for (let r = 0; r < ROWS; r++) voicing[r] = 1 / (1 + Math.exp(-voicing[r]));
    const nothing = { behaviour: undefined, codes: undefined, turn: new Float32Array(ROWS), body: undefined };
    return { face: makesFace ? this.#denormalise(x) : undefined, ...nothing, phones, voicing };
  }

  async encodeMotion(): Promise<MotionCodes> {
    return { listener: new Uint16Array(0), speaker: new Uint16Array(0) };
  }

  async save(): Promise<BackendState> {
    return {
      version: 1,
      counters: { ticks: this.#ticks, frames: this.#faces, lower: 0, upper: 0 },
      tensors: {},
    };
  }

  async restore({ counters }: BackendState) {
    this.#ticks = counters.ticks;
    this.#faces = counters.frames;
  }

  async reset() {
    const { device } = this.#gpu;
    this.#ticks = 0;
    this.#faces = 0;
    upload(device, this.encoder.melTail, this.#silence);
    for (const tail of this.encoder.tails) upload(device, tail, new Float32Array(tail.byteLength / 4));
  }

  dispose() {
    this.#readBack.dispose();
    this.#arena.dispose();
    this.#gpu.dispose();
  }

  #denormalise(x: Float32Array) {
    const { mean, std, face } = this.#models;
    for (let at = 0; at < x.length; at++) {
      const c = at % face.channels;
      this.#weights[at] = Math.min(1, Math.max(0, x[at] * std[c] + mean[c]));
    }
    return this.#weights;
  }
}

function softmaxRows(values: Float32Array, width: number) {
  for (let begin = 0; begin < values.length; begin += width) {
    const row = values.subarray(begin, begin + width);
    let top = Number.NEGATIVE_INFINITY;
    for (const v of row) top = Math.max(top, v);
    let sum = 0;
    for (let i = 0; i < width; i++) {
      row[i] = Math.exp(row[i] - top);
      sum += row[i];
    }
    for (let i = 0; i < width; i++) row[i] /= sum;
  }
}
