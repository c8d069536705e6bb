import { PERSONS } from '../motion.ts';
import type { Conditions } from './backend.ts';
import type { BodyModel } from './models.ts';
import { type Feeds, floats, zeroIndices } from './wasm.session.ts';

/** What a body block is made from when it begins. */
export type BlockInputs = {
  /** [2, 16, 256] the newest speech tokens of each person, oldest first. */
  readonly tokens: Float32Array;
  /** [2, 6] relative placement of each person. */
  readonly placement: Float32Array;
  /** [2, 4, 3] the newest head rotations (rad), oldest first; the lower network does not look. */
  readonly head: Float32Array;
};

/** The same and what is told of the frame before the block, [2, 2L]. */
type Told = BlockInputs & { readonly last: Float32Array };

/** The inputs of a `-cond` graph: the guidance's other branch has the same as the first, without speech and words. */
export class ConditionInputs {
  readonly feeds: Feeds;
  readonly #branches: number;
  readonly #tokens: Float32Array;
  readonly #text: Float32Array;
  readonly #placement: Float32Array;
  readonly #head: Float32Array;
  readonly #last: Float32Array;
  readonly #action: BigInt64Array;
  readonly #emotion: BigInt64Array;
  #words: Float32Array | undefined;

  /** `token` are the channels of a speech token; only the upper network has heads. */
  constructor({ config }: BodyModel, token: number, branches: number, heads: boolean) {
    const { audioWindow, text, last } = config;
    const array = (...shape: number[]) => new Float32Array(shape.reduce((a, b) => a * b, branches * PERSONS));
    const action = zeroIndices(branches, PERSONS);
    const emotion = zeroIndices(branches, PERSONS);
    this.#branches = branches;
    this.#tokens = array(audioWindow, token);
    this.#text = array(text);
    this.#placement = array(6);
    this.#head = array(12);
    this.#last = array(2 * last);
    this.#action = action.data as BigInt64Array;
    this.#emotion = emotion.data as BigInt64Array;
    this.feeds = {
      tokens: floats(this.#tokens, branches, PERSONS, audioWindow, token),
      placement: floats(this.#placement, branches, PERSONS, 6),
      last: floats(this.#last, branches, PERSONS, 2 * last),
      text: floats(this.#text, branches, PERSONS, text),
      action,
      emotion,
      ...(heads && { head: floats(this.#head, branches, PERSONS, 12) }),
    };
  }

  /** Takes what is the same for every block until it is set again. */
  set({ action = [0, 0], emotion, text }: Conditions) {
    for (let i = 0; i < this.#action.length; i++) {
      this.#action[i] = BigInt(action[i % PERSONS]);
      this.#emotion[i] = BigInt(emotion[i % PERSONS]);
    }
    this.#words = text?.slice();
  }

  /** Fills in a block's own. */
  fill({ tokens, placement, head, last }: Told) {
    this.#tokens.set(tokens);
    this.#text.fill(0);
    if (this.#words) this.#text.set(this.#words);
    for (let branch = 0; branch < this.#branches; branch++) {
      this.#placement.set(placement, branch * placement.length);
      this.#head.set(head, branch * head.length);
      this.#last.set(last, branch * last.length);
    }
  }

  /** Fills in what stands before a conversation: no speech, no words, heads at rest. */
  fillSilence({ placement, last }: Pick<Told, 'placement' | 'last'>) {
    const { length } = this.#tokens;
    this.fill({
      tokens: new Float32Array(length / this.#branches),
      placement,
      last,
      head: new Float32Array(this.#head.length / this.#branches),
    });
    this.#text.fill(0);
  }
}
