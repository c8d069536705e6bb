import * as ort from 'onnxruntime-web/wasm';
import { EngineError } from '../../errors.ts';
import { normal } from '../../kernels/philox.ts';
import { FACE_PREFIX } from '../model/config.ts';
import { type DdimStep, ddimSteps } from '../model/schedule.ts';
import { PERSONS } from '../motion.ts';
import type { Backend, BackendInfo, BackendOptions, Conditions, Tick } from './backend.ts';
import type { Models } from './models.ts';
import { KeyValueRing } from './ring.ts';

/** The ONNX graphs of a conversation and the WebAssembly build that runs them. */
export type WasmFiles = {
  readonly encoderGraph: ArrayBuffer;
  readonly faceGraph: ArrayBuffer;
  readonly prefixGraph: ArrayBuffer;
  /** onnxruntime-web's `ort-wasm-simd-threaded.wasm`. */
  readonly runtime: ArrayBuffer;
};

const ROWS = PERSONS;

const floats = (data: Float32Array, ...dims: number[]) => new ort.Tensor('float32', data, dims);
const indices = (values: readonly number[]) =>
  new ort.Tensor('int64', BigInt64Array.from(values, (v) => BigInt(v)), [values.length]);
const data = (tensor: ort.Tensor) => tensor.data as Float32Array;

async function openSession(graph: ArrayBuffer, weights: ArrayBuffer, path: string, where: string) {
  try {
    return await ort.InferenceSession.create(new Uint8Array(graph), {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'all',
      externalData: [{ path, data: new Uint8Array(weights) }],
    });
  } catch (cause) {
    throw new EngineError('asset', `${where} does not load: ${(cause as Error).message ?? cause}`, {
      hint: 'The graph and the weights must come from the same export: copy both again.',
      cause,
    });
  }
}

/** Runs the networks as ONNX graphs in onnxruntime-web (WASM SIMD, one thread); TypeScript keeps the state. */
export class WasmBackend implements Backend {
  readonly info: BackendInfo;
  readonly #encoder: ort.InferenceSession;
  readonly #face: ort.InferenceSession;
  readonly #prefix: ort.InferenceSession;
  readonly #models: Models;
  readonly #steps: readonly DdimStep[];
  readonly #seed: number;
  readonly #encoderRing: KeyValueRing;
  readonly #faceRing: KeyValueRing;
  readonly #encoderFeeds: Record<string, ort.Tensor> = {};
  readonly #faceFeeds: Record<string, ort.Tensor> = {};
  readonly #prefixes: Record<string, ort.Tensor>[] = [];
  readonly #audio: Float32Array;
  readonly #x: Float32Array;
  readonly #faceOut: Float32Array;
  #tick = 0;

