import { carry } from '../../kernels/carry/carry.ts';
import { codebook } from '../../kernels/codebook/codebook.ts';
import { conv1d } from '../../kernels/conv1d/conv1d.ts';
import { linear } from '../../kernels/linear/linear.ts';
import { Plan } from '../../kernels/plan.ts';
import { type Arena, slice, type Tensor } from '../../kernels/tensor.ts';
import { PERSONS } from '../motion.ts';
import type { DimConfig } from './config.ts';
import { addLayer, addNorm, makeStack, weightsAt } from './layers.ts';
import type { Weights } from './weights.ts';

/** Both VQ encoders as a plan: one frame of both persons an `encode`, apart from the conversation. */
export type VqEncoders = {
  readonly plan: Plan;
  /** In: [2, 1, 24] z. */
  readonly motion: Tensor;
  /** In: [4], element 0 the number of frames so far. */
  readonly clock: Tensor;
  /** Out: a group's codes of both persons [2, 1], whole numbers, group by group. */
  readonly codes: Readonly<Record<'speaker' | 'listener', readonly Tensor[]>>;
  /** Rows of motion before the first frame, [2, 4, 24]: fill with the rest motion. The rings need no clearing. */
  readonly tails: readonly Tensor[];
};

/** Builds the VQ encoders of `training/dim.py`: causal convolution, layers, projection, nearest code of each group. */
export function vqEncoders(device: GPUDevice, arena: Arena, w: Weights, config: DimConfig): VqEncoders {
  const { vq, groups, codes: K, codeDim: D } = config;
  const F = config.channels.length;
  const plan = new Plan(device);
  const clock = arena.tensor('vq.clock', [4], { dtype: 'u32' });
  const motion = arena.tensor('vq.motion', [PERSONS, 1, F]);
  const tails: Tensor[] = [];
  const encode = (role: 'speaker' | 'listener') => {
    const path = `${role}_vq.encoder`;
    const tensor = (name: string, ...shape: number[]) =>
      arena.tensor(`vq.${role}.${name}`, [PERSONS, ...shape]);
    const tail = tensor('conv_in.state', 4, F);
    tails.push(tail);
    const stack = makeStack(arena, `vq.${role}`, w, clock, vq, { R: PERSONS });
    plan.add(
      conv1d,
      { x: motion, state: tail, ...weightsAt(w, `${path}.conv_in`), out: stack.h },
      { act: 'gelu' },
    );
    plan.add(carry, { x: motion, state: tail });
    for (let i = 0; i < vq.encoderLayers; i++) {
      const ring = tensor(`layers.${i}.ring`, vq.window, 2 * vq.C);
      addLayer(plan, stack, `${path}.layers.${i}`, { ring }, 'keys');
    }
    addNorm(plan, stack, `${path}.norm`, stack.normed);
    const project = weightsAt(w, `${path}.project`);
    const book = w(`${role}_vq.quantize.embedding`);
    return Array.from({ length: groups }, (_, g) => {
      const part = { w: slice(project.w, g * D, (g + 1) * D), b: slice(project.b, g * D, (g + 1) * D) };
      const latent = tensor(`latent.${g}`, 1, D);
      const ids = tensor(`codes.${g}`, 1);
      plan.add(linear, { x: stack.normed, ...part, out: latent });
      const codes = slice(book, g * K, (g + 1) * K);
      plan.add(codebook, { x: latent, codes, ids, out: tensor(`nearest.${g}`, 1, D) });
      return ids;
    });
  };
  const codes = { speaker: encode('speaker'), listener: encode('listener') };
  return { plan, motion, clock, codes, tails };
}
