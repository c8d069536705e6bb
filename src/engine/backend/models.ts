import { Checkpoint } from '../model/checkpoint.ts';
import {
  type FaceConfig,
  faceConfig,
  type SpeechEncoderConfig,
  speechEncoderConfig,
} from '../model/config.ts';

/** The two weight files of a conversation, read once and shared by whichever backend runs. */
export type Models = {
  readonly encoder: SpeechEncoderConfig;
  readonly face: FaceConfig;
  readonly encoderWeights: Checkpoint;
  readonly faceWeights: Checkpoint;
  readonly encoderFile: ArrayBuffer;
  readonly faceFile: ArrayBuffer;
  /** Per-channel normalisation of the face: z = (weight − mean) / std. */
  readonly mean: Float32Array<ArrayBuffer>;
  readonly std: Float32Array<ArrayBuffer>;
  /** Weight 0 and weight 1 in normalised units. */
  readonly low: Float32Array<ArrayBuffer>;
  readonly high: Float32Array<ArrayBuffer>;
  /** The log-mel value of digital silence, which stands before the first sample. */
  readonly melSilence: number;
};

/** Fetches one model file by its name; throws `asset` when it cannot be had. */
export type Fetch = (name: string) => Promise<ArrayBuffer>;

/** Loads and checks both weight files; throws `asset` when one is missing, damaged or of the wrong version. */
export async function loadModels(fetch: Fetch): Promise<Models> {
  const [encoderFile, faceFile] = await Promise.all([
    fetch('speech-encoder.safetensors'),
    fetch('face.safetensors'),
  ]);
  const encoderWeights = new Checkpoint(encoderFile, 'speech-encoder.safetensors', 'speech-encoder');
  const faceWeights = new Checkpoint(faceFile, 'face.safetensors', 'face');
  const encoder = speechEncoderConfig(encoderWeights);
  const face = faceConfig(faceWeights);
  const mean = faceWeights.f32('mean', [face.channels]);
  const std = faceWeights.f32('std', [face.channels]);
  return {
    encoder,
    face,
    encoderWeights,
    faceWeights,
    encoderFile,
    faceFile,
    mean,
    std,
    low: mean.map((m, c) => (0 - m) / std[c]),
    high: mean.map((m, c) => (1 - m) / std[c]),
    melSilence: Math.fround((Math.log(1e-10) + 10) / 5),
  };
}
