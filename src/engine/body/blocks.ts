import { invariant } from '../../errors.ts';
import { BODY_BLOCK, PERSONS } from '../motion.ts';

const SLOTS = 4;
/** No feature of a body (m, rad, 0…1) comes near this. */
const BEYOND_REASON = 4;

/** Whether a number of a network's motion is NaN, infinite or beyond all reason. */
export const isBroken = (value: number) => !(Math.abs(value) < BEYOND_REASON);

/** The newest four blocks of one body network, ready to be asked for frame by frame; broken frames are left out. */
export class Blocks {
  readonly #features: number;
  readonly #values: Float64Array;
  readonly #firsts = new Float64Array(SLOTS).fill(-1);
  readonly #whole = new Uint8Array(SLOTS * PERSONS * BODY_BLOCK);

  constructor(features: number) {
    this.#features = features;
    this.#values = new Float64Array(SLOTS * PERSONS * BODY_BLOCK * features);
  }

  /** Features [·, F] of all kept frames; {@link find} says where one begins. */
  get values(): Float64Array {
    return this.#values;
  }

  /** The first frame after the newest block, 0 when there is none. */
  get end(): number {
    let end = 0;
    for (const first of this.#firsts) if (first >= 0) end = Math.max(end, first + BODY_BLOCK);
    return end;
  }

  /** Keeps a block [2, 8, F] whose first frame is `first`; returns how many of its numbers are broken. */
  push(block: Float32Array, first: number): number {
    const F = this.#features;
    invariant(
      block.length === PERSONS * BODY_BLOCK * F,
      `body: a block has ${block.length} numbers, expected ${PERSONS * BODY_BLOCK * F}`,
    );
    invariant(first % BODY_BLOCK === 0, `body: a block begins at frame ${first}, expected a multiple of 8`);
    const slot = (first / BODY_BLOCK) % SLOTS;
    const row = slot * PERSONS * BODY_BLOCK;
    this.#firsts[slot] = first;
    this.#values.set(block, row * F);
    let broken = 0;
    for (let r = 0; r < PERSONS * BODY_BLOCK; r++) {
      const before = broken;
      for (let f = 0; f < F; f++) if (isBroken(block[r * F + f])) broken++;
      this.#whole[row + r] = before === broken ? 1 : 0;
    }
    return broken;
  }

  /** Where the features of a person's frame begin in {@link values}, or −1 where there are none. */
  find(person: number, frame: number): number {
    const slot = Math.floor(frame / BODY_BLOCK) % SLOTS;
    if (this.#firsts[slot] !== frame - (frame % BODY_BLOCK)) return -1;
    const row = (slot * PERSONS + person) * BODY_BLOCK + (frame % BODY_BLOCK);
    return this.#whole[row] ? row * this.#features : -1;
  }

  /** Forgets all blocks. */
  clear(): void {
    this.#firsts.fill(-1);
  }

  /** A plain copy of everything kept. */
  save(): { firsts: number[]; values: number[]; whole: number[] } {
    const whole = Array.from(this.#whole);
    const F = this.#features;
    // Broken frames are never read; as zeros they survive JSON.
    const values = Array.from(this.#values, (value, i) => (whole[Math.floor(i / F)] ? value : 0));
    return { firsts: Array.from(this.#firsts), values, whole };
  }

  /** Goes back to what {@link save} gave. */
  restore({ firsts, values, whole }: ReturnType<Blocks['save']>): void {
    this.#firsts.set(firsts);
    this.#values.set(values);
    this.#whole.set(whole);
  }
}
