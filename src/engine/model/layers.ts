import { append } from '../../kernels/append/append.ts';
import { attention } from '../../kernels/attention/attention.ts';
import { layernorm } from '../../kernels/layernorm/layernorm.ts';
import { type Activation, linear, linearAdd } from '../../kernels/linear/linear.ts';
import { normLinear, normLinearPays } from '../../kernels/norm_linear/norm_linear.ts';
import type { Plan } from '../../kernels/plan.ts';
import type { Arena, Tensor } from '../../kernels/tensor.ts';
import type { LayerConfig } from './config.ts';
import type { Weights } from './weights.ts';

/** Dispatches that a transformer layer may take. */
export const MOST_LAYER_DISPATCHES = 8;

/**
 * A stack of pre-norm transformer layers and the tensors that its layers share: R rows of T tokens, each row a stream of
 * its own with a ring of the last emitted tokens.
 */
export type Stack = {
  readonly w: Weights;
  /** [4], element 0 the number of blocks emitted so far. */
  readonly clock: Tensor;
  readonly heads: number;
  /** Tokens that stand at the same moment. */
  readonly group: number;
  /** [R, T, C], in and out of every layer. */
  readonly h: Tensor;
  readonly normed: Tensor;
  readonly qkv: Tensor;
  readonly mixed: Tensor;
  readonly wide: Tensor;
};

/** What a stack is made of beside its {@link LayerConfig}. */
export type StackSizes = { readonly R: number; readonly T?: number; readonly group?: number };

/** Makes the shared tensors of a stack; `label` names them. */
export function makeStack(
  arena: Arena,
  label: string,
  w: Weights,
  clock: Tensor,
  { C, heads, ff }: LayerConfig,
  { R, T = 1, group = 1 }: StackSizes,
): Stack {
  const tensor = (name: string, width: number) => arena.tensor(`${label}.${name}`, [R, T, width]);
  return {
    w,
    clock,
    heads,
    group,
    h: tensor('h', C),
    normed: tensor('normed', C),
    qkv: tensor('qkv', 3 * C),
    mixed: tensor('mixed', C),
    wide: tensor('wide', ff),
  };
}

/** What a layer attends to beside the block itself: its ring [R, W, 2C] and prefix [R, P, 2C], rows k‖v. */
export type Keys = { readonly ring: Tensor; readonly prefix?: Tensor | undefined };

/** What becomes of the block's own keys and values: left out of the ring, put into it, or only that and no output. */
export type Emit = 'nothing' | 'keys' | 'keys only';

/** Weight and bias of a linear layer or convolution, by its PyTorch path. */
export const weightsAt = (w: Weights, path: string) => ({ w: w(`${path}.weight`), b: w(`${path}.bias`) });

/** Gain and bias of a layer norm, by its PyTorch path. */
export const normAt = (w: Weights, path: string) => ({ gain: w(`${path}.weight`), bias: w(`${path}.bias`) });

/** Adds `out = norm(h)` of a stack to a plan. */
export function addNorm(plan: Plan, { w, h }: Stack, path: string, out: Tensor) {
  plan.add(layernorm, { x: h, ...normAt(w, path), out });
}

/** Adds `out = act(x·W + b)` to a plan. */
export function addLinear(
  plan: Plan,
  w: Weights,
  path: string,
  { x, out, act = 'none' }: { x: Tensor; out: Tensor; act?: Activation },
) {
  plan.add(linear, { x, ...weightsAt(w, path), out }, { act });
}

/**
 * Adds `out = act(norm(h)·W + b)` to a plan: one dispatch, or two where a CPU plays GPU and there are many rows.
 * Only in the latter case `normed` holds the normalised rows afterwards.
 */
export function addNormLinear(
  plan: Plan,
  stack: Stack,
  { norm, path, out, act = 'none' }: { norm: string; path: string; out: Tensor; act?: Activation },
) {
  const { w, h, normed } = stack;
  if (normLinearPays(h, plan.tuning))
    return void plan.add(normLinear, { x: h, ...normAt(w, norm), ...weightsAt(w, path), out }, { act });
  addNorm(plan, stack, norm, normed);
  addLinear(plan, w, path, { x: normed, out, act });
}

/** Adds `h += attn.out(attention(attn.qkv(norm h)))` to a plan: 3 dispatches on a GPU, 4 where the ring is written. */
export function addAttention(
  plan: Plan,
  stack: Stack,
  { norm, attn }: { norm: string; attn: string },
  { ring, prefix }: Keys,
  emit: Emit = 'nothing',
) {
  const { w, h, qkv, mixed, clock, heads, group } = stack;
  addNormLinear(plan, stack, { norm, path: `${attn}.qkv`, out: qkv });
  if (emit !== 'keys only') {
    const options = prefix ? { heads, group } : { heads, group, prefix: 0 };
    plan.add(attention, { qkv, prefix: prefix ?? ring, ring, clock, out: mixed }, options);
  }
  if (emit !== 'nothing') plan.add(append, { qkv, clock, ring });
  if (emit !== 'keys only') plan.add(linearAdd, { x: mixed, ...weightsAt(w, `${attn}.out`), out: h });
}

/** Adds `h += ff.down(gelu(ff.up(norm h)))` to a plan: 2 dispatches on a GPU. */
export function addFeedForward(plan: Plan, stack: Stack, { norm, ff }: { norm: string; ff: string }) {
  const { w, h, wide } = stack;
  addNormLinear(plan, stack, { norm, path: `${ff}.up`, out: wide, act: 'gelu' });
  plan.add(linearAdd, { x: wide, ...weightsAt(w, `${ff}.down`), out: h });
}

/**
 * Adds the layer `path` (norm1, attn, norm2, ff) to a plan, at most {@link MOST_LAYER_DISPATCHES} dispatches. With
 * `keys only` it ends once the ring is written: nothing reads what a last layer gives after that.
 */
export function addLayer(plan: Plan, stack: Stack, path: string, keys: Keys, emit: Emit = 'nothing') {
  addAttention(plan, stack, { norm: `${path}.norm1`, attn: `${path}.attn` }, keys, emit);
  if (emit === 'keys only') return;
  addFeedForward(plan, stack, { norm: `${path}.norm2`, ff: `${path}.ff` });
}
