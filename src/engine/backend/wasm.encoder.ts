import { PERSONS } from '../motion.ts';
import type { Models } from './models.ts';
import { KeyValueRing } from './ring.ts';
import { dataOf, type Feeds, floats, openSession, type Session } from './wasm.session.ts';

/** What the encoder gives at a tick: token [R, C], phone probabilities [R, 40], probability of voicing [R]. */
export type EncoderOutput = {
  readonly token: Float32Array;
  readonly phones: Float32Array;
  readonly voicing: Float32Array;
};

const ROWS = PERSONS;

/** The speech encoder as an ONNX graph, with its convolution tails and key/value rings. */
export class WasmEncoder {
  readonly #session: Session;
  readonly #models: Models;
  readonly #ring: KeyValueRing;
  readonly #feeds: Feeds;

  private constructor(session: Session, models: Models) {
    const { encoder } = models;
    this.#session = session;
    this.#models = models;
    const { layers, window, heads, C } = encoder;
    this.#ring = new KeyValueRing({ layers, rows: ROWS, window, width: 2 * C, heads });
    this.#feeds = { bias: floats(this.#ring.bias, heads, window) };
    for (const [i, ring] of this.#ring.layers.entries())
      this.#feeds[`blocks.${i}.ring`] = floats(ring, ROWS, window, 2 * C);
    this.#clearTails();
  }

  /** Opens the graph; throws `asset` when it does not fit the weights. */
  static async open(models: Models, graph: ArrayBuffer) {
    const names = { graph: 'speech-encoder.onnx', weights: 'speech-encoder.safetensors' };
    return new WasmEncoder(await openSession(graph, models.encoderFile, names), models);
  }

  /** One tick: log-mel rows [R, 2, 80] in, one token a person out. */
  async step(mel: Float32Array): Promise<EncoderOutput> {
    const { mels, layers } = this.#models.encoder;
    const out = await this.#session.run({ ...this.#feeds, mel: floats(mel, ROWS, 2, mels) });
    for (const name in out)
      if (name.endsWith('.state_out')) this.#feeds[name.slice(0, -'_out'.length)] = out[name];
    this.#ring.append(Array.from({ length: layers }, (_, i) => dataOf(out[`blocks.${i}.kv`])));
    return { token: dataOf(out.token), phones: dataOf(out.phones), voicing: dataOf(out.voicing) };
  }

  reset() {
    this.#ring.reset();
    this.#clearTails();
  }

  dispose() {
    void this.#session.release();
  }

  #clearTails() {
    const { mels, layers, C } = this.#models.encoder;
    const silence = new Float32Array(ROWS * 4 * mels).fill(this.#models.melSilence);
    this.#feeds['conv_in.state'] = floats(silence, ROWS, 4, mels);
    const tail = () => floats(new Float32Array(ROWS * 2 * C), ROWS, 2, C);
    this.#feeds['conv_down.state'] = tail();
    for (let i = 0; i < layers; i++) this.#feeds[`blocks.${i}.conv.state`] = tail();
  }
}
