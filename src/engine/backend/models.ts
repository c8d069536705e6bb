import { Checkpoint } from '../model/checkpoint.ts';
import {
  type BodyConfig,
  bodyConfig,
  type DimConfig,
  dimConfig,
  type FaceConfig,
  faceConfig,
  type SpeechEncoderConfig,
  speechEncoderConfig,
} from '../model/config.ts';
import type { BodyNetwork } from './backend.ts';

type Vector = Float32Array<ArrayBuffer>;

/** The behaviour network's file, read once. */
export type DimModel = {
  readonly config: DimConfig;
  readonly weights: Checkpoint;
  readonly file: ArrayBuffer;
  /** [24] per-channel normalisation: z = (value − mean) / std. */
  readonly mean: Vector;
  readonly std: Vector;
  /** What stands before frame 0: [24] z of each person, and [4, 2] codes. */
  readonly restMotion: Vector;
  readonly restCodes: Vector;
};

/** A body network's file, read once. */
export type BodyModel = {
  readonly config: BodyConfig;
  readonly weights: Checkpoint;
  readonly file: ArrayBuffer;
  /** [L] how the last frame is told, z = (feature − mean) / std: own features, for the upper body then the lower's. */
  readonly mean: Vector;
  readonly std: Vector;
  /** [L] size of a step from frame to frame. */
  readonly stepStd: Vector;
  /** [L] the standing rest pose, normalised. */
  readonly rest: Vector;
  /** [F] bounds of x0, and of frames in physical units. */
  readonly low: Vector;
  readonly high: Vector;
  readonly frameLow: Vector;
  readonly frameHigh: Vector;
  /** [F, 8] what a step says of the eight frames to come, and [F, 8, 8] frames beyond that by coefficients. */
  readonly coast: Vector;
  readonly basis: Vector;
};

/** The weight files of a conversation, read once and shared by whichever backend runs. */
export type Models = {
  readonly encoder: SpeechEncoderConfig;
  readonly face: FaceConfig;
  readonly dim: DimModel;
  readonly body: Readonly<Record<BodyNetwork, BodyModel>>;
  readonly encoderWeights: Checkpoint;
  readonly faceWeights: Checkpoint;
  readonly encoderFile: ArrayBuffer;
  readonly faceFile: ArrayBuffer;
  /** Per-channel normalisation of the face: z = (weight − mean) / std. */
  readonly mean: Vector;
  readonly std: Vector;
  /** Weight 0 and weight 1 in normalised units. */
  readonly low: Vector;
  readonly high: Vector;
  /** The log-mel value of digital silence, which stands before the first sample. */
  readonly melSilence: number;
};

/** What behaviour and bodies need of them. */
export type MovementModels = Pick<Models, 'dim' | 'body'> & {
  /** Channels of a speech token. */
  readonly encoder: Pick<SpeechEncoderConfig, 'C'>;
};

/** The weight files of behaviour and bodies. */
export type MovementFiles = {
  readonly dim: ArrayBuffer;
  readonly lower: ArrayBuffer;
  readonly upper: ArrayBuffer;
};

/** Reads and checks them; throws `asset` when one is damaged or of the wrong version. */
export function movementModels({ dim, lower, upper }: MovementFiles): MovementModels {
  const behaviour = dimModel(dim);
  return {
    dim: behaviour,
    body: { lower: bodyModel(lower, 'body-lower'), upper: bodyModel(upper, 'body-upper') },
    encoder: { C: behaviour.config.token },
  };
}

/** Relative placement [2, 6] of two who face each other at 1.2 m: where a conversation begins unless told otherwise. */
export const FACE_TO_FACE = Float32Array.of(0, 1.2, 1.2, 0, -1, 1 / 1.2, 0, 1.2, 1.2, 0, -1, 1 / 1.2);

/** Fetches one model file by its name; throws `asset` when it cannot be had. */
export type Fetch = (name: string) => Promise<ArrayBuffer>;

/** Loads and checks all weight files; throws `asset` when one is missing, damaged or of the wrong version. */
export async function loadModels(fetch: Fetch): Promise<Models> {
  const [encoderFile, faceFile, dim, lower, upper] = await Promise.all([
    fetch('speech-encoder.safetensors'),
    fetch('face.safetensors'),
    fetch('dim.safetensors').then(dimModel),
    fetch('body-lower.safetensors').then((file) => bodyModel(file, 'body-lower')),
    fetch('body-upper.safetensors').then((file) => bodyModel(file, 'body-upper')),
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
    dim,
    body: { lower, upper },
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

function dimModel(file: ArrayBuffer): DimModel {
  const weights = new Checkpoint(file, 'dim.safetensors', 'dim');
  const config = dimConfig(weights);
  const channels = [config.channels.length];
  return {
    config,
    weights,
    file,
    mean: weights.f32('mean', channels),
    std: weights.f32('std', channels),
    restMotion: weights.f32('rest_motion', channels),
    restCodes: weights.f32('rest_codes', [4, config.groups]),
  };
}

function bodyModel(file: ArrayBuffer, network: 'body-lower' | 'body-upper'): BodyModel {
  const weights = new Checkpoint(file, `${network}.safetensors`, network);
  const config = bodyConfig(weights);
  const { features, block, last } = config;
  const told = (name: string) => weights.f32(name, [last]);
  const vector = (name: string) => weights.f32(name, [features]);
  return {
    config,
    weights,
    file,
    mean: told('mean'),
    std: told('std'),
    stepStd: told('step_std'),
    rest: told('rest'),
    low: vector('low'),
    high: vector('high'),
    frameLow: vector('frame_low'),
    frameHigh: vector('frame_high'),
    coast: weights.f32('coast', [features * block]),
    basis: weights.f32('basis', [features * block * block]),
  };
}
