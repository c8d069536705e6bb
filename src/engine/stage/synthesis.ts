import { ARKIT_51, type ArkitChannel } from '../motion.ts';

/** The place of each ARKit channel in a face. */
export const CHANNEL = Object.fromEntries(ARKIT_51.map((name, i) => [name, i])) as Record<
  ArkitChannel,
  number
>;

/** The VRM expressions that {@link vowelsInto} weighs, in its order. */
export const VOWELS = ['aa', 'ih', 'ou', 'ee', 'oh'] as const;

/** A VRM expression that stands for a vowel. */
export type Vowel = (typeof VOWELS)[number];

/** The VRM expressions of moods that lend brows, cheeks and corners of the mouth. */
export type Mood = 'surprised' | 'angry' | 'sad' | 'relaxed' | 'happy';

const both = (name: string) => [`${name}Left`, `${name}Right`] as ArkitChannel[];

/**
 * The mouth channels that each vowel shows. A vowel is driven by the share of them that the face has no shapes for: one
 * with a jaw of its own needs no `aa`, and half of `oh`.
 */
export const VOWEL_SHOWS: Readonly<Record<Vowel, readonly ArkitChannel[]>> = {
  aa: ['jawOpen'],
  ih: [...both('mouthLowerDown'), ...both('mouthUpperUp')],
  ou: ['mouthPucker', 'mouthFunnel'],
  ee: [...both('mouthStretch'), ...both('mouthSmile'), ...both('mouthDimple')],
  oh: ['jawOpen', 'mouthFunnel'],
};

type MoodRow = { readonly most: number; readonly gains: Partial<Record<ArkitChannel, number>> };

const gains = (gain: number, ...names: readonly ArkitChannel[]) =>
  Object.fromEntries(names.map((name) => [name, gain / (/(Left|Right)$/.test(name) ? 2 : 1)]));

/**
 * What channels a face lacks lend to its moods, and how far a mood goes at most. In small amounts, because a mood is a whole
 * face: `surprised` opens the mouth too, `happy` shuts the eyes of many a drawn face.
 */
export const MOODS: Readonly<Record<Mood, MoodRow>> = {
  // Raised brows are what all drawn surprise has in common.
  surprised: {
    most: 0.4,
    gains: { ...gains(0.35, 'browInnerUp', ...both('browOuterUp')), ...gains(0.25, ...both('eyeWide')) },
  },
  // Lowered brows, and a wrinkled nose, mean anger before anything else.
  angry: {
    most: 0.35,
    gains: { ...gains(0.35, ...both('browDown')), ...gains(0.15, ...both('noseSneer')) },
  },
  // The corners of the mouth go down in sorrow, and the chin comes up.
  sad: {
    most: 0.35,
    gains: { ...gains(0.35, ...both('mouthFrown')), ...gains(0.1, 'mouthShrugLower') },
  },
  // Ease is the smile that leaves the eyes open.
  relaxed: { most: 0.5, gains: gains(0.5, ...both('mouthSmile')) },
  // Joy narrows the eyes as a squint does, and lifts the cheeks.
  happy: { most: 0.3, gains: gains(0.25, ...both('eyeSquint'), ...both('cheekSquint')) },
};

/** Faces without `relaxed` smile by `happy`, less far. */
export const SMILE_BY_HAPPY = 0.6;

const clamp01 = (x: number) => Math.min(1, Math.max(0, x));

/**
 * Writes the five weights of {@link VOWELS} that say best what the mouth of the 51 ARKit weights at `face[offset…]` says,
 * 0…1, never above 1 together.
 */
export function vowelsInto(target: Float32Array, face: Float32Array, offset = 0): void {
  const at = (channel: number) => face[offset + channel]!;
  const pair = (left: number) => (at(left) + at(left + 1)) / 2;
  const open = clamp01((at(CHANNEL.jawOpen) - at(CHANNEL.mouthClose)) * 1.3);
  const round = clamp01(Math.max(at(CHANNEL.mouthPucker), at(CHANNEL.mouthFunnel)) * 1.2);
  const spread = clamp01(
    pair(CHANNEL.mouthStretchLeft) + 0.5 * pair(CHANNEL.mouthSmileLeft) + 0.5 * pair(CHANNEL.mouthDimpleLeft),
  );
  const lift = clamp01(pair(CHANNEL.mouthLowerDownLeft) + 0.5 * pair(CHANNEL.mouthUpperUpLeft));
  target[0] = open * (1 - round) * (1 - 0.6 * spread);
  target[1] = lift * (1 - open) * (1 - round) * (1 - spread);
  target[2] = round * (1 - open);
  target[3] = spread * clamp01(1.5 * open + lift) * (1 - round);
  target[4] = open * round;
  let sum = 0;
  for (let i = 0; i < 5; i++) sum += target[i]!;
  if (sum > 1) for (let i = 0; i < 5; i++) target[i]! /= sum;
}
