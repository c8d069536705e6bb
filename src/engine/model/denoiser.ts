import { ddim } from '../../kernels/ddim/ddim.ts';
import { embedding } from '../../kernels/embedding/embedding.ts';
import { guide } from '../../kernels/guide/guide.ts';
import { linear } from '../../kernels/linear/linear.ts';
import { noise } from '../../kernels/noise/noise.ts';
import { place } from '../../kernels/place/place.ts';
import { Plan } from '../../kernels/plan.ts';
import { type Arena, slice, type Tensor, view } from '../../kernels/tensor.ts';
import type { DenoiserConfig } from './config.ts';
import { addLayer, addLinear, addNormLinear, makeStack, type Stack, weightsAt } from './layers.ts';
import type { DdimStep } from './schedule.ts';
import type { Weights } from './weights.ts';

/** How a denoiser is sampled. */
export type Sampling = {
  readonly steps: readonly DdimStep[];
  /** Classifier-free guidance scale; 1 is off and runs one branch only. */
  readonly guidance: number;
};

/** Guidance branches: with the speech, and without it where a scale other than 1 mixes the two. */
export const branchesOf = ({ guidance }: Sampling) => (guidance === 1 ? 1 : 2);

/** A denoiser as plans; a block is sampled by `begin`, every step, then `context`. */
export type Denoiser = {
  /** Prefix tokens' keys and values for every diffusion step; run it when `ids` changed. */
  readonly prefix: Plan;
  /** First noise. */
  readonly begin: Plan;
  /** One plan a step, then the pass over what is emitted that writes the rings. */
  readonly steps: readonly Plan[];
  readonly context: Plan;
  /** In: [4], blocks emitted so far, seed low, seed high, 0. */
  readonly clock: Tensor;
  /** In: the ids behind the prefix tokens by table, [(S+1)·R, 1]: row s·R + r is that of row r. */
  readonly ids: Readonly<Record<string, Tensor>>;
  /** Out of each step: the network's output before the clamp, [R, T, F] normalised. */
  readonly x0: Tensor;
  /** Out: x after a step; after the last one the emitted block, [R, T, F] normalised. */
  readonly x: Tensor;
  /** State: keys and values of emitted tokens, one [R, W, 2C] a layer. */
  readonly rings: readonly Tensor[];
  /** Most dispatches that one of its layers takes. */
  readonly layerDispatches: number;
};

