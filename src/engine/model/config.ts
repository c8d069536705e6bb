import type { Checkpoint } from './checkpoint.ts';
import type { ScheduleConfig } from './schedule.ts';

/** Sizes that the transformer layers of both networks share; letters as in the house legend. */
export type LayerConfig = {
  /** Channels of a token. */
  readonly C: number;
  readonly heads: number;
  readonly ff: number;
  readonly layers: number;
  /** Frames of keys and values that the ring holds. */
  readonly window: number;
};

/** Sizes of the speech encoder (stands where InterAct has wav2vec 2.0). */
export type SpeechEncoderConfig = LayerConfig & {
  readonly mels: number;
  readonly phones: readonly string[];
  /** Ticks by which a token trails its sound: the token of tick n describes frame n − lookahead. */
  readonly lookahead: number;
};

/** Sizes and schedule of the face denoiser (InterAct 4.1, after DiffSpeaker). */
export type FaceConfig = LayerConfig & {
  readonly channels: number;
  readonly styles: number;
  readonly emotions: number;
  readonly schedule: ScheduleConfig;
  /** The diffusion step at which emitted frames are read as context. */
  readonly contextStep: number;
};

/** Prefix tokens of the face denoiser: own style, partner style, facing, emotion, diffusion step. */
export const FACE_PREFIX = 5;

const layerConfig = (file: Checkpoint): LayerConfig => ({
  C: file.number('d'),
  heads: file.number('heads'),
  ff: file.number('ff'),
  layers: file.number('layers'),
  window: file.number('window'),
});

/** Reads the sizes of a speech encoder; throws `asset` when one is missing. */
export const speechEncoderConfig = (file: Checkpoint): SpeechEncoderConfig => ({
  ...layerConfig(file),
  mels: file.number('mels'),
  phones: file.config.phones as readonly string[],
  lookahead: file.number('lookahead'),
});

/** Reads the sizes of a face denoiser; throws `asset` when one is missing. */
export function faceConfig(file: Checkpoint): FaceConfig {
  const schedule = (file.config.schedule ?? {}) as Record<string, number>;
  return {
    ...layerConfig(file),
    channels: (file.config.channels as readonly string[]).length,
    styles: file.number('styles'),
    emotions: file.number('emotions'),
    schedule: { T: schedule.T, betaStart: schedule.beta_start, betaEnd: schedule.beta_end },
    contextStep: file.number('context_step'),
  };
}
