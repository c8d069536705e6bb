import { FRAME_RATE_HZ } from '../motion.ts';

/** Rates (a frame) of the critically damped spring by which an offset goes away: for small ones, and at the slowest. */
const RATE = 14 / FRAME_RATE_HZ;
const SLOWEST = 4 / FRAME_RATE_HZ;
/** For channels that may leap, such as speeds: what stays on them adds up to a way. */
const FAST = 24 / FRAME_RATE_HZ;
/** The fastest an offset goes away, as a share of what counts as a jump. */
const PACE = 0.65;
/** What is assumed at most of the motion going on at an edge: this much a frame (rad, m). */
const LARGEST_STEP = 0.12;

/** Numbers of state of an {@link EdgeSmooth} with so many channels. */
export const edgeState = (channels: number) => 1 + 5 * channels;

/**
 * Takes the jumps out of a signal made of blocks: where its source changes, or where it leaps inside a block, what comes is
 * met by an offset to where the signal was heading, and the offset goes away, together in all channels and no faster
 * than people move. What does not jump is not delayed.
 */
export class EdgeSmooth {
  readonly #jumps: Float64Array;
  /** The rate under way, then for each channel: last value, last step, offset, its speed, last value before. */
  readonly #state: Float64Array;

  /** `jumps` says for each channel what change in a frame is a jump; `state` holds {@link edgeState} numbers. */
  constructor(jumps: Float64Array, state: Float64Array) {
    this.#jumps = jumps;
    this.#state = state;
  }

  /** Begins anew at the values at `from[at…]`, at rest. */
  reset(from: Float64Array, at = 0): void {
    const state = this.#state.fill(0);
    state[0] = RATE;
    for (let c = 0; c < this.#jumps.length; c++) {
      state[1 + 5 * c] = from[at + c];
      state[5 + 5 * c] = from[at + c];
    }
  }

  /** Smooths the channels at `values[at…]` in place; `edge` is true in the first frame of another source. */
  apply(values: Float64Array, at: number, edge: boolean): void {
    const state = this.#state;
    if (edge || this.#leaps(values, at)) this.#meet(values, at);
    for (let c = 0; c < this.#jumps.length; c++) {
      const s = 1 + 5 * c;
      const rate = this.#jumps[c] < Number.POSITIVE_INFINITY ? state[0] : FAST;
      const decay = Math.exp(-rate);
      state[s + 4] = values[at + c];
      const value = values[at + c] + state[s + 2];
      const pull = state[s + 3] + rate * state[s + 2];
      state[s + 2] = (state[s + 2] + pull) * decay;
      state[s + 3] = (state[s + 3] - rate * pull) * decay;
      state[s + 1] = value - state[s];
      state[s] = value;
      values[at + c] = value;
    }
  }

  #leaps(values: Float64Array, at: number): boolean {
    for (let c = 0; c < this.#jumps.length; c++)
      if (Math.abs(values[at + c] - this.#state[5 + 5 * c]) > this.#jumps[c]) return true;
    return false;
  }

  /** Sets the offsets; their speed stays, so that a long way is gone in one go over many blocks. */
  #meet(values: Float64Array, at: number) {
    const state = this.#state;
    let rate = RATE;
    for (let c = 0; c < this.#jumps.length; c++) {
      const s = 1 + 5 * c;
      state[s + 2] = state[s] + clamp(state[s + 1]) - values[at + c];
      const far = Math.abs(state[s + 2]);
      // A spring from rest is fastest at offset · rate / e.
      if (far > 0) rate = Math.min(rate, (PACE * this.#jumps[c] * Math.E) / far);
    }
    state[0] = Math.max(SLOWEST, rate);
  }
}

/** Cutoffs of {@link Calm}: at rest, of the measure of speed, and how the first rises with speed (rad/s). */
const REST_HZ = 3;
const SPEED_HZ = 2;
const RISE = 6;
const DELTA_S = 1 / FRAME_RATE_HZ;

/** Numbers of state that {@link Calm} needs for each channel. */
export const CALM_STATE = 2;

/**
 * A light low-pass against jitter (the one-euro filter, Casiez et al. 2012): strong on what trembles on the spot, weak
 * on what moves, so that strokes and nods stay.
 */
export class Calm {
  readonly #channels: number;
  readonly #state: Float64Array;

  /** `state` holds `channels` × {@link CALM_STATE} numbers: last value, speed. */
  constructor(channels: number, state: Float64Array) {
    this.#channels = channels;
    this.#state = state;
  }

  /** Begins anew at the values at `from[at…]`, at rest. */
  reset(from: Float64Array, at = 0): void {
    this.#state.fill(0);
    for (let c = 0; c < this.#channels; c++) this.#state[CALM_STATE * c] = from[at + c];
  }

  /** Filters the channels at `values[at…]` in place. */
  apply(values: Float64Array, at: number): void {
    const state = this.#state;
    for (let c = 0; c < this.#channels; c++) {
      const s = CALM_STATE * c;
      const speed = (values[at + c] - state[s]) / DELTA_S;
      state[s + 1] += share(SPEED_HZ) * (speed - state[s + 1]);
      state[s] += share(REST_HZ + RISE * Math.abs(state[s + 1])) * (values[at + c] - state[s]);
      values[at + c] = state[s];
    }
  }
}

/** Cutoff of {@link Steady}: ordinary nods (1.8–3.7 Hz, Hadar 1983) pass, trembling does not. */
const STEADY_HZ = 4;
const K = Math.tan((Math.PI * STEADY_HZ) / FRAME_RATE_HZ);
const NORM = 1 / (1 + Math.SQRT2 * K + K * K);
const B = K * K * NORM;
const A1 = 2 * (K * K - 1) * NORM;
const A2 = (1 - Math.SQRT2 * K + K * K) * NORM;

/** Numbers of state that {@link Steady} needs for each channel. */
export const STEADY_STATE = 2;

/**
 * A second-order low-pass (Butterworth) for heads, whose codes are drawn anew for every frame: 56 ms behind, 0.93 of a nod
 * of 2.5 Hz, a quarter of what trembles at 8 Hz.
 */
export class Steady {
  readonly #channels: number;
  readonly #state: Float64Array;

  /** `state` holds `channels` × {@link STEADY_STATE} numbers. */
  constructor(channels: number, state: Float64Array) {
    this.#channels = channels;
    this.#state = state;
  }

  /** Begins anew, at rest at zero. */
  reset(): void {
    this.#state.fill(0);
  }

  /** Filters the channels at `values[at…]` in place. */
  apply(values: Float64Array, at: number): void {
    const state = this.#state;
    for (let c = 0; c < this.#channels; c++) {
      const s = STEADY_STATE * c;
      const x = values[at + c];
      const y = B * x + state[s];
      state[s] = 2 * B * x - A1 * y + state[s + 1];
      state[s + 1] = B * x - A2 * y;
      values[at + c] = y;
    }
  }
}

const clamp = (x: number) => Math.min(LARGEST_STEP, Math.max(-LARGEST_STEP, x));
/** How far a first-order low-pass of this cutoff goes in one frame. */
const share = (hz: number) => 1 - Math.exp(-2 * Math.PI * hz * DELTA_S);
