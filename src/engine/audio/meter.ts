import { peakDb, rmsDb, SILENCE_DB } from './levels.ts';

/** How loud a voice is. */
export type Level = {
  /** Root mean square of the last moment, dB of full scale. */
  readonly rmsDb: number;
  /** Loudest sample, which falls by 20 dB a second: what a meter's mark shows. */
  readonly peakDb: number;
  /** Whether the sound was cut off at full scale within the last second: the microphone is set too high or too near. */
  readonly clipping: boolean;
};

const FALL_DB_PER_S = 20;
const CLIPPING_HOLD_S = 1;
/** Three samples in a row at full scale are cut off; one is only loud. */
const FULL_SCALE = 0.999;
const CUT_OFF = 3;

/** Follows the level of a voice from moments of its sound, in any thread. */
export class LevelMeter {
  #peakDb = SILENCE_DB;
  #clippedAtS = Number.NEGATIVE_INFINITY;

  /** Takes what was heard since the last call and says how loud it was; `nowS` is any clock in seconds. */
  take(samples: Float32Array, nowS: number, sinceS: number): Level {
    this.#peakDb = Math.max(peakDb(samples), this.#peakDb - FALL_DB_PER_S * sinceS, SILENCE_DB);
    let run = 0;
    for (const x of samples) {
      run = Math.abs(x) >= FULL_SCALE ? run + 1 : 0;
      if (run >= CUT_OFF) this.#clippedAtS = nowS;
    }
    return {
      rmsDb: rmsDb(samples),
      peakDb: this.#peakDb,
      clipping: nowS - this.#clippedAtS < CLIPPING_HOLD_S,
    };
  }
}
