import { carry } from '../../kernels/carry/carry.ts';
import { Plan } from '../../kernels/plan.ts';
import { type Arena, slice, type Tensor } from '../../kernels/tensor.ts';
import { type Body, type BodyInputs, body, bodyInputs } from '../model/body.ts';
import type { DenoiserConfig } from '../model/config.ts';
import type { Denoiser, Sampling } from '../model/denoiser.ts';
import { type Dim, dim } from '../model/dim.ts';
import { face } from '../model/face.ts';
import { type SamplerOptions, stepsOf } from '../model/sampler.ts';
import { ddimSteps } from '../model/schedule.ts';
import { type SpeechEncoder, speechEncoder } from '../model/speech-encoder.ts';
import { type VqEncoders, vqEncoders } from '../model/vq.ts';
import { uploadWeights } from '../model/weights.ts';
import { PERSONS } from '../motion.ts';
import type { BodyNetwork } from './backend.ts';
import type { Models } from './models.ts';

/** Every network of a conversation on the GPU, and what they hand to each other. */
export type Networks = {
  readonly encoder: SpeechEncoder;
  readonly face: Denoiser;
  readonly dim: Dim;
  readonly vq: VqEncoders;
  readonly body: Readonly<Record<BodyNetwork, Body>>;
  readonly inputs: BodyInputs;
  /** One tick of listening: the encoder, then the newest token into the bodies' window. */
  readonly listen: readonly Plan[];
  /** One frame, of listening done: the face's steps and context pass, turn and blend, then the codes of the next frame. */
  readonly frame: readonly Plan[];
  /** [2, 1, 51] the emitted face, normalised. */
  readonly emittedFace: Tensor;
  /** All that is remembered, by the names of a saved state. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly plans: readonly Plan[];
};

/** How a denoiser is sampled under the options; throws `unsupported` outside 1…8 steps, eta 0…1. */
const samplingOf = (
  { schedule, prediction }: DenoiserConfig,
  steps: number,
  { eta, rule }: SamplerOptions,
  guidance = 1,
): Sampling => ({ steps: ddimSteps(schedule, steps, eta, { rule, prediction }), guidance });

/** Uploads all weights and builds the plans, not yet compiled; throws `asset` when a weight is missing. */
export function networks(device: GPUDevice, arena: Arena, models: Models, sampler: SamplerOptions): Networks {
  const { guidance, codes } = sampler;
  const steps = stepsOf(sampler.steps);
  const encoder = speechEncoder(
    device,
    arena,
    uploadWeights(arena, models.encoderWeights),
    models.encoder,
    PERSONS,
  );
  const { token, voicing } = encoder;

  const faceSampling = samplingOf(models.face, steps.face, sampler, guidance?.face);
  const faceWeights = uploadWeights(arena, models.faceWeights);
  const faces = face(device, arena, faceWeights, models.face, models, faceSampling, token);
  const emittedFace = slice(faces.x, 0, PERSONS);

  const { config, mean, std } = models.dim;
  const dimWeights = uploadWeights(arena, models.dim.weights);
  const behaviour = dim(
    device,
    arena,
    dimWeights,
    config,
    { mean, std, faceMean: models.mean, faceStd: models.std },
    { temperature: config.temperature, topK: config.topK, ...codes },
    { clock: faces.clock, token, voicing, face: emittedFace },
  );
  const vq = vqEncoders(device, arena, dimWeights, config);

  const inputs = bodyInputs(arena, models.body.lower.config, token.shape[2]);
  const bodyOf = (network: BodyNetwork, lower?: Body) => {
    const { config, weights, low, high } = models.body[network];
    const sampling = samplingOf(config, steps.body, sampler, guidance?.body);
    const above = lower && { head: behaviour.head, lower: lower.x };
    return body(device, arena, uploadWeights(arena, weights), {
      label: `body-${network}`,
      config,
      sampling,
      low,
      high,
      inputs,
      ...(above && { above }),
    });
  };
  const lower = bodyOf('lower');
  const upper = bodyOf('upper', lower);

  const listen = [encoder.plan, new Plan(device).add(carry, { x: token, state: inputs.tokens })];
  const frame = [faces.begin, ...faces.steps, faces.context, behaviour.show, behaviour.draw];
  const bodyPlans = ({ prefix, listen, settle, begin, steps, context }: Body) => [
    prefix,
    listen,
    settle,
    begin,
    ...steps,
    context,
  ];
  const remembered = [
    encoder.melTail,
    ...encoder.tails,
    ...encoder.rings,
    ...faces.rings,
    ...behaviour.state,
    inputs.tokens,
    ...[lower, upper].flatMap(({ rings, x, cond, last }) => [...rings, x, cond, last]),
  ];
  return {
    encoder,
    face: faces,
    dim: behaviour,
    vq,
    body: { lower, upper },
    inputs,
    listen,
    frame,
    emittedFace,
    state: new Map(remembered.map((tensor) => [tensor.name, tensor])),
    plans: [...listen, faces.prefix, ...frame, vq.plan, ...bodyPlans(lower), ...bodyPlans(upper)],
  };
}
