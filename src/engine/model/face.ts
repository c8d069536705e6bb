import { append } from '../../kernels/append/append.ts';
import { attention } from '../../kernels/attention/attention.ts';
import { ddim } from '../../kernels/ddim/ddim.ts';
import { embedding } from '../../kernels/embedding/embedding.ts';
import { layernorm } from '../../kernels/layernorm/layernorm.ts';
import { linear, linearAdd } from '../../kernels/linear/linear.ts';
import { noise } from '../../kernels/noise/noise.ts';
import { pair } from '../../kernels/pair/pair.ts';
import { place } from '../../kernels/place/place.ts';
import { Plan } from '../../kernels/plan.ts';
import { type Arena, slice, type Tensor } from '../../kernels/tensor.ts';
import { FACE_PREFIX, type FaceConfig } from './config.ts';
import type { DdimStep } from './schedule.ts';
import type { Weights } from './weights.ts';

/** The face denoiser as plans, for blocks of one frame of R persons. */
export type Face = {
  /** Prefix tokens' keys and values for every diffusion step; run it when `ids` changed. */
  readonly conditions: Plan;
  /** First noise and the audio's share of the block; run it before the steps. */
  readonly begin: Plan;
  /** One plan a DDIM step, then the context pass that writes the ring. */
  readonly steps: readonly Plan[];
  readonly context: Plan;
  /** In: [4], frames emitted so far, seed low, seed high, 0. */
  readonly clock: Tensor;
  /** In: one id for each of (S+1)·R rows, row s·R + r the condition of person r. */
  readonly ids: ConditionIds;
  /** Out of each step: the network's x0 before the clamp, [R, 1, 51] normalised. */
  readonly x0: Tensor;
  /** Out: x after a step; after the last one the emitted frame, [R, 1, 51] normalised. */
  readonly x: Tensor;
};

/** Constants of a face model that do not stand in its weights buffer. */
export type FaceConstants = {
  readonly low: Float32Array<ArrayBuffer>;
  readonly high: Float32Array<ArrayBuffer>;
};

/** `[cos(t·f_i), sin(t·f_i)]`, f_i = 10000^(−i/(C/2)): DiffSpeaker's embedding of a diffusion step. */
export function sinusoid(t: number, C: number): Float32Array {
  const half = C / 2;
  return Float32Array.from({ length: C }, (_, i) => {
    const angle = t * 10000 ** (-(i % half) / half);
    return i < half ? Math.cos(angle) : Math.sin(angle);
  });
}

/**
 * Builds the denoiser of `training/face.py` (InterAct 4.1 after DiffSpeaker): each block's one frame attends to five
 * prefix tokens, to the ring of emitted frames and to itself. `token` is the speech encoder's [R, 1, C].
 */
export function face(
  device: GPUDevice,
  arena: Arena,
  w: Weights,
  config: FaceConfig,
  { low, high }: FaceConstants,
  ddimSteps: readonly DdimStep[],
  token: Tensor,
): Face {
  const { C, heads, ff, layers, window, channels: F } = config;
  const R = token.shape[0];
  const S = ddimSteps.length;
  const tensor = (name: string, ...shape: number[]) => arena.tensor(`face.${name}`, [R, ...shape]);
  const at = (path: string) => ({ w: w(`${path}.weight`), b: w(`${path}.bias`) });
  const norm = (path: string) => ({ gain: w(`${path}.weight`), bias: w(`${path}.bias`) });
  const layer = (i: number) => `denoiser.layers.${i}`;
  const clock = arena.tensor('face.clock', [4], { dtype: 'u32' });
  const x = tensor('x', 1, F);
  const x0 = tensor('x0', 1, F);
  const fresh = tensor('noise', 1, F);
  const audio = tensor('audio', 1, 2 * token.shape[2]);
  const h = tensor('h', 1, C);
  const n = tensor('normed', 1, C);
  const qkv = tensor('qkv', 1, 3 * C);
  const mixed = tensor('mixed', 1, C);
  const wide = tensor('wide', 1, ff);
  const rings = Array.from({ length: layers }, (_, i) => tensor(`layers.${i}.ring`, window, 2 * C));
  const coefficients = ddimSteps.flatMap((s) => [
    s.sqrtAlphaBar,
    s.sqrtOneMinusAlphaBar,
    s.sqrtAlphaBarPrev,
    s.direction,
    s.sigma,
  ]);
  const constants = arena.weights('face.constants', [
    { name: 'low', dtype: 'f32', shape: [F], data: low },
    { name: 'high', dtype: 'f32', shape: [F], data: high },
    { name: 'steps', dtype: 'f32', shape: [S, 5], data: Float32Array.from(coefficients) },
  ]);
  const constant = (name: string) => constants.get(name) as Tensor;

  const { plan: conditions, ids, prefixes } = prefixPlan(device, arena, w, config, ddimSteps, R);
  const begin = new Plan(device)
    .add(pair, { x: token, out: audio })
    .add(noise, { clock, out: x }, { step: 0 });

  const denoise = (plan: Plan, step: number) => {
    plan.add(linear, { x, ...at('x_proj'), out: h });
    plan.add(linearAdd, { x: audio, ...at('audio_proj'), out: h });
    for (let i = 0; i < layers; i++) {
      const prefix = prefixes[i][step];
      plan.add(layernorm, { x: h, ...norm(`${layer(i)}.norm1`), out: n });
      plan.add(linear, { x: n, ...at(`${layer(i)}.attn.qkv`), out: qkv });
      if (step === S && i === layers - 1) return plan.add(append, { qkv, clock, ring: rings[i] }); // nothing reads the rest
      plan.add(attention, { qkv, prefix, ring: rings[i], clock, out: mixed }, { heads });
      if (step === S) plan.add(append, { qkv, clock, ring: rings[i] });
      plan.add(linearAdd, { x: mixed, ...at(`${layer(i)}.attn.out`), out: h });
      plan.add(layernorm, { x: h, ...norm(`${layer(i)}.norm2`), out: n });
      plan.add(linear, { x: n, ...at(`${layer(i)}.ff.up`), out: wide }, { act: 'gelu' });
      plan.add(linearAdd, { x: wide, ...at(`${layer(i)}.ff.down`), out: h });
    }
    plan.add(layernorm, { x: h, ...norm('norm'), out: n });
    plan.add(linear, { x: n, ...at('out'), out: x0 });
    if (ddimSteps[step].sigma > 0) plan.add(noise, { clock, out: fresh }, { step: step + 1 });
    const bounds = { low: constant('low'), high: constant('high'), steps: constant('steps') };
    return plan.add(ddim, { y: x0, noise: fresh, ...bounds, x }, { step });
  };
  const steps = ddimSteps.map((_, i) => denoise(new Plan(device), i));
  const context = denoise(new Plan(device), S);
  return { conditions, begin, steps, context, clock, ids, x0, x };
}

