import { add } from '../../kernels/add/add.ts';
import { linearAdd } from '../../kernels/linear/linear.ts';
import { pair } from '../../kernels/pair/pair.ts';
import { Plan } from '../../kernels/plan.ts';
import { recall } from '../../kernels/recall/recall.ts';
import { slots } from '../../kernels/slots/slots.ts';
import { type Arena, slice, type Tensor, view } from '../../kernels/tensor.ts';
import { PERSONS } from '../motion.ts';
import type { BodyConfig } from './config.ts';
import { branchesOf, type Denoiser, denoiser, type Sampling } from './denoiser.ts';
import { addLinear, weightsAt } from './layers.ts';
import type { Weights } from './weights.ts';

/** What both body networks are told about the two persons. */
export type BodyInputs = {
  /** [2, 16, 256] the newest speech tokens, oldest first. */
  readonly tokens: Tensor;
  /** [2, 1] ids as whole numbers. */
  readonly action: Tensor;
  readonly emotion: Tensor;
  /** [2, 1, 6] where each person's partner stands. */
  readonly placement: Tensor;
  /** [2, 1, 768] features of the words; zeros are none. */
  readonly text: Tensor;
};

/** A body network: a {@link Denoiser} of 8 frames of both persons, x [R, 8, 2F] of their coefficients 2s ‖ 2s + 1. */
export type Body = Denoiser & {
  /** Conditions of a block from the inputs into `cond`; run it when a block begins. */
  readonly listen: Plan;
  /** What `cond` and the lower body's block give to every token; run it after `listen`, and when a state came back. */
  readonly settle: Plan;
  /** State: [R, 2, C] what the block under way is told. */
  readonly cond: Tensor;
  /** State and input: [2, 1, 2L] the last frame before the block and the step to it, normalised. */
  readonly last: Tensor;
};

/** Makes the inputs that the lower and the upper network share; `label` names their tensors. */
export function bodyInputs(arena: Arena, { audioWindow, text }: BodyConfig, token: number): BodyInputs {
  const tensor = (name: string, ...shape: number[]) => arena.tensor(`body.${name}`, [PERSONS, ...shape]);
  return {
    tokens: tensor('tokens', audioWindow, token),
    action: tensor('action', 1),
    emotion: tensor('emotion', 1),
    placement: tensor('placement', 1, 6),
    text: tensor('text', 1, text),
  };
}

/** What else a network goes by: the upper one the head's last frames and the lower body's block of the same frames. */
export type BodyParts = {
  readonly label: 'body-lower' | 'body-upper';
  readonly config: BodyConfig;
  readonly sampling: Sampling;
  /** Bounds of x0 [F]. */
  readonly low: Float32Array<ArrayBuffer>;
  readonly high: Float32Array<ArrayBuffer>;
  readonly inputs: BodyInputs;
  readonly above?: { readonly head: Tensor; readonly lower: Tensor };
};

/**
 * Builds a body network of `training/body.py` (InterAct 4.2, made block-causal): both persons' tokens in one sequence,
 * which attends to relationship and diffusion step, to the last 128 emitted frames and wholly to itself. With guidance
 * a second row goes without speech and words.
 */
export function body(device: GPUDevice, arena: Arena, w: Weights, parts: BodyParts): Body {
  const { label, config, sampling, low, high, inputs, above } = parts;
  const { C, block, patch, audioWindow: N, audioDown: D } = config;
  const R = branchesOf(sampling);
  const T = (block / patch) * PERSONS;
  const tensor = (name: string, ...shape: number[]) => arena.tensor(`${label}.${name}`, shape);
  const cond = tensor('cond', R, PERSONS, C);
  const base = tensor('base', R, T, C);
  const last = tensor('last', PERSONS, 1, 2 * config.last);
  const tokenWidth = inputs.tokens.shape[2];
  const silence = R > 1 ? tensor('silence', PERSONS, N, tokenWidth) : inputs.tokens;

  const listen = new Plan(device);
  const person = arena.tensor(`${label}.person`, [PERSONS, 1], { data: Float32Array.of(0, 1) });
  const near = tensor('near', PERSONS, N, D);
  const heard = tensor('heard', PERSONS, N, 2 * D);
  const branch = (b: number) =>
    view(slice(view(cond, [R * PERSONS, C]), b * PERSONS, (b + 1) * PERSONS), [PERSONS, 1, C]);
  for (let b = 0; b < R; b++) {
    const out = branch(b);
    addLinear(listen, w, 'audio_down', { x: b === 0 ? inputs.tokens : silence, out: near });
    listen.add(pair, { x: near, out: heard });
    addLinear(listen, w, 'audio_proj', { x: view(heard, [PERSONS, 1, N * 2 * D]), out });
    listen.add(linearAdd, { x: inputs.placement, ...weightsAt(w, 'placement'), out });
    listen.add(linearAdd, { x: last, ...weightsAt(w, 'last_proj'), out });
    listen.add(recall, { ids: person, table: w('person.weight'), out });
    listen.add(recall, { ids: inputs.action, table: w('action.weight'), out });
    listen.add(recall, { ids: inputs.emotion, table: w('emotion.weight'), out });
    if (b === 0) {
      const text = { w: w('text_proj.weight'), b: tensor('no bias', C) };
      listen.add(linearAdd, { x: inputs.text, ...text, out });
    }
    if (above) {
      const x = view(above.head, [PERSONS, 1, above.head.shape[1] * above.head.shape[2]]);
      listen.add(linearAdd, { x, ...weightsAt(w, 'head_proj'), out });
    }
  }

  const settle = new Plan(device).add(slots, { x: cond, table: w('slot.weight'), out: base });
  if (above) settle.add(linearAdd, { x: above.lower, ...weightsAt(w, 'lower_proj'), out: base });

  const tiled = (values: Float32Array) =>
    Float32Array.from({ length: patch * values.length }, (_, i) => values[i % values.length]);
  const network = denoiser(device, arena, w, {
    label,
    config,
    sampling,
    R,
    T,
    group: PERSONS,
    low: tiled(low),
    high: tiled(high),
    tables: ['relationship'],
    stage: config.stage,
    embed: (plan, x, { h }) => {
      addLinear(plan, w, 'x_proj', { x, out: h });
      plan.add(add, { x: base, out: h });
    },
  });
  return { ...network, listen, settle, cond, last };
}
