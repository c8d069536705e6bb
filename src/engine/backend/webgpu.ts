import { EngineError, invariant } from '../../errors.ts';
import type { Gpu } from '../../kernels/gpu.ts';
import { PassTimer } from '../../kernels/pass-timer.ts';
import { seedWords } from '../../kernels/philox.ts';
import type { Plan } from '../../kernels/plan.ts';
import { Arena, slice, type Tensor } from '../../kernels/tensor.ts';
import { ReadBack, upload } from '../../kernels/transfer.ts';
import { showBehaviour, turnsOf } from '../model/behaviour.ts';
import { PERSONS } from '../motion.ts';
import type {
  Backend,
  BackendInfo,
  BackendOptions,
  BackendState,
  BodyNetwork,
  BodyWork,
  Conditions,
  Tick,
  TickWork,
} from './backend.ts';
import { BlockFrames } from './frames.ts';
import { FACE_TO_FACE, type Models } from './models.ts';
import { MotionEncoder, repeated } from './webgpu.codes.ts';
import { type Networks, networks } from './webgpu.networks.ts';

/** What comes back from the GPU: always what was heard, and what the tick made. */
type Made = { readonly frame: boolean; readonly body?: BodyNetwork | undefined };

const BODIES = ['lower', 'upper'] as const satisfies readonly BodyNetwork[];

/**
 * Runs the networks as our WGSL kernels. A tick is one command buffer: encoder, face, behaviour and the body's share, then the
 * copy of what they made into a rotating read-back; nothing is read in between and nothing is allocated on the GPU.
 */
export class WebgpuBackend implements Backend {
  readonly info: BackendInfo;
  readonly full = true;
  readonly networks: Networks;
  readonly #gpu: Gpu;
  readonly #timer: PassTimer | undefined;
  readonly #arena: Arena;
  readonly #models: Models;
  readonly #codes: MotionEncoder;
  readonly #readBacks: ReadonlyMap<string, ReadBack>;
  readonly #clock: Uint32Array;
  readonly #weights: Float32Array;
  readonly #behaviour: Float32Array;
  readonly #frames: Readonly<Record<BodyNetwork, BlockFrames>>;
  readonly #text: Float32Array;
  readonly #stale = { face: true, lower: true, upper: true };
  readonly #counters = { ticks: 0, frames: 0, lower: 0, upper: 0 };
  #turn: Float32Array = new Float32Array(PERSONS);
  /** The codes that the next frame shows. */
  #drawn: Float32Array;

