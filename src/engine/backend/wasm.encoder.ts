import { PERSONS } from '../motion.ts';
import type { Models } from './models.ts';
import { KeyValueRing } from './ring.ts';
import { dataOf, type Feeds, floats, openSession, type Session } from './wasm.session.ts';
import type { LiveState } from './wasm.state.ts';

/** What the encoder gives at a tick: token [R, C], phone probabilities [R, 40], probability of voicing [R]. */
export type EncoderOutput = {
  readonly token: Float32Array;
  readonly phones: Float32Array;
  readonly voicing: Float32Array;
};

const ROWS = PERSONS;

/** The speech encoder as an ONNX graph, with its convolution tails and key/value rings. */
export class WasmEncoder {
  /** Tails and rings, by the names of a saved state. */
  readonly state: LiveState;
  readonly #session: Session;
  readonly #models: Models;
  readonly #ring: KeyValueRing;
  readonly #tails: Readonly<Record<string, Float32Array>>;
  readonly #feeds: Feeds;

  private constructor(session: Session, models: Models) {
    const { layers, window, heads, C, mels } = models.encoder;
    this.#session = session;
    this.#models = models;
    this.#ring = new KeyValueRing({ layers, rows: ROWS, window, width: 2 * C, heads });
    this.#feeds = { bias: floats(this.#ring.bias, heads, window) };
    const state: Record<string, Float32Array> = {};
    for (const [i, ring] of this.#ring.layers.entries()) {
      this.#feeds[`blocks.${i}.ring`] = floats(ring, ROWS, window, 2 * C);
      state[`encoder.blocks.${i}.ring`] = ring;
    }
    const tail = (name: string, ...shape: number[]) => {
      const values = new Float32Array(shape.reduce((a, b) => a * b, ROWS));
      this.#feeds[name] = floats(values, ROWS, ...shape);
      state[`encoder.${name}`] = values;
      return [name, values] as const;
    };
    this.#tails = Object.fromEntries([
      tail('conv_in.state', 4, mels),
      tail('conv_down.state', 2, C),
      ...this.#ring.layers.map((_, i) => tail(`blocks.${i}.conv.state`, 2, C)),
    ]);
    this.state = state;
    this.reset();
  }

  /** Opens the graph; throws `asset` when it does not fit the weights. */
  static async open(models: Models, graph: ArrayBuffer) {
    const names = { graph: 'speech-encoder.onnx', weights: 'speech-encoder.safetensors' };
    return new WasmEncoder(await openSession(graph, models.encoderFile, names), models);
  }

  /** One tick: log-mel rows [R, 2, 80] in, one token a person out. */
  async step(mel: Float32Array): Promise<EncoderOutput> {
    const { mels, layers } = this.#models.encoder;
    this.#feeds.mel = floats(mel, ROWS, 2, mels);
    const out = await this.#session.run(this.#feeds);
    for (const name in this.#tails) this.#tails[name].set(dataOf(out[`${name}_out`]));
    this.#ring.append(Array.from({ length: layers }, (_, i) => dataOf(out[`blocks.${i}.kv`])));
    return { token: dataOf(out.token), phones: dataOf(out.phones), voicing: dataOf(out.voicing) };
  }

  reset() {
    this.#ring.reset();
    for (const values of Object.values(this.#tails)) values.fill(0);
    this.#tails['conv_in.state'].fill(this.#models.melSilence);
  }

  /** Takes `state` as it stands for that after `ticks` ticks. */
  resume(ticks: number) {
    this.#ring.resume(ticks);
  }

  dispose() {
    void this.#session.release();
  }
}
