import { Varispeed } from './varispeed.ts';

/** How pushed sound becomes a steady voice. */
export type JitterOptions = {
  /**
   * `queue`: every sample is heard, at its own speed, however early it came: speech that is made faster than it is
   * spoken. `live`: a distant clock's sound, kept `targetS` behind by a trim of at most 0.1 %, of which a backlog is left out.
   */
  readonly mode: 'queue' | 'live';
  /** Sound to wait for before it begins, and again after an underrun; in `live` the fill that is kept. */
  readonly targetS: number;
};

/** What became of the sound so far, in seconds unless it says otherwise. */
export type JitterStats = {
  readonly bufferedS: number;
  /** Pushed sound that was heard. */
  readonly playedS: number;
  /** Silence that was put in because nothing had come in time. */
  readonly silenceS: number;
  /** Times that sound ran out in mid-speech. */
  readonly underruns: number;
  /** Sound left out because `live` had fallen behind. */
  readonly skippedS: number;
  /** Sound taken away by `interrupt`. */
  readonly interruptedS: number;
  /** Samples that were NaN or infinite and became 0, or beyond ±1 and were clipped. */
  readonly nonFinite: number;
  readonly clipped: number;
  /** The trim of `live`, in millionths: positive while the other clock is the faster one. */
  readonly trimPpm: number;
};

/** The fade where sound is cut, in seconds: no click, and gone at once. */
export const FADE_S = 0.005;
const MOST_TRIM = 0.001;
/** The fill is averaged over this time, so that chunks of any size look the same. */
const FILL_AVERAGE_S = 1;
/** A control loop without overshoot, ten times slower than the average: 10 ms too much is 300 ppm. */
const PROPORTIONAL = 0.03;
const INTEGRAL = PROPORTIONAL ** 2 / 5;
/** Sound beyond the target from which on `live` leaves out what is in between: a burst after a stall. */
const MOST_BEHIND_S = 0.4;
/** An underrun raises the target by half, up to this; it falls back over a minute or so. */
const MOST_TARGET_S = 0.5;
const TARGET_DECAY_S = 60;

/** Pushed sound on its way to the ear: a queue in seconds with a steady outlet; pure, and the same in every thread. */
export class JitterBuffer {
  readonly #rateHz: number;
  readonly #options: JitterOptions;
  #queue: Varispeed[] = []; // one for each rate in turn
  readonly #tail: Float32Array;
  #tailAt: number;
  #playing = false;
  #ended = false;
  #waitedS = 0;
  #targetS: number;
  #fillS: number;
  #integral = 0;
  #trim = 0;
  #fadeIn = 0; // samples of a fade in that are still to come
  #torn = false; // the sound before was cut by an underrun
  #playedS = 0;
  #silence = 0;
  #underruns = 0;
  #skippedS = 0;
  #interruptedS = 0;
  #nonFinite = 0;
  #clipped = 0;

  constructor(outputRateHz: number, options: JitterOptions) {
    this.#rateHz = outputRateHz;
    this.#options = options;
    this.#targetS = options.targetS;
    this.#fillS = options.targetS;
    this.#tail = new Float32Array(Math.ceil(FADE_S * outputRateHz));
    this.#tailAt = this.#tail.length;
  }