  private constructor(gpu: Gpu, models: Models, options: BackendOptions, reason: string) {
    const { device, adapterName } = gpu;
    this.info = { backend: 'webgpu', adapter: adapterName, reason };
    this.#gpu = gpu;
    this.#timer = PassTimer.of(gpu);
    this.#models = models;
    this.#arena = new Arena(device);
    this.networks = networks(device, this.#arena, models, options.sampler);
    this.#codes = new MotionEncoder(device, this.networks.vq, models.dim);
    this.#readBacks = readBacks(device, this.networks);
    this.#clock = Uint32Array.of(0, ...seedWords(options.sampler.seed), 0);
    this.#weights = new Float32Array(PERSONS * models.face.channels);
    this.#behaviour = new Float32Array(PERSONS * models.dim.config.channels.length);
    const lower = new BlockFrames(models.body.lower);
    this.#frames = { lower, upper: new BlockFrames(models.body.upper, lower) };
    this.#text = new Float32Array(PERSONS * models.body.lower.config.text);
    this.#drawn = models.dim.restCodes;
  }

  /** Uploads the weights and compiles every kernel; throws `asset` when a weight is missing. */
  static async open(gpu: Gpu, models: Models, options: BackendOptions, reason: string) {
    const backend = new WebgpuBackend(gpu, models, options, reason);
    await Promise.all(backend.networks.plans.map((plan) => plan.compile()));
    await backend.setConditions(options.conditions);
    await backend.reset();
    return backend;
  }

  /** Dispatches of a tick with a frame, of the networks' parts, and the most that a transformer layer takes. */
  get dispatches() {
    const { encoder, face, dim, body, listen, frame } = this.networks;
    const sum = (plans: readonly Plan[]) => plans.reduce((total, plan) => total + plan.dispatches, 0);
    const bodyOf = ({ listen, settle, begin, steps, context, prefix }: (typeof body)['lower']) => ({
      begin: sum([listen, settle, begin]),
      step: steps[0].dispatches,
      context: context.dispatches,
      conditions: prefix.dispatches,
    });
    return {
      tick: sum([...listen, ...frame]),
      step: face.steps[0].dispatches,
      conditions: face.prefix.dispatches,
      encoder: encoder.plan.dispatches,
      face: sum([face.begin, ...face.steps, face.context]),
      dim: sum([dim.show, dim.draw]),
      lower: bodyOf(body.lower),
      upper: bodyOf(body.upper),
      layer: {
        'speech-encoder': encoder.layerDispatches,
        face: face.layerDispatches,
        dim: dim.layerDispatches,
        'body-lower': body.lower.layerDispatches,
        'body-upper': body.upper.layerDispatches,
      },
    };
  }

  /** Bytes of GPU memory held; it does not change after `open`. */
  get gpuBytes() {
    return this.#arena.bytes;
  }

  get gpuMs() {
    return this.#timer?.medianMs ?? Number.NaN;
  }

  async setConditions({ style, facing, emotion, action, relationship = 0, text }: Conditions) {
    const { face, body, inputs } = this.networks;
    const each = (name: string, values: readonly number[]) =>
      this.#upload(face.ids[name], Uint32Array.from(repeated(values, face.ids[name].shape[0])));
    each('style', style);
    each(
      'partner_style',
      style.map((_, p) => style[p ^ 1]),
    );
    each('facing', facing);
    each('emotion', emotion);
    for (const { ids } of [body.lower, body.upper])
      this.#upload(ids.relationship, new Uint32Array(ids.relationship.shape[0]).fill(relationship));
    this.#upload(inputs.action, Float32Array.from(action ?? [0, 0]));
    this.#upload(inputs.emotion, Float32Array.from(emotion));
    this.#text.fill(0);
    if (text) this.#text.set(text);
    this.#upload(inputs.text, this.#text);
    Object.assign(this.#stale, { face: true, lower: true, upper: true });
  }

  async tick(mel: Float32Array, { frame, body }: TickWork): Promise<Tick> {
    const { encoder, listen } = this.networks;
    this.#upload(encoder.mel, mel);
    this.#setClock(encoder.clock, this.#counters.ticks++);
    const commands = this.#gpu.device.createCommandEncoder();
    const pass = commands.beginComputePass(this.#timer?.descriptor);
    for (const plan of listen) plan.encode(pass);
    if (frame) this.#encodeFrame(pass);
    const ended = body && this.#encodeBody(pass, body);
    pass.end();
    const made = { frame, body: ended };
    const readBack = this.#readBacks.get(keyOf(made)) as ReadBack;
    readBack.encode(commands);
    this.#timer?.encode(commands);
    this.#gpu.device.queue.submit([commands.finish()]);
    void this.#timer?.read();
    return this.#show(await readBack.read(), made);
  }

  encodeMotion(motion: Float32Array) {
    return this.#codes.encode(motion);
  }

  async save(): Promise<BackendState> {
    const { device } = this.#gpu;
    const { state } = this.networks;
    const counters = { ...this.#counters };
    const readBack = new ReadBack(device, [...state.values()], 1);
    const commands = device.createCommandEncoder();
    readBack.encode(commands);
    device.queue.submit([commands.finish()]);
    try {
      const values = await readBack.read();
      const tensors = Object.fromEntries([...state.keys()].map((name, i) => [name, values[i]]));
      return { version: 1, counters, tensors };
    } finally {
      readBack.dispose();
    }
  }

  async restore({ counters, tensors }: BackendState) {
    const { state, body } = this.networks;
    for (const [name, { byteLength }] of state) {
      const saved = tensors[name]?.length;
      if (saved !== byteLength / 4)
        throw new EngineError(
          'asset',
          `The saved state has ${saved === undefined ? 'no' : `${saved} numbers of`} ${name}, expected ${byteLength / 4}`,
          { hint: 'Restore states with the networks and the sampler options that they were saved with.' },
        );
    }
    for (const [name, tensor] of state) this.#upload(tensor, tensors[name]);
    for (const network of BODIES) this.#frames[network].last.set(tensors[body[network].last.name]);
    Object.assign(this.#counters, counters);
    this.#turn = new Float32Array(PERSONS);
    turnsOf(tensors['dim.activity'], this.#turn);
    this.#drawn = tensors['dim.codes'];
    // A block under way goes on: its prefix and what its conditions give to each token are made again.
    this.#run((pass) => {
      for (const network of BODIES) {
        this.#setClock(body[network].clock, counters[network]);
        this.#encodePrefix(pass, network);
        body[network].settle.encode(pass);
      }
    });
  }

  async reset(placement: Float32Array = FACE_TO_FACE) {
    const { encoder, dim, inputs, state, body } = this.networks;
    const { dim: model, melSilence } = this.#models;
    for (const network of BODIES) this.#frames[network].reset();
    Object.assign(this.#counters, { ticks: 0, frames: 0, lower: 0, upper: 0 });
    this.#turn = new Float32Array(PERSONS);
    this.#drawn = model.restCodes;
    const start = new Map<Tensor, ArrayLike<number>>([
      [encoder.melTail, [melSilence]],
      ...[dim.motion, dim.listener, dim.speaker].map((motion) => [motion, model.restMotion] as const),
      [dim.codes, model.restCodes],
      ...BODIES.map((network) => [body[network].last, this.#frames[network].last] as const),
    ]);
    for (const tensor of state.values())
      this.#upload(tensor, repeated(start.get(tensor) ?? [0], tensor.byteLength / 4));
    this.#upload(inputs.placement, placement);
    this.#upload(inputs.text, new Float32Array(this.#text.length)); // nothing was said before block 0
    this.#run((pass) => {
      for (const network of BODIES) {
        this.#beginBlock(pass, network);
        this.#endBlock(pass, network);
      }
    });
    this.#upload(inputs.text, this.#text);
  }

  dispose() {
    for (const readBack of this.#readBacks.values()) readBack.dispose();
    this.#codes.dispose();
    this.#timer?.dispose();
    this.#arena.dispose();
    this.#gpu.dispose();
  }

  #encodeFrame(pass: GPUComputePassEncoder) {
    const { face, frame } = this.networks;
    this.#setClock(face.clock, this.#counters.frames++);
    if (this.#stale.face) face.prefix.encode(pass);
    this.#stale.face = false;
    for (const plan of frame) plan.encode(pass);
  }

  /** Records the body's share of a tick; gives the network whose block ends with it. */
  #encodeBody(pass: GPUComputePassEncoder, { network, placement, from, to }: BodyWork) {
    const { body, inputs } = this.networks;
    const { begin, steps } = body[network];
    invariant(from <= to && to <= steps.length, `body: steps ${from}…${to} of ${steps.length}`);
    if (from === 0) {
      invariant(placement, 'body: a block begins without a placement');
      this.#upload(inputs.placement, placement);
      this.#beginBlock(pass, network);
      begin.encode(pass);
    }
    for (const step of steps.slice(from, to)) step.encode(pass);
    if (to < steps.length) return undefined;
    this.#endBlock(pass, network);
    return network;
  }

  #beginBlock(pass: GPUComputePassEncoder, network: BodyNetwork) {
    const { listen, settle, clock } = this.networks.body[network];
    this.#setClock(clock, this.#counters[network]);
    if (this.#stale[network]) this.#encodePrefix(pass, network);
    listen.encode(pass);
    settle.encode(pass);
  }

  /** The pass over the emitted block, which writes the rings. */
  #endBlock(pass: GPUComputePassEncoder, network: BodyNetwork) {
    this.networks.body[network].context.encode(pass);
    this.#counters[network]++;
  }

  #encodePrefix(pass: GPUComputePassEncoder, network: BodyNetwork) {
    this.networks.body[network].prefix.encode(pass);
    this.#stale[network] = false;
  }

  #run(record: (pass: GPUComputePassEncoder) => void) {
    const { device } = this.#gpu;
    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    record(pass);
    pass.end();
    device.queue.submit([commands.finish()]);
  }

  #upload(tensor: Tensor, data: Float32Array | Uint32Array) {
    upload(this.#gpu.device, tensor, data);
  }

  #setClock(tensor: Tensor, count: number) {
    this.#clock[0] = count;
    this.#upload(tensor, this.#clock);
  }

  #show(results: readonly Float32Array[], { frame, body }: Made): Tick {
    const [phones, voicing] = results;
    softmaxRows(phones, phones.length / PERSONS);
    for (let p = 0; p < PERSONS; p++) voicing[p] = 1 / (1 + Math.exp(-voicing[p]));
    const [face, motion, drawn, turn] = frame ? results.slice(2) : [];
    const codes = drawn && this.#drawn;
    if (drawn) this.#drawn = drawn;
    if (turn) this.#turn = turn;
    if (motion) showBehaviour(this.#behaviour, motion, this.#models.dim);
    return {
      face: face && this.#showFace(face),
      behaviour: motion && this.#behaviour,
      codes,
      turn: this.#turn,
      body: body && this.#showBody(results[results.length - 1], body),
      phones,
      voicing,
    };
  }

  #showFace(x: Float32Array) {
    const { mean, std, face } = this.#models;
    for (let at = 0; at < x.length; at++) {
      const c = at % face.channels;
      this.#weights[at] = Math.min(1, Math.max(0, x[at] * std[c] + mean[c]));
    }
    return this.#weights;
  }

  /** Frames of each person in physical units; the blocks to come are told of the last one. */
  #showBody(x: Float32Array, network: BodyNetwork) {
    const frames = this.#frames[network].take(x);
    for (const name of BODIES) this.#upload(this.networks.body[name].last, this.#frames[name].last);
    return frames;
  }
}

const keyOf = ({ frame, body = undefined }: Made) => `${frame} ${body}`;

/** A read-back for every kind of tick, so that none brings back more than it made. */
function readBacks(device: GPUDevice, { encoder, emittedFace, dim, body }: Networks) {
  const heard = [encoder.phones, encoder.voicing];
  const framed = [emittedFace, dim.motion, dim.codes, dim.turn];
  const kinds = [true, false].flatMap((frame) =>
    [undefined, ...BODIES].map((network): Made => ({ frame, body: network })),
  );
  return new Map(
    kinds.map((made) => {
      const block = made.body ? [slice(body[made.body].x, 0, 1)] : [];
      const tensors = [...heard, ...(made.frame ? framed : []), ...block];
      return [keyOf(made), new ReadBack(device, tensors)];
    }),
  );
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