/** The tables behind the first four prefix tokens, in order, and whose condition each takes. */
const CONDITION_TABLES = ['style', 'partner_style', 'facing', 'emotion'] as const;

/** One id a row for each of {@link CONDITION_TABLES}. */
export type ConditionIds = Readonly<Record<(typeof CONDITION_TABLES)[number], Tensor>>;

/** Keys and values of the prefix tokens: [layer][step], each [R, 5, 2C]; step S is the context step. */
function prefixPlan(
  device: GPUDevice,
  arena: Arena,
  w: Weights,
  { C, layers, contextStep }: FaceConfig,
  ddimSteps: readonly DdimStep[],
  R: number,
) {
  const times = [...ddimSteps.map(({ t }) => t), contextStep];
  const rows = times.length * R;
  const sinusoids = times.flatMap((t) => Array.from({ length: R }, () => [...sinusoid(t, C)]).flat());
  const steps = arena.weights('face.sinusoids', [
    { name: 'sinusoids', dtype: 'f32', shape: [rows, 1, C], data: Float32Array.from(sinusoids) },
  ]);
  const up = arena.tensor('face.step.up', [rows, 1, C]);
  const down = arena.tensor('face.step.down', [rows, 1, C]);
  const tokens = arena.tensor('face.prefix', [rows, FACE_PREFIX, C]);
  const id = (name: string) => arena.tensor(`face.${name}.ids`, [rows, 1], { dtype: 'u32' });
  const ids: ConditionIds = {
    style: id('style'),
    partner_style: id('partner_style'),
    facing: id('facing'),
    emotion: id('emotion'),
  };
  const at = (path: string) => ({ w: w(`${path}.weight`), b: w(`${path}.bias`) });
  const plan = new Plan(device);
  for (const [i, name] of CONDITION_TABLES.entries())
    plan.add(embedding, { ids: ids[name], table: w(`${name}.weight`), out: tokens }, { at: i });
  plan.add(linear, { x: steps.get('sinusoids') as Tensor, ...at('step.up'), out: up }, { act: 'silu' });
  plan.add(linear, { x: up, ...at('step.down'), out: down });
  plan.add(place, { x: down, out: tokens }, { at: CONDITION_TABLES.length });
  const prefixes = Array.from({ length: layers }, (_, i) => {
    const qkv = `denoiser.layers.${i}.attn.qkv`;
    const kv = { w: slice(w(`${qkv}.weight`), C, 3 * C), b: slice(w(`${qkv}.bias`), C, 3 * C) };
    const out = arena.tensor(`face.layers.${i}.prefix`, [rows, FACE_PREFIX, 2 * C]);
    plan.add(linear, { x: tokens, ...kv, out });
    return times.map((_, step) => slice(out, step * R, (step + 1) * R));
  });
  return { plan, ids, prefixes };
}
