import { PERSONS } from '../motion.ts';
import type { Models } from './models.ts';
import { Carried } from './wasm.carried.ts';
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
  readonly #session: Session;
  readonly #carried: Carried;
  readonly #feeds: Feeds;
  readonly #mel: Float32Array;

  private constructor(session: Session, { encoder, melSilence }: Models) {
    const { layers, window, heads, C, mels } = encoder;
    const blocks = Array.from({ length: layers }, (_, i) => `blocks.${i}`);
    this.#session = session;
    this.#carried = new Carried('encoder')
      .addRings(blocks, { rows: ROWS, window, width: 2 * C, heads })
      .addTail('conv_in.state', [ROWS, 4, mels], [melSilence])
      .addTail('conv_down.state', [ROWS, 2, C]);
    for (const block of blocks) this.#carried.addTail(`${block}.conv.state`, [ROWS, 2, C]);
    this.#mel = new Float32Array(ROWS * 2 * mels);
    this.#feeds = { ...this.#carried.feeds, mel: floats(this.#mel, ROWS, 2, mels) };
  }

  /** Opens the graph; throws `asset` when it does not fit the weights. */
  static async open(models: Models, graph: ArrayBuffer) {
    const names = { graph: 'speech-encoder.onnx', weights: 'speech-encoder.safetensors' };
    return new WasmEncoder(await openSession(graph, models.encoderFile, names), models);
  }

  /** Tails and rings, by the names of a saved state. */
  get state(): LiveState {
    return this.#carried.state;
  }

  /** One tick: log-mel rows [R, 2, 80] in, one token a person out. */
  async step(mel: Float32Array): Promise<EncoderOutput> {
    this.#mel.set(mel);
    const out = await this.#session.run(this.#feeds);
    this.#carried.take(out);
    return { token: dataOf(out.token), phones: dataOf(out.phones), voicing: dataOf(out.voicing) };
  }

  reset() {
    this.#carried.reset();
  }

  /** Takes `state` as it stands for that after `ticks` ticks. */
  resume(ticks: number) {
    this.#carried.resume(ticks);
  }

  dispose() {
    void this.#session.release();
  }
}
