/** Pictures that come this much later than the headset wants them are late. */
const LATE = 1.3;
/** So many late ones of the last hundred or so are too many; and so few that the work may come back. */
const TOO_MANY = 0.3;
const FEW = 0.02;
const MEMORY = 1 / 60;
/** After a change wait this long (s), twice as long each time it was wrong to go back. */
const WAIT_S = 2;

/** Springs and faces on a machine that is late (Hz): half of the slowest headset, and as often as the networks speak. */
export const SPARING_HZ = 30;

/**
 * Decides how often springs and faces move on in a headset, where a late picture makes people ill: at every picture, or 30
 * times a second where pictures come too late.
 */
export class XrPace {
  /** How often springs and faces move on (Hz). */
  springsHz = Number.POSITIVE_INFINITY;
  readonly #pictureS: number;
  #late = 0;
  #sinceS = 0;
  #waitS = WAIT_S;

  /** `rateHz` is how many pictures a second the headset wants. */
  constructor(rateHz: number) {
    this.#pictureS = 1 / rateHz;
  }

  /** A picture came `deltaS` after the one before. */
  picture(deltaS: number): void {
    this.#late += MEMORY * (Number(deltaS > LATE * this.#pictureS) - this.#late);
    this.#sinceS += deltaS;
    if (this.#sinceS < this.#waitS) return;
    if (this.springsHz > SPARING_HZ && this.#late > TOO_MANY) {
      this.#change(SPARING_HZ);
      this.#waitS *= 2;
    } else if (this.springsHz <= SPARING_HZ && this.#late < FEW) this.#change(Number.POSITIVE_INFINITY);
  }

  #change(hz: number) {
    this.springsHz = hz;
    this.#sinceS = 0;
  }
}
