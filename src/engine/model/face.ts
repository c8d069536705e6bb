import { linear, linearAdd } from '../../kernels/linear/linear.ts';
import { pair } from '../../kernels/pair/pair.ts';
import { type Arena, slice, type Tensor } from '../../kernels/tensor.ts';
import type { FaceConfig } from './config.ts';
import { branchesOf, type Denoiser, denoiser, type Sampling } from './denoiser.ts';
import { weightsAt } from './layers.ts';
import type { Weights } from './weights.ts';

/** Constants of a face model that do not stand in its weights buffer. */
export type FaceConstants = {
  readonly low: Float32Array<ArrayBuffer>;
  readonly high: Float32Array<ArrayBuffer>;
};

/**
 * Builds the denoiser of `training/face.py` (InterAct 4.1 after DiffSpeaker): blocks of one frame, whose row attends to
 * five prefix tokens, to the ring of emitted frames and to itself. `token` is the speech encoder's [R, 1, C]; with
 * guidance the rows come twice, the second time without speech. The ids are style, partner_style, facing and emotion.
 */
export function face(
  device: GPUDevice,
  arena: Arena,
  w: Weights,
  config: FaceConfig,
  { low, high }: FaceConstants,
  sampling: Sampling,
  token: Tensor,
): Denoiser {
  const persons = token.shape[0];
  const R = persons * branchesOf(sampling);
  const audio = arena.tensor('face.audio', [R, 1, 2 * token.shape[2]]); // zeros stay where there is no speech
  const network = denoiser(device, arena, w, {
    label: 'face',
    config,
    sampling,
    R,
    T: 1,
    group: 1,
    low,
    high,
    tables: ['style', 'partner_style', 'facing', 'emotion'],
    stage: 0,
    embed: (plan, x, { h }) => {
      plan.add(linear, { x, ...weightsAt(w, 'x_proj'), out: h });
      plan.add(linearAdd, { x: audio, ...weightsAt(w, 'audio_proj'), out: h });
    },
  });
  network.begin.add(pair, { x: token, out: slice(audio, 0, persons) });
  return network;
}
