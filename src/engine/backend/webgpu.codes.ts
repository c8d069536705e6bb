import { ReadBack, upload } from '../../kernels/transfer.ts';
import { normaliseBehaviour } from '../model/behaviour.ts';
import type { VqEncoders } from '../model/vq.ts';
import { PERSONS } from '../motion.ts';
import type { MotionCodes } from './backend.ts';
import type { DimModel } from './models.ts';

/** Frames under way at a time. */
const DEPTH = 3;

/** Turns motions into codes on the GPU, apart from the conversation: one motion after the other, each from rest on. */
export class MotionEncoder {
  readonly #device: GPUDevice;
  readonly #vq: VqEncoders;
  readonly #model: DimModel;
  readonly #readBack: ReadBack;
  #last: Promise<unknown> = Promise.resolve();

  constructor(device: GPUDevice, vq: VqEncoders, model: DimModel) {
    this.#device = device;
    this.#vq = vq;
    this.#model = model;
    this.#readBack = new ReadBack(device, [...vq.codes.listener, ...vq.codes.speaker], DEPTH);
  }

  /** Codes of a motion [n, 2, 24] in physical units; throws `lost` when the device went away. */
  encode(motion: Float32Array): Promise<MotionCodes> {
    const codes = this.#last.then(() => this.#encode(motion));
    this.#last = codes.catch(() => undefined);
    return codes;
  }

  dispose() {
    this.#readBack.dispose();
  }

  async #encode(motion: Float32Array): Promise<MotionCodes> {
    const { config, restMotion } = this.#model;
    const { groups, channels } = config;
    const width = PERSONS * channels.length;
    const frames = motion.length / width;
    const size = PERSONS * groups;
    const out = { listener: new Uint16Array(frames * size), speaker: new Uint16Array(frames * size) };
    for (const tail of this.#vq.tails) upload(this.#device, tail, repeated(restMotion, tail.byteLength / 4));
    const underWay: Promise<readonly Float32Array[]>[] = [];
    for (let k = 0; k < frames + DEPTH; k++) {
      const done = underWay[k - DEPTH];
      if (done) take(out, await done, (k - DEPTH) * size);
      if (k < frames) underWay.push(this.#submit(motion.subarray(k * width, (k + 1) * width), k));
    }
    return out;
  }

  #submit(frame: Float32Array, k: number) {
    const z = new Float32Array(frame.length);
    normaliseBehaviour(z, frame, this.#model);
    upload(this.#device, this.#vq.motion, z);
    upload(this.#device, this.#vq.clock, Uint32Array.of(k, 0, 0, 0));
    const commands = this.#device.createCommandEncoder();
    const pass = commands.beginComputePass();
    this.#vq.plan.encode(pass);
    pass.end();
    this.#readBack.encode(commands);
    this.#device.queue.submit([commands.finish()]);
    const codes = this.#readBack.read();
    codes.catch(() => undefined); // of several that are lost together only the first is waited for
    return codes;
  }
}

/** `values` over and over. */
export const repeated = (values: ArrayLike<number>, length: number) =>
  Float32Array.from({ length }, (_, i) => values[i % values.length]);

/** Lays codes [2] of each group, the listener's first, out as [2, groups] of a frame. */
function take({ listener, speaker }: MotionCodes, codes: readonly Float32Array[], at: number) {
  const groups = codes.length / 2;
  for (let g = 0; g < groups; g++)
    for (let p = 0; p < PERSONS; p++) {
      listener[at + p * groups + g] = codes[g][p];
      speaker[at + p * groups + g] = codes[groups + g][p];
    }
}