  /** Sound that waits to be heard. */
  get bufferedS() {
    let seconds = 0;
    for (const part of this.#queue) seconds += part.waiting / part.inputRateHz;
    return seconds;
  }

  /** Whether `end` was called and all has been heard. */
  get finished() {
    return this.#ended && this.#queue.length === 0 && this.#tailAt >= this.#tail.length;
  }

  get stats(): JitterStats {
    return {
      bufferedS: this.bufferedS,
      playedS: this.#playedS,
      silenceS: this.#silence / this.#rateHz,
      underruns: this.#underruns,
      skippedS: this.#skippedS,
      interruptedS: this.#interruptedS,
      nonFinite: this.#nonFinite,
      clipped: this.#clipped,
      trimPpm: this.#trim * 1e6,
    };
  }

  /** Takes sound at any rate; `samples` is made finite and clipped in place. */
  push(samples: Float32Array, rateHz: number) {
    for (let i = 0; i < samples.length; i++) {
      const x = samples[i];
      if (x - x !== 0) {
        samples[i] = 0;
        this.#nonFinite++;
      } else if (x > 1 || x < -1) {
        samples[i] = Math.sign(x);
        this.#clipped++;
      }
    }
    let part = this.#queue.at(-1);
    if (part?.inputRateHz !== rateHz) {
      part = new Varispeed(rateHz, this.#rateHz);
      this.#queue.push(part);
    }
    part.push(samples);
    this.#ended = false;
  }

  /** No more is to come: what waits is heard to its end, however little it is. */
  end() {
    this.#ended = true;
  }

  /** Takes away all that has not been heard; what is being heard fades within 5 ms, from the next `render` on. */
  interrupt() {
    if (this.#playing) this.#fadeOut();
    this.#interruptedS += this.bufferedS;
    this.#queue = [];
    this.#torn = false;
    this.#pause();
  }

  /** Writes the next moment of the voice, silence where there is none. */
  render(output: Float32Array) {
    output.fill(0);
    if (this.#startable(output.length)) this.#play(output);
    for (let i = 0; i < output.length && this.#tailAt < this.#tail.length; i++)
      output[i] += this.#tail[this.#tailAt++];
  }

  /** Takes the next 5 ms out of the queue, to be heard fading while whatever comes next begins. */
  #fadeOut() {
    if (this.#tailAt < this.#tail.length) return;
    const length = this.#tail.length;
    this.#tail.fill(0);
    const count = this.#pull(this.#tail, 0, true);
    const gain = 1 - this.#fadeIn / length;
    for (let i = 0; i < count; i++) this.#tail[i] *= gain * (1 - (i + 1) / length);
    this.#tailAt = 0;
  }

  #pause() {
    this.#playing = false;
    this.#waitedS = 0;
  }

  /** Whether enough is there to begin: the target, the end, or what came and was not followed for as long. */
  #startable(length: number) {
    if (this.#playing) return true;
    const bufferedS = this.bufferedS;
    if (bufferedS === 0) {
      this.#queue = [];
      return false;
    }
    this.#waitedS += length / this.#rateHz;
    if (bufferedS < this.#targetS && !this.#ended && this.#waitedS < this.#targetS) {
      this.#silence += length;
      return false;
    }
    this.#playing = true;
    this.#fillS = this.#targetS;
    this.#fadeIn = this.#torn ? this.#tail.length : 0;
    this.#torn = false;
    return true;
  }

  #play(output: Float32Array) {
    if (this.#options.mode === 'live') this.#steer(output.length / this.#rateHz);
    let count = this.#pull(output, 0, false);
    // Nothing follows what is left, so it needs no look-ahead.
    if (count < output.length) count += this.#pull(output, count, true);
    for (let i = 0; i < count && this.#fadeIn > 0; i++, this.#fadeIn--)
      output[i] *= 1 - this.#fadeIn / this.#tail.length;
    if (count === output.length) return;
    this.#pause();
    if (this.#ended) return;
    const fade = Math.min(count, this.#tail.length);
    for (let i = 0; i < fade; i++) output[count - 1 - i] *= i / fade;
    this.#torn = true;
    this.#underruns++;
    this.#silence += output.length - count;
    if (this.#options.mode === 'live') this.#targetS = Math.min(MOST_TARGET_S, this.#targetS * 1.5);
  }

  /** Fills `output` from `from` on as far as the queue reaches; `closing` if nothing follows what is there. */
  #pull(output: Float32Array, from: number, closing: boolean): number {
    let at = from;
    while (at < output.length && this.#queue.length > 0) {
      const [part] = this.#queue;
      const before = part.waiting;
      const closed = closing || this.#queue.length > 1;
      at += part.pull(output, at, 1 + this.#trim, closed);
      this.#playedS += (before - part.waiting) / part.inputRateHz;
      if (at === output.length) break;
      if (!closed) break;
      this.#queue.shift();
    }
    return at - from;
  }

  /** Trims the speed so that the fill stays at its target; leaves sound out where no trim would do in time. */
  #steer(seconds: number) {
    const bufferedS = this.bufferedS;
    if (bufferedS > this.#targetS + MOST_BEHIND_S) {
      this.#skip(bufferedS - this.#targetS);
      this.#fillS = this.#targetS;
      return;
    }
    this.#targetS += (this.#options.targetS - this.#targetS) * (seconds / TARGET_DECAY_S);
    this.#fillS += (bufferedS - this.#fillS) * Math.min(1, seconds / FILL_AVERAGE_S);
    const error = this.#fillS - this.#targetS;
    const wish = PROPORTIONAL * error + this.#integral;
    this.#trim = Math.max(-MOST_TRIM, Math.min(MOST_TRIM, wish));
    if (wish === this.#trim) this.#integral += INTEGRAL * error * seconds;
  }

  /** Leaves out the oldest sound, with a cross-fade. */
  #skip(seconds: number) {
    this.#fadeOut();
    let left = seconds;
    while (left > 0 && this.#queue.length > 0) {
      const [part] = this.#queue;
      const leftOut = part.skip(left * part.inputRateHz) / part.inputRateHz;
      left -= leftOut;
      this.#skippedS += leftOut;
      if (part.waiting > 0 || this.#queue.length === 1) break;
      this.#queue.shift();
    }
    this.#fadeIn = this.#tail.length;
  }
}
