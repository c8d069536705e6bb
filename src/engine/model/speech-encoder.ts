import { carry } from '../../kernels/carry/carry.ts';
import { conv1d, conv1dAdd } from '../../kernels/conv1d/conv1d.ts';
import { Plan } from '../../kernels/plan.ts';
import type { Arena, Tensor } from '../../kernels/tensor.ts';
import type { SpeechEncoderConfig } from './config.ts';
import { addAttention, addFeedForward, addLinear, addNorm, makeStack, weightsAt } from './layers.ts';
import type { Weights } from './weights.ts';

/** The streaming speech encoder as a plan: one tick (2 log-mel rows, 1 token) of R persons an `encode`. */
export type SpeechEncoder = {
  readonly plan: Plan;
  /** In: [R, 2, M] log-mel rows. */
  readonly mel: Tensor;
  /** In: [4], element 0 the number of ticks so far. */
  readonly clock: Tensor;
  /** Out: [R, 1, C]. */
  readonly token: Tensor;
  /** Out: [R, 1, 40] phone logits. */
  readonly phones: Tensor;
  /** Out: [R, 1, 1] voicing logit. */
  readonly voicing: Tensor;
  /** State: rows of sound before the first tick, [R, 4, M]: fill with the log-mel of silence. */
  readonly melTail: Tensor;
  /** State: convolution tails that start at zero. */
  readonly tails: readonly Tensor[];
  /** State: keys and values of past ticks; they need no clearing, the clock says what counts. */
  readonly rings: readonly Tensor[];
  /** Most dispatches that the transformer part of one of its blocks takes. */
  readonly layerDispatches: number;
};

/** Builds the encoder of `training/speech_encoder.py`: causal convolutions and window attention with carried state. */
export function speechEncoder(
  device: GPUDevice,
  arena: Arena,
  w: Weights,
  config: SpeechEncoderConfig,
  R: number,
): SpeechEncoder {
  const { C, layers, window, mels, phones: names } = config;
  const plan = new Plan(device);
  const tensor = (name: string, ...shape: number[]) => arena.tensor(`encoder.${name}`, [R, ...shape]);
  const clock = arena.tensor('encoder.clock', [4], { dtype: 'u32' });
  const mel = tensor('mel', 2, mels);
  const melTail = tensor('conv_in.state', 4, mels);
  const rows = tensor('rows', 2, C);
  const downTail = tensor('conv_down.state', 2, C);
  const tails = [downTail];
  const rings: Tensor[] = [];
  const stack = makeStack(arena, 'encoder', w, clock, config, { R });
  const { h, normed } = stack;
  const token = tensor('token', 1, C);
  const phones = tensor('phones', 1, names.length);
  const voicing = tensor('voicing', 1, 1);
  const conv = (path: string) => weightsAt(w, path);

  plan.add(conv1d, { x: mel, state: melTail, ...conv('conv_in'), out: rows }, { act: 'gelu' });
  plan.add(carry, { x: mel, state: melTail });
  plan.add(conv1d, { x: rows, state: downTail, ...conv('conv_down'), out: h }, { stride: 2, act: 'gelu' });
  plan.add(carry, { x: rows, state: downTail });
  let layerDispatches = 0;
  for (let i = 0; i < layers; i++) {
    const block = `blocks.${i}`;
    const tail = tensor(`${block}.conv.state`, 2, C);
    const ring = tensor(`${block}.ring`, window, 2 * C);
    tails.push(tail);
    rings.push(ring);
    addNorm(plan, stack, `${block}.norm1`, normed);
    plan.add(conv1dAdd, { x: normed, state: tail, ...conv(`${block}.conv`), out: h }, { act: 'gelu' });
    plan.add(carry, { x: normed, state: tail });
    const before = plan.dispatches;
    addAttention(plan, stack, { norm: `${block}.norm2`, attn: `${block}.attn` }, { ring }, 'keys');
    addFeedForward(plan, stack, { norm: `${block}.norm3`, ff: `${block}.ff` });
    layerDispatches = Math.max(layerDispatches, plan.dispatches - before);
  }
  addNorm(plan, stack, 'norm', token);
  addLinear(plan, w, 'phone_head', { x: token, out: phones });
  addLinear(plan, w, 'voicing_head', { x: token, out: voicing });
  return { plan, mel, clock, token, phones, voicing, melTail, tails, rings, layerDispatches };
}
