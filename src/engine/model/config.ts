import type { Prediction } from '../../kernels/ddim/ddim.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ScheduleConfig } from './schedule.ts';

/** Sizes that the transformer layers of every network share; letters as in the house legend. */
export type LayerConfig = {
  /** Channels of a token. */
  readonly C: number;
  readonly heads: number;
  readonly ff: number;
  /** Tokens of keys and values that the ring holds. */
  readonly window: number;
};

/** Sizes of the speech encoder (stands where InterAct has wav2vec 2.0). */
export type SpeechEncoderConfig = LayerConfig & {
  readonly layers: number;
  readonly mels: number;
  readonly phones: readonly string[];
  /** Ticks by which a token trails its sound: the token of tick n describes frame n − lookahead. */
  readonly lookahead: number;
};

/** What the samplers of the face and of the bodies go by. */
export type DenoiserConfig = LayerConfig & {
  readonly layers: number;
  readonly schedule: ScheduleConfig;
  /** What the network predicts. */
  readonly prediction: Prediction;
  /** The diffusion step at which emitted frames are read as context. */
  readonly contextStep: number;
};

/** Sizes and schedule of the face denoiser (InterAct 4.1, after DiffSpeaker). */
export type FaceConfig = DenoiserConfig & {
  readonly channels: number;
};

/** Sizes of one VQ-VAE of the behaviour network: a causal convolution, transformer layers, two codebooks. */
export type VqConfig = LayerConfig & { readonly encoderLayers: number; readonly decoderLayers: number };

/** Sizes of the behaviour network (DIM: role encoders, joint encoder, code decoder, a VQ-VAE a role). */
export type DimConfig = LayerConfig & {
  readonly vq: VqConfig;
  /** Transformer layers of each role encoder, of the joint encoder and of the decoder. */
  readonly layers: Readonly<Record<'encoder' | 'joint' | 'decoder', number>>;
  /** Codes that make a frame, entries of each codebook, channels of an entry. */
  readonly groups: number;
  readonly codes: number;
  readonly codeDim: number;
  /** Motion channels by name; the last three are the head's. */
  readonly channels: readonly string[];
  /** Channels of a speech token. */
  readonly token: number;
  readonly temperature: number;
  readonly topK: number;
};

/** Sizes of one body network (InterAct 4.2); `features` are of one frame of one person. */
export type BodyConfig = DenoiserConfig & {
  readonly features: number;
  /** Features of the last frame that a block is told: its own, for the upper body also the lower's. */
  readonly last: number;
  /** Frames of a block, and coefficients of a feature in a token. */
  readonly block: number;
  readonly patch: number;
  /** Speech tokens of each person that a block hears, and channels each is narrowed to. */
  readonly audioWindow: number;
  readonly audioDown: number;
  /** Channels of the words' features. */
  readonly text: number;
  /** The noise stream of this network: its steps are numbered from here. */
  readonly stage: number;
};

/** Prefix tokens of the face denoiser: own style, partner style, facing, emotion, diffusion step. */
export const FACE_PREFIX = 5;

/** Prefix tokens of a body denoiser: relationship, diffusion step. */
export const BODY_PREFIX = 2;

type Nested = Readonly<Record<string, unknown>>;

const layerConfig = (file: Checkpoint): LayerConfig => ({
  C: file.number('d'),
  heads: file.number('heads'),
  ff: file.number('ff'),
  window: file.number('window'),
});

function denoiserConfig(file: Checkpoint): DenoiserConfig {
  const { T, beta_start, beta_end, betas, spacing, keeps } = (file.config.schedule ?? {}) as Record<
    string,
    number
  > &
    Pick<ScheduleConfig, 'betas' | 'spacing' | 'keeps'>;
  return {
    ...layerConfig(file),
    layers: file.number('layers'),
    schedule: {
      T,
      betaStart: beta_start,
      betaEnd: beta_end,
      ...(betas && { betas }),
      ...(spacing && { spacing }),
      ...(keeps && { keeps }),
    },
    prediction: file.config.prediction === 'eps' ? 'eps' : 'x0',
    contextStep: file.number('context_step'),
  };
}

/** Reads the sizes of a speech encoder; throws `asset` when one is missing. */
export const speechEncoderConfig = (file: Checkpoint): SpeechEncoderConfig => ({
  ...layerConfig(file),
  layers: file.number('layers'),
  mels: file.number('mels'),
  phones: file.config.phones as readonly string[],
  lookahead: file.number('lookahead'),
});

/** Reads the sizes of a face denoiser; throws `asset` when one is missing. */
export const faceConfig = (file: Checkpoint): FaceConfig => ({
  ...denoiserConfig(file),
  channels: (file.config.channels as readonly string[]).length,
});

/** Reads the sizes of the behaviour network; throws `asset` when one is missing. */
export function dimConfig(file: Checkpoint): DimConfig {
  const vq = (file.config.vq ?? {}) as Nested;
  const layers = (file.config.layers ?? {}) as Nested;
  const inside = (nested: Nested, key: string) => file.number(key, nested);
  return {
    ...layerConfig(file),
    vq: {
      C: inside(vq, 'd'),
      heads: inside(vq, 'heads'),
      ff: inside(vq, 'ff'),
      window: inside(vq, 'window'),
      encoderLayers: inside(vq, 'encoder_layers'),
      decoderLayers: inside(vq, 'decoder_layers'),
    },
    layers: {
      encoder: inside(layers, 'encoder'),
      joint: inside(layers, 'joint'),
      decoder: inside(layers, 'decoder'),
    },
    groups: file.number('groups'),
    codes: file.number('codes'),
    codeDim: file.number('code_dim'),
    channels: file.config.channels as readonly string[],
    token: file.number('token'),
    temperature: file.number('temperature'),
    topK: file.number('top_k'),
  };
}

/** Reads the sizes of a body network; throws `asset` when one is missing. */
export const bodyConfig = (file: Checkpoint): BodyConfig => ({
  ...denoiserConfig(file),
  features: (file.config.features as readonly string[]).length,
  last: (file.config.features as readonly string[]).length + file.number('lower') / file.number('patch'),
  block: file.number('block'),
  patch: file.number('patch'),
  audioWindow: file.number('audio_window'),
  audioDown: file.number('audio_down'),
  text: file.number('text'),
  stage: file.number('stage'),
});
