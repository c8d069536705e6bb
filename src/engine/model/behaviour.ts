import { philox4x32, seedWords } from '../../kernels/philox.ts';
import { ARKIT_51, BEHAVIOUR_CHANNELS, BEHAVIOUR_FACE, FACE_CHANNELS, PERSONS } from '../motion.ts';

/** Last word of the Philox counter of code draws; the words below are the stages of the diffusion networks. */
const CODE_STAGE = 0x10000;

/** Where each of {@link BEHAVIOUR_FACE} stands in a face frame. */
export const BEHAVIOUR_OF_FACE = BEHAVIOUR_FACE.map((name) => ARKIT_51.indexOf(name));

/** A probability of voicing pulls the activity up fast (an onset is heard within 100 ms) and lets it go slowly. */
const RISE = 0.35;
const FALL = 0.06;

/** Activity at which a person begins to have the turn, and how much more it takes to have it all. */
const TURN_FROM = 0.25;
const TURN_WIDTH = 0.55;

/** Follows the voicing probabilities of both persons: `activity` and `turn` (0 listening … 1 speaking) are updated in place. */
export function followTurn(activity: Float32Array, voicing: Float32Array, turn: Float32Array) {
  for (let p = 0; p < activity.length; p++) {
    const more = voicing[p] - activity[p];
    activity[p] += (more > 0 ? RISE : FALL) * more;
  }
  turnsOf(activity, turn);
}

/** The turn (0 listening … 1 speaking) that goes with each person's activity, into `turn`. */
export function turnsOf(activity: Float32Array, turn: Float32Array) {
  for (let p = 0; p < activity.length; p++) {
    const s = Math.min(1, Math.max(0, (activity[p] - TURN_FROM) / TURN_WIDTH));
    turn[p] = s * s * (3 - 2 * s);
  }
}

/** Normalisation of behaviour frames, per channel: z = (v − mean) / std. */
export type Normalisation = { readonly mean: Float32Array; readonly std: Float32Array };

/**
 * Blends the decoded motions (z, [2, 24]) by who has the turn, into `motion`: a listener's face and head are the
 * listener's, a speaker's head the speaker's, and a speaker's upper face that of the face network (`face` [2, 51] weights).
 */
export function blendTurns(
  motion: Float32Array,
  from: { listener: Float32Array; speaker: Float32Array; face: Float32Array; turn: Float32Array },
  { mean, std }: Normalisation,
) {
  const faceChannels = BEHAVIOUR_OF_FACE.length;
  for (let p = 0; p < PERSONS; p++) {
    const turn = from.turn[p];
    for (let c = 0; c < BEHAVIOUR_CHANNELS; c++) {
      const at = p * BEHAVIOUR_CHANNELS + c;
      const speaking =
        c < faceChannels
          ? (unit(from.face[p * FACE_CHANNELS + BEHAVIOUR_OF_FACE[c]]) - mean[c]) / std[c]
          : from.speaker[at];
      motion[at] = (1 - turn) * from.listener[at] + turn * speaking;
    }
  }
}

/** Behaviour frames in physical units from z: weights within 0…1, the head in rad. `values` and `z` are [n, 24]. */
export function showBehaviour(values: Float32Array, z: Float32Array, { mean, std }: Normalisation) {
  for (let at = 0; at < z.length; at++) {
    const c = at % BEHAVIOUR_CHANNELS;
    const value = z[at] * std[c] + mean[c];
    values[at] = c < BEHAVIOUR_OF_FACE.length ? unit(value) : value;
  }
}

/** z of behaviour frames [n, 24] in physical units, into `z`. */
export function normaliseBehaviour(z: Float32Array, values: Float32Array, { mean, std }: Normalisation) {
  for (let at = 0; at < values.length; at++) {
    const c = at % BEHAVIOUR_CHANNELS;
    z[at] = (values[at] - mean[c]) / std[c];
  }
}

/** What a draw depends on beside the logits. */
export type CodeDraw = {
  readonly temperature: number;
  /** Only this many of the likeliest codes may be drawn. */
  readonly topK: number;
  readonly seed: number;
  /** Frames emitted before this one. */
  readonly frame: number;
};

/**
 * Draws one code a row and group from `logits` [rows, groups, K] with Gumbel noise from Philox, into `codes`
 * [rows, groups]: softmax sampling at `temperature` among the `topK` likeliest; temperature 0 takes the likeliest.
 */
export function drawCodes(
  codes: Float32Array,
  logits: Float32Array,
  { temperature, topK, seed, frame }: CodeDraw,
) {
  const K = logits.length / codes.length;
  const key = seedWords(seed);
  for (let draw = 0; draw < codes.length; draw++) {
    const own = logits.subarray(draw * K, (draw + 1) * K);
    if (temperature === 0) {
      codes[draw] = likeliest(own);
      continue;
    }
    const sorted = own.slice().sort(); // ascending, by number: it is a typed array
    const least = sorted[Math.max(0, K - topK)];
    let ties = topK; // how many codes that equal `least` are let in, the lowest first
    for (let k = K - 1; k >= 0 && sorted[k] > least; k--) ties--;
    let best = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < K; k++) {
      if (own[k] < least || (own[k] === least && ties-- <= 0)) continue;
      const word = philox4x32([k >> 2, draw, frame, CODE_STAGE], key)[k & 3];
      const u = ((word >>> 8) + 0.5) / 2 ** 24;
      const score = own[k] / temperature - Math.log(-Math.log(u));
      if (score <= best) continue;
      best = score;
      codes[draw] = k;
    }
  }
}

function likeliest(values: Float32Array) {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] > values[best]) best = k;
  return best;
}

/**
 * Classifier-free guidance in place: `y` holds the prediction under the conditions, then the one without speech, each
 * half as long; the first half becomes null + scale · (conditioned − null) (Ho & Salimans 2022).
 */
export function guide(y: Float32Array, scale: number) {
  const half = y.length / 2;
  for (let at = 0; at < half; at++) y[at] = y[half + at] + scale * (y[at] - y[half + at]);
}

const unit = (value: number) => Math.min(1, Math.max(0, value));
