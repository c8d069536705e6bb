import type { BleedReport } from './bleed.report.ts';
import { MOST_DELAY_S } from './bleed.ts';

/** What the gate did to one voice. */
export type GateState = {
  /** Whether the voice is ducked now. */
  readonly closed: boolean;
  /** Share of its sound that was ducked so far, 0 … 1. */
  readonly closedShare: number;
};

/** How much a leaked voice is ducked. */
const DUCKED = 10 ** (-36 / 20);
/** A leak louder than this is no leak: the two voices are too much alike to tell whose it is. */
const MOST_GAIN_DB = -4;
/** A voice that leaks before it speaks is a matter of devices, and never of more than this. */
const MOST_EARLY_MS = 100;
/** Around the expected moment the source is searched for its loudest, because echoes and the device's own filters smear it. */
const EARLY_S = 0.012;
const LATE_S = 0.02;
/** A room's echo falls by 60 dB in about half a second. */
const DECAY_DB_PER_S = 120;
/** Loudness over what the other voice explains, at which a person speaks: less for a strong leak, which leaves less room. */
const LEAST_MARGIN_DB = 4;
const MOST_MARGIN_DB = 7;
/** Speech stays open for so long after it was last certain, for its quiet ends. */
const HOLD_S = 0.2;
/** One block in excess may be chance, two of three are not; one far in excess is enough. */
const CLEAR_DB = 6;
/** Energies are taken above this frequency: rumble is nobody's voice. */
const HIGH_PASS_HZ = 200;

class Side {
  gain = 1;
  closed = false;
  #closedBlocks = 0;
  #blocks = 0;
  #expected = 0;
  #floor = 1;
  #excess = 0; // bits: which of the last blocks exceeded
  #hold = 0;
  #low = 0;

  get closedShare() {
    return this.#blocks === 0 ? 0 : this.#closedBlocks / this.#blocks;
  }

  /** Mean square above HIGH_PASS_HZ. */
  power(block: Float32Array, start: number, end: number, pole: number) {
    let sum = 0;
    let low = this.#low;
    for (let i = start; i < end; i++) {
      const x = block[i];
      if (x - x !== 0) continue;
      low += pole * (x - low);
      sum += (x - low) * (x - low);
    }
    this.#low = low;
    return sum / (end - start);
  }

  /** Decides for a block of mean square `power` that is explained, but for echoes, by a leak of `leaked`. */
  decide(power: number, leaked: number, decay: number, marginDb: number, holdBlocks: number) {
    this.#blocks++;
    this.#floor = Math.min(power, this.#floor * 1.002 + 1e-12);
    this.#expected = Math.max(leaked, this.#expected * decay);
    const margin = 10 ** (marginDb / 10);
    const explained = this.#expected * margin + this.#floor * 4;
    const clear = power > explained * 10 ** (CLEAR_DB / 10);
    this.#excess = ((this.#excess << 1) | Number(power > explained)) & 7;
    const own = clear || this.#excess === 3 || this.#excess === 5 || this.#excess >= 6;
    this.#hold = own ? holdBlocks : Math.max(0, this.#hold - 1);
    this.closed = this.#hold === 0 && this.#expected > this.#floor;
    if (this.closed) this.#closedBlocks++;
  }

  open() {
    this.#blocks++;
    this.closed = false;
  }
}

/**
 * Ducks a voice by 36 dB while the other person's voice explains all of it, and never while its own person speaks: a
 * block is opened when it is louder than the leak can be. The block that is decided about is its own look-ahead, so the
 * gate adds no latency beyond the block that the capture collects anyway (at most 3 ms). It follows a leak that comes up to
 * 1.1 s after the voice, as over loudspeakers or a call that comes back; what comes still later, and one sound in both
 * microphones at whatever lag, it leaves alone: nobody can say whose words those are, and ducking would take them from both.
 */
export class BleedGate {
  readonly #hop: number;
  readonly #sides = [new Side(), new Side()] as const;
  readonly #past: readonly [Float64Array, Float64Array]; // mean squares of the last blocks
  readonly #blockS: number;
  readonly #pole: number;
  #at = 0;

  constructor(rateHz: number, hopFrames: number) {
    this.#hop = hopFrames;
    this.#blockS = hopFrames / rateHz;
    this.#pole = 1 - Math.exp((-2 * Math.PI * HIGH_PASS_HZ) / rateHz);
    const blocks = Math.ceil((MOST_DELAY_S + 0.1 + EARLY_S) / this.#blockS) + 2;
    this.#past = [new Float64Array(blocks), new Float64Array(blocks)];
  }

  /** What it did so far to each voice. */
  get states(): readonly [GateState, GateState] {
    const [a, b] = this.#sides;
    return [
      { closed: a.closed, closedShare: a.closedShare },
      { closed: b.closed, closedShare: b.closedShare },
    ];
  }

  /** Follows a block of both voices and, where `report` says that one hears the other, ducks it in place. */
  apply(block: Float32Array, at0: number, at1: number, report: BleedReport) {
    const from = [at0, at1];
    for (let p = 0; p < 2; p++)
      this.#past[p][this.#at] = this.#sides[p].power(block, from[p], from[p] + this.#hop, this.#pole);
    for (let victim = 0; victim < 2; victim++) {
      const side = this.#sides[victim];
      this.#decide(side, victim, report);
      const target = side.closed ? DUCKED : 1;
      if (side.gain !== 1 || target !== 1) this.#ramp(block, from[victim], side, target);
    }
    this.#at = (this.#at + 1) % this.#past[0].length;
  }

  #decide(side: Side, victim: number, { kind, source, paths }: BleedReport) {
    const { lagMs, gainDb } = paths[1 - victim];
    const acts = kind === 'both-ways' || (kind === 'one-way' && source === 1 - victim);
    if (!acts || !(gainDb < MOST_GAIN_DB)) {
      side.open();
      return;
    }
    const past = this.#past[1 - victim];
    const oldest = Math.ceil((lagMs / 1000 + EARLY_S) / this.#blockS);
    if (lagMs < -MOST_EARLY_MS || oldest >= past.length) {
      side.open();
      return;
    }
    const newest = Math.max(0, Math.floor((lagMs / 1000 - LATE_S) / this.#blockS));
    let loudest = 0;
    for (let age = newest; age <= Math.max(newest, oldest); age++)
      loudest = Math.max(loudest, past[(this.#at - age + past.length) % past.length]);
    const leaked = loudest * 10 ** (gainDb / 10);
    const decay = 10 ** ((-DECAY_DB_PER_S * this.#blockS) / 10);
    const marginDb = Math.max(LEAST_MARGIN_DB, Math.min(MOST_MARGIN_DB, -gainDb / 2));
    const power = this.#past[victim][this.#at];
    side.decide(power, leaked, decay, marginDb, Math.round(HOLD_S / this.#blockS));
  }

  /** Moves the gain to `target` within the block: at once where a word begins, in 8 ms or so where it ends. */
  #ramp(block: Float32Array, start: number, side: Side, target: number) {
    const opening = target > side.gain;
    const step = opening ? 4 / this.#hop : (-0.005 / this.#blockS / this.#hop) * 0.7;
    let { gain } = side;
    for (let i = start; i < start + this.#hop; i++) {
      gain = opening ? Math.min(target, gain + step) : Math.max(target, gain + step);
      block[i] *= gain;
    }
    side.gain = gain;
  }
}
