import { logNormal } from './noise.ts';
import { CHANNEL } from './synthesis.ts';

/** Seconds between blinks in conversation, 26 a minute (Bentivoglio 1997), and the spread of their logarithm. */
const INTERVAL_S = 2;
const SPREAD = 0.55;
/** The network blinks itself; only after this long without one does life help out. */
const PATIENCE_S = 7;
/** A gaze shift of this size (rad) often brings a blink with it (Evinger 1991). */
const BIG_SHIFT_RAD = 0.22;

/** The lids of one person: blinks when the motion has had none for a while, and at big gaze shifts. */
export class Blinks {
  readonly #random: () => number;
  #sinceS = 0;
  #waitS: number;
  #phaseS = Number.POSITIVE_INFINITY;
  #closingS = 0.09;
  #closedS = 0.035;
  #openingS = 0.2;
  #depth = 1;

  constructor(random: () => number) {
    this.#random = random;
    this.#waitS = logNormal(random, INTERVAL_S, SPREAD);
  }

  /**
   * Moves on by `deltaS` and raises the blink weights of the face at `face[offset…]`; `moving` says that the network
   * is in charge, `shiftRad` how far the eyes have just begun to jump (0 where they have not).
   */
  update(deltaS: number, face: Float32Array, offset: number, moving: boolean, shiftRad: number): void {
    const left = face[offset + CHANNEL.eyeBlinkLeft]!;
    const right = face[offset + CHANNEL.eyeBlinkRight]!;
    this.#sinceS = Math.min(left, right) > 0.6 ? 0 : this.#sinceS + deltaS;
    const due = this.#sinceS > (moving ? PATIENCE_S + this.#waitS : this.#waitS);
    const withShift = shiftRad > BIG_SHIFT_RAD && this.#sinceS > 0.9 && this.#random() < 0.45;
    if ((due || withShift) && this.#phaseS > 1) this.#begin();
    this.#phaseS += deltaS;
    const lid = this.#depth * this.#closure();
    if (lid <= 0) return;
    face[offset + CHANNEL.eyeBlinkLeft] = Math.max(left, lid);
    face[offset + CHANNEL.eyeBlinkRight] = Math.max(right, lid);
  }

  #begin() {
    const random = this.#random;
    this.#phaseS = 0;
    this.#sinceS = 0;
    this.#waitS = Math.max(0.5, logNormal(random, INTERVAL_S, SPREAD));
    this.#closingS = 0.075 + 0.025 * random();
    this.#closedS = 0.02 + 0.03 * random();
    this.#openingS = 0.15 + 0.1 * random();
    this.#depth = random() < 0.12 ? 0.75 : 1;
  }

  /** Lids shut fast and open slowly, easing out. */
  #closure(): number {
    const t = this.#phaseS;
    if (t < this.#closingS) return Math.sin((t / this.#closingS) * (Math.PI / 2));
    const opening = (t - this.#closingS - this.#closedS) / this.#openingS;
    if (opening <= 0) return 1;
    return opening >= 1 ? 0 : 0.5 * (1 + Math.cos(Math.PI * Math.sqrt(opening)));
  }
}