/** What tells one denoiser from another. */
export type DenoiserParts = {
  /** Names its tensors. */
  readonly label: string;
  readonly config: DenoiserConfig;
  readonly sampling: Sampling;
  /** Guidance branches times rows that do not see each other; the branches follow one another. */
  readonly R: number;
  /** Tokens of a block, and how many of them stand at the same moment. */
  readonly T: number;
  readonly group: number;
  /** Bounds of x0, one number a channel of a token. */
  readonly low: Float32Array<ArrayBuffer>;
  readonly high: Float32Array<ArrayBuffer>;
  /** Embedding tables of the prefix tokens that stand before the diffusion step's. */
  readonly tables: readonly string[];
  /** Number of the first noise of this network; step i draws from number `stage` + i + 1. */
  readonly stage: number;
  /** Adds what brings x and the block's conditions into `stack.h`. */
  readonly embed: (plan: Plan, x: Tensor, stack: Stack) => void;
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
 * Builds a block-causal diffusion transformer: a block attends to prefix tokens, to the ring of emitted tokens and wholly
 * to itself; only a pass over the emitted block, at the context step, writes the ring.
 */
export function denoiser(device: GPUDevice, arena: Arena, w: Weights, parts: DenoiserParts): Denoiser {
  const { label, config, sampling, R, T, group, low, high, stage, embed } = parts;
  const { C, layers, window, prediction } = config;
  const S = sampling.steps.length;
  const F = low.length;
  const branches = branchesOf(sampling);
  const clock = arena.tensor(`${label}.clock`, [4], { dtype: 'u32' });
  const x = arena.tensor(`${label}.x`, [R, T, F]);
  const x0 = arena.tensor(`${label}.x0`, [R, T, F]);
  const fresh = arena.tensor(`${label}.noise`, [R, T, F]);
  const stack = makeStack(arena, label, w, clock, config, { R, T, group });
  const rings = Array.from({ length: layers }, (_, i) =>
    arena.tensor(`${label}.layers.${i}.ring`, [R, window, 2 * C]),
  );
  const constants = arena.weights(`${label}.constants`, [
    { name: 'low', dtype: 'f32', shape: [F], data: low },
    { name: 'high', dtype: 'f32', shape: [F], data: high },
    { name: 'steps', dtype: 'f32', shape: [S, 5], data: coefficientsOf(sampling.steps) },
  ]);
  const constant = (name: string) => constants.get(name) as Tensor;
  const { plan: prefix, ids, prefixes } = prefixPlan(device, arena, w, parts);

  const tokens = R * T;
  const draw = (plan: Plan, out: Tensor, number: number) =>
    plan.add(noise, { clock, out }, { step: stage + number, rows: tokens / branches });
  let layerDispatches = 0;
  const denoise = (plan: Plan, step: number) => {
    const isContext = step === S;
    embed(plan, x, stack);
    for (let i = 0; i < layers; i++) {
      const emit = isContext ? (i === layers - 1 ? 'keys only' : 'keys') : 'nothing';
      const before = plan.dispatches;
      const keys = { ring: rings[i], prefix: prefixes[i][step] };
      addLayer(plan, stack, `denoiser.layers.${i}`, keys, emit);
      layerDispatches = Math.max(layerDispatches, plan.dispatches - before);
    }
    if (isContext) return plan;
    addNormLinear(plan, stack, { norm: 'norm', path: 'out', out: x0 });
    if (branches === 2) plan.add(guide, { y: view(x0, [2, (tokens / 2) * F]) }, { scale: sampling.guidance });
    if (sampling.steps[step].sigma > 0) draw(plan, fresh, step + 1);
    const bounds = { low: constant('low'), high: constant('high'), steps: constant('steps') };
    return plan.add(ddim, { y: x0, noise: fresh, ...bounds, x }, { step, predicts: prediction });
  };
  const begin = draw(new Plan(device), x, 0);
  const steps = sampling.steps.map((_, i) => denoise(new Plan(device), i));
  const context = denoise(new Plan(device), S);
  return { prefix, begin, steps, context, clock, ids, x0, x, rings, layerDispatches };
}

const coefficientsOf = (steps: readonly DdimStep[]) =>
  Float32Array.from(
    steps.flatMap((s) => [s.sqrtAlphaBar, s.sqrtOneMinusAlphaBar, s.sqrtAlphaBarPrev, s.direction, s.sigma]),
  );

/** Keys and values of the prefix tokens: [layer][step], each [R, P, 2C]; step S is the context step. */
function prefixPlan(
  device: GPUDevice,
  arena: Arena,
  w: Weights,
  { label, config, sampling, tables, R }: DenoiserParts,
) {
  const { C, layers, contextStep } = config;
  const times = [...sampling.steps.map(({ t }) => t), contextStep];
  const rows = times.length * R;
  const P = tables.length + 1;
  const sinusoids = times.flatMap((t) => Array.from({ length: R }, () => [...sinusoid(t, C)]).flat());
  const steps = arena.weights(`${label}.sinusoids`, [
    { name: 'sinusoids', dtype: 'f32', shape: [rows, 1, C], data: Float32Array.from(sinusoids) },
  ]);
  const up = arena.tensor(`${label}.step.up`, [rows, 1, C]);
  const down = arena.tensor(`${label}.step.down`, [rows, 1, C]);
  const tokens = arena.tensor(`${label}.prefix`, [rows, P, C]);
  const ids: Record<string, Tensor> = {};
  const plan = new Plan(device);
  for (const [i, name] of tables.entries()) {
    ids[name] = arena.tensor(`${label}.${name}.ids`, [rows, 1], { dtype: 'u32' });
    plan.add(embedding, { ids: ids[name], table: w(`${name}.weight`), out: tokens }, { at: i });
  }
  addLinear(plan, w, 'step.up', { x: steps.get('sinusoids') as Tensor, out: up, act: 'silu' });
  addLinear(plan, w, 'step.down', { x: up, out: down });
  plan.add(place, { x: down, out: tokens }, { at: tables.length });
  const prefixes = Array.from({ length: layers }, (_, i) => {
    const qkv = weightsAt(w, `denoiser.layers.${i}.attn.qkv`);
    const kv = { w: slice(qkv.w, C, 3 * C), b: slice(qkv.b, C, 3 * C) };
    const out = arena.tensor(`${label}.layers.${i}.prefix`, [rows, P, 2 * C]);
    plan.add(linear, { x: tokens, ...kv, out });
    return times.map((_, step) => slice(out, step * R, (step + 1) * R));
  });
  return { plan, ids, prefixes };
}
