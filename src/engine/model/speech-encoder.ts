import { append } from '../../kernels/append/append.ts';
import { attention } from '../../kernels/attention/attention.ts';
import { carry } from '../../kernels/carry/carry.ts';
import { conv1d, conv1dAdd } from '../../kernels/conv1d/conv1d.ts';
import { layernorm } from '../../kernels/layernorm/layernorm.ts';
import { linear, linearAdd } from '../../kernels/linear/linear.ts';
import { Plan } from '../../kernels/plan.ts';
import type { Arena, Tensor } from '../../kernels/tensor.ts';
import type { SpeechEncoderConfig } from './config.ts';
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
  /** Rows of sound before the first tick, [R, 4, M]: fill with the log-mel of silence. */
  readonly melTail: Tensor;
  /** Convolution tails that start at zero; the rings need no clearing, the clock says what counts. */
  readonly tails: readonly Tensor[];
};

/** Builds the encoder of `training/speech_encoder.py`: causal convolutions and window attention with carried state. */
export function speechEncoder(
  device: GPUDevice,
  arena: Arena,
  w: Weights,
  { C, heads, ff, layers, window, mels, phones: names }: SpeechEncoderConfig,
  R: number,
): SpeechEncoder {
  const plan = new Plan(device);
  const tensor = (name: string, ...shape: number[]) => arena.tensor(`encoder.${name}`, [R, ...shape]);
  const at = (path: string) => ({ w: w(`${path}.weight`), b: w(`${path}.bias`) });
  const norm = (path: string) => ({ gain: w(`${path}.weight`), bias: w(`${path}.bias`) });
  const clock = arena.tensor('encoder.clock', [4], { dtype: 'u32' });
  const mel = tensor('mel', 2, mels);
  const melTail = tensor('conv_in.state', 4, mels);
  const rows = tensor('rows', 2, C);
  const downTail = tensor('conv_down.state', 2, C);
  const tails = [downTail];
  const h = tensor('h', 1, C);
  const n = tensor('normed', 1, C);
  const qkv = tensor('qkv', 1, 3 * C);
  const mixed = tensor('mixed', 1, C);
  const wide = tensor('wide', 1, ff);
  const token = tensor('token', 1, C);
  const phones = tensor('phones', 1, names.length);
  const voicing = tensor('voicing', 1, 1);

  plan.add(conv1d, { x: mel, state: melTail, ...at('conv_in'), out: rows }, { act: 'gelu' });
  plan.add(carry, { x: mel, state: melTail });
  plan.add(conv1d, { x: rows, state: downTail, ...at('conv_down'), out: h }, { stride: 2, act: 'gelu' });
  plan.add(carry, { x: rows, state: downTail });
  for (let i = 0; i < layers; i++) {
    const block = `blocks.${i}`;
    const tail = tensor(`${block}.conv.state`, 2, C);
    const ring = tensor(`${block}.ring`, window, 2 * C);
    tails.push(tail);
    plan.add(layernorm, { x: h, ...norm(`${block}.norm1`), out: n });
    plan.add(conv1dAdd, { x: n, state: tail, ...at(`${block}.conv`), out: h }, { act: 'gelu' });
    plan.add(carry, { x: n, state: tail });
    plan.add(layernorm, { x: h, ...norm(`${block}.norm2`), out: n });
    plan.add(linear, { x: n, ...at(`${block}.attn.qkv`), out: qkv });
    plan.add(attention, { qkv, prefix: ring, ring, clock, out: mixed }, { heads, prefix: 0 });
    plan.add(append, { qkv, clock, ring });
    plan.add(linearAdd, { x: mixed, ...at(`${block}.attn.out`), out: h });
    plan.add(layernorm, { x: h, ...norm(`${block}.norm3`), out: n });
    plan.add(linear, { x: n, ...at(`${block}.ff.up`), out: wide }, { act: 'gelu' });
    plan.add(linearAdd, { x: wide, ...at(`${block}.ff.down`), out: h });
  }
  plan.add(layernorm, { x: h, ...norm('norm'), out: token });
  plan.add(linear, { x: token, ...at('phone_head'), out: phones });
  plan.add(linear, { x: token, ...at('voicing_head'), out: voicing });
  return { plan, mel, clock, token, phones, voicing, melTail, tails };
}