  private constructor(
    models: Models,
    sessions: readonly [ort.InferenceSession, ort.InferenceSession, ort.InferenceSession],
    options: BackendOptions,
    reason: string,
  ) {
    [this.#encoder, this.#face, this.#prefix] = sessions;
    this.#models = models;
    const { encoder, face } = models;
    const { steps, eta, seed } = options.sampler;
    this.#steps = ddimSteps(face.schedule, steps, eta);
    this.#seed = seed;
    this.info = { backend: 'wasm', adapter: `onnxruntime-web ${ort.env.versions.web} wasm, 1 thread`, reason };
    const ring = (size: typeof encoder | typeof face) =>
      new KeyValueRing({ layers: size.layers, rows: ROWS, window: size.window, width: 2 * size.C, heads: size.heads });
    this.#encoderRing = ring(encoder);
    this.#faceRing = ring(face);
    this.#audio = new Float32Array(ROWS * 2 * encoder.C);
    this.#x = new Float32Array(ROWS * face.channels);
    this.#faceOut = new Float32Array(ROWS * face.channels);
    const rings = (prefix: string, from: KeyValueRing, size: typeof encoder | typeof face) =>
      from.layers.map((layer, i) => [`${prefix}.${i}.ring`, floats(layer, ROWS, size.window, 2 * size.C)] as const);
    Object.assign(this.#encoderFeeds, Object.fromEntries(rings('blocks', this.#encoderRing, encoder)), {
      bias: floats(this.#encoderRing.bias, encoder.heads, encoder.window),
    });
    Object.assign(this.#faceFeeds, Object.fromEntries(rings('layers', this.#faceRing, face)), {
      bias: floats(this.#faceRing.bias, face.heads, face.window),
      audio: floats(this.#audio, ROWS, 2 * encoder.C),
      x: floats(this.#x, ROWS, 1, face.channels),
    });
    this.#clearConvolutions();
  }

  /** Opens the three graphs; throws `asset` when a graph does not fit its weights. */
  static async open(
    models: Models,
    files: WasmFiles,
    options: BackendOptions,
    reason: string,
  ): Promise<WasmBackend> {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = files.runtime;
    const encoder = await openSession(
      files.encoderGraph,
      models.encoderFile,
      'speech-encoder.safetensors',
      'speech-encoder.onnx',
    );
    const face = await openSession(files.faceGraph, models.faceFile, 'face.safetensors', 'face.onnx');
    const prefix = await openSession(files.prefixGraph, models.faceFile, 'face.safetensors', 'face-prefix.onnx');
    const backend = new WasmBackend(models, [encoder, face, prefix], options, reason);
    await backend.setConditions(options.conditions);
    return backend;
  }

  async setConditions({ style, facing, emotion }: Conditions) {
    const partner = style.map((_, r) => style[r ^ 1]);
    const times = [...this.#steps.map(({ t }) => t), this.#models.face.contextStep];
    for (const [i, t] of times.entries()) {
      const out = await this.#prefix.run({
        style: indices(style),
        partner_style: indices(partner),
        facing: indices(facing),
        emotion: indices(emotion),
        t: floats(Float32Array.of(t), 1),
      });
      this.#prefixes[i] = Object.fromEntries(
        Object.entries(out).map(([name, tensor]) => [
          name,
          floats(data(tensor).slice(), ROWS, FACE_PREFIX, 2 * this.#models.face.C),
        ]),
      );
    }
  }

  async tick(mel: Float32Array): Promise<Tick> {
    const { encoder } = this.#models;
    const out = await this.#encoder.run({ ...this.#encoderFeeds, mel: floats(mel, ROWS, 2, encoder.mels) });
    for (const [name, tensor] of Object.entries(out))
      if (name.endsWith('state_out')) this.#encoderFeeds[name.replace(/_out$/, '')] = tensor;
    this.#encoderRing.append(this.#newest(out, 'blocks', encoder.layers));
    const frameIndex = this.#tick++ - encoder.lookahead;
    const face = frameIndex < 0 ? undefined : await this.#sampleFace(data(out.token), frameIndex);
    return { face, phones: data(out.phones), voicing: data(out.voicing) };
  }

  reset() {
    this.#tick = 0;
    this.#encoderRing.reset();
    this.#faceRing.reset();
    this.#clearConvolutions();
  }

  dispose() {
    for (const session of [this.#encoder, this.#face, this.#prefix]) void session.release();
  }

  async #sampleFace(token: Float32Array, frameIndex: number) {
    const { encoder, face, mean, std, low, high } = this.#models;
    const { channels } = face;
    for (let r = 0; r < ROWS; r++) {
      const own = token.subarray(r * encoder.C, (r + 1) * encoder.C);
      const partner = token.subarray((r ^ 1) * encoder.C, ((r ^ 1) + 1) * encoder.C);
      this.#audio.set(own, r * 2 * encoder.C);
      this.#audio.set(partner, (r * 2 + 1) * encoder.C);
    }
    const x = this.#x;
    for (let r = 0; r < ROWS; r++)
      for (let c = 0; c < channels; c++) x[r * channels + c] = normal(c, r, frameIndex, 0, this.#seed);
    for (const [i, step] of this.#steps.entries()) {
      const { x0 } = await this.#face.run({ ...this.#faceFeeds, ...this.#prefixes[i] });
      this.#ddimInto(x, data(x0), step, i, frameIndex);
    }
    // One pass more over what was emitted: only its keys and values enter the ring, never a noisy step's.
    const context = await this.#face.run({ ...this.#faceFeeds, ...this.#prefixes[this.#steps.length] });
    this.#faceRing.append(this.#newest(context, 'layers', face.layers));
    for (let i = 0; i < x.length; i++) {
      const c = i % channels;
      this.#faceOut[i] = Math.min(1, Math.max(0, Math.min(high[c], Math.max(low[c], x[i])) * std[c] + mean[c]));
    }
    return this.#faceOut;
  }

  #ddimInto(x: Float32Array, output: Float32Array, step: DdimStep, i: number, frameIndex: number) {
    const { channels } = this.#models.face;
    const { low, high } = this.#models;
    for (let at = 0; at < x.length; at++) {
      const c = at % channels;
      const x0 = Math.min(high[c], Math.max(low[c], output[at]));
      const eps = (x[at] - step.sqrtAlphaBar * x0) / step.sqrtOneMinusAlphaBar;
      const fresh = step.sigma > 0 ? step.sigma * normal(c, Math.floor(at / channels), frameIndex, i + 1, this.#seed) : 0;
      x[at] = step.sqrtAlphaBarPrev * x0 + step.direction * eps + fresh;
    }
  }

  #newest(out: ort.InferenceSession.OnnxValueMapType, prefix: string, layers: number) {
    return Array.from({ length: layers }, (_, i) => data(out[`${prefix}.${i}.kv`] as ort.Tensor));
  }

  #clearConvolutions() {
    const { encoder, melSilence } = this.#models;
    const silence = new Float32Array(ROWS * 4 * encoder.mels).fill(melSilence);
    this.#encoderFeeds['conv_in.state'] = floats(silence, ROWS, 4, encoder.mels);
    const zeros = () => floats(new Float32Array(ROWS * 2 * encoder.C), ROWS, 2, encoder.C);
    this.#encoderFeeds['conv_down.state'] = zeros();
    for (let i = 0; i < encoder.layers; i++) this.#encoderFeeds[`blocks.${i}.conv.state`] = zeros();
  }
}
