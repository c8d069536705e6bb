import { beside } from '../../kernels/beside/beside.ts';
import { blend, NO_CHANNEL } from '../../kernels/blend/blend.ts';
import { carry } from '../../kernels/carry/carry.ts';
import { conv1d } from '../../kernels/conv1d/conv1d.ts';
import { linear } from '../../kernels/linear/linear.ts';
import { lookup } from '../../kernels/lookup/lookup.ts';
import { Plan } from '../../kernels/plan.ts';
import { recall } from '../../kernels/recall/recall.ts';
import { type Draw, sample } from '../../kernels/sample/sample.ts';
import { type Arena, type Tensor, view } from '../../kernels/tensor.ts';
import { turn } from '../../kernels/turn/turn.ts';
import { ARKIT_51, type ArkitChannel, PERSONS } from '../motion.ts';
import type { DimConfig, LayerConfig } from './config.ts';
import { addLayer, addLinear, addNorm, makeStack, type StackSizes, weightsAt } from './layers.ts';
import type { Weights } from './weights.ts';

/** Frames of the head that are remembered for the upper body. */
export const HEAD_FRAMES = 4;

/** The behaviour network as plans: one frame of both persons an `encode` of each. */
export type Dim = {
  /** Puts a frame together, given its face and voicing: the turn, and what the last codes say. */
  readonly show: Plan;
  /** Draws the next codes, given the frame's token and the motion shown last, and decodes them. */
  readonly draw: Plan;
  /** Out: [4, 1, 2·G·K]; row 2i counts in its first half (listener codes of person 1 − i), row 2i + 1 in its second. */
  readonly logits: Tensor;
  /** Out, and state: [4, G] the codes of the last frame. */
  readonly codes: Tensor;
  /** Out, and state: [2, 1, 24] z as the listener's and the speaker's codes say it, persons in order. */
  readonly listener: Tensor;
  readonly speaker: Tensor;
  /** Out: [2] how much each person has the turn. */
  readonly turn: Tensor;
  /** Out, and state: [2, 1, 24] z of the emitted frame. */
  readonly motion: Tensor;
  /** State: [2, 4, 3] rad, the last heads, oldest first. */
  readonly head: Tensor;
  /** All that is carried from frame to frame, under the names of a saved state. */
  readonly state: readonly Tensor[];
  /** Most dispatches that one of its layers takes. */
  readonly layerDispatches: number;
};

/** What the behaviour network hears and blends with. */
export type DimInputs = {
  /** [4], element 0 the number of frames emitted, 1 and 2 the seed. */
  readonly clock: Tensor;
  /** [2, 1, 256] speech tokens, [2, 1, 1] voicing logits of the frame. */
  readonly token: Tensor;
  readonly voicing: Tensor;
  /** [2, 1, 51] normalised face of the frame. */
  readonly face: Tensor;
};

/** Normalisation of the two motions that are blended: z = (value − mean) / std. */
export type DimNorms = Readonly<Record<'mean' | 'std' | 'faceMean' | 'faceStd', Float32Array>>;

/** Lays a role's code rows in person order: the speaker codes of person p are row 2p + 1, the listener's 2(1 − p). */
const ROLE_ROWS = { speaker: 1, listener: 2 } as const;

/**
 * Builds the network of `training/dim.py` (DIM, Tran et al. 2024, made causal): role encoders, joint encoder, code
 * decoder, a draw of codes, both VQ decoders, and the blend by turn, without leaving the GPU.
 */
export function dim(
  device: GPUDevice,
  arena: Arena,
  w: Weights,
  config: DimConfig,
  norms: DimNorms,
  drawing: Draw,
  { clock, token, voicing, face }: DimInputs,
): Dim {
  const { C, groups: G, codes: K, channels } = config;
  const F = channels.length;
  const rows = 2 * PERSONS;
  const [show, draw] = [new Plan(device), new Plan(device)];
  const tensor = (name: string, ...shape: number[]) => arena.tensor(`dim.${name}`, shape);
  const state: Tensor[] = [];
  const kept = (name: string, ...shape: number[]) => {
    state.push(tensor(name, ...shape));
    return state[state.length - 1];
  };
  const codes = kept('codes', rows, G);
  const motion = kept('motion', PERSONS, 1, F);
  const activity = kept('activity', PERSONS);
  const head = kept('head', PERSONS, HEAD_FRAMES, 3);
  let layerDispatches = 0;

  const stackOf = (path: string, sizes: LayerConfig, count: number, { R, T = 1, group = 1 }: StackSizes) => {
    const stack = makeStack(arena, `dim.${path}`, w, clock, sizes, { R, T, group });
    const layers = Array.from({ length: count }, (_, i) => ({
      path: `${path}.layers.${i}`,
      ring: kept(`${path}.layers.${i}.ring`, R, sizes.window * group, 2 * sizes.C),
    }));
    const run = (out: Tensor) => {
      for (const { path, ring } of layers) {
        const before = draw.dispatches;
        addLayer(draw, stack, path, { ring }, 'keys');
        layerDispatches = Math.max(layerDispatches, draw.dispatches - before);
      }
      addNorm(draw, stack, `${path}.norm`, out);
    };
    return { h: stack.h, normed: stack.normed, run };
  };

  const roles = (['encoder_s', 'encoder_l'] as const).map((path) => {
    const input = tensor(`${path}.input`, PERSONS, 1, F + config.token);
    const role = stackOf(path, config, config.layers.encoder, { R: PERSONS });
    draw.add(beside, { a: motion, b: token, out: input }, { swap: path === 'encoder_l' });
    addLinear(draw, w, `${path}.project_in`, { x: input, out: role.h });
    role.run(role.normed);
    return role.normed;
  });

  const joint = stackOf('encoder_joint', config, config.layers.joint, { R: PERSONS, T: 2, group: 2 });
  draw.add(beside, { a: roles[0], b: roles[1], out: view(joint.h, [PERSONS, 1, 2 * C]) });
  const decoder = stackOf('decoder_joint', config, config.layers.decoder, { R: rows });
  joint.run(view(decoder.h, [PERSONS, 2, C]));
  const table = w('decoder_joint.token_emb.weight');
  draw.add(recall, { ids: codes, table, out: decoder.h }, { codes: K, roles: 2 });
  decoder.run(decoder.normed);
  const logits = tensor('logits', rows, 1, 2 * G * K);
  const unbiased = { w: w('decoder_joint.to_logits.weight'), b: tensor('no bias', 2 * G * K) };
  draw.add(linear, { x: decoder.normed, ...unbiased, out: logits });
  draw.add(sample, { logits, clock, codes }, { ...drawing, roles: 2 });

  const decode = (role: keyof typeof ROLE_ROWS) => {
    const path = `${role}_vq.decoder`;
    const { vq } = config;
    const stack = stackOf(path, vq, vq.decoderLayers, { R: PERSONS });
    const vectors = tensor(`${path}.vectors`, PERSONS, 1, G * config.codeDim);
    const projected = tensor(`${path}.projected`, PERSONS, 1, vq.C);
    const tail = kept(`${path}.conv_in.state`, PERSONS, 4, vq.C);
    const out = kept(role, PERSONS, 1, F);
    const book = w(`${role}_vq.quantize.embedding`);
    draw.add(lookup, { codes, book, out: vectors }, { flip: ROLE_ROWS[role] });
    addLinear(draw, w, `${path}.project`, { x: vectors, out: projected });
    const conv = weightsAt(w, `${path}.conv_in`);
    draw.add(conv1d, { x: projected, state: tail, ...conv, out: stack.h }, { act: 'gelu' });
    draw.add(carry, { x: projected, state: tail });
    stack.run(stack.normed);
    addLinear(draw, w, `${path}.out`, { x: stack.normed, out });
    return out;
  };
  const speaker = decode('speaker');
  const listener = decode('listener');

  const turns = tensor('turn', PERSONS);
  const newest = tensor('head.newest', PERSONS, 3);
  const flat = (t: Tensor) => view(t, [PERSONS, t.shape[2]]);
  show.add(turn, { voicing: view(voicing, [PERSONS]), activity, out: turns });
  show.add(blend, {
    turn: turns,
    listener: flat(listener),
    speaker: flat(speaker),
    face: flat(face),
    ...blendConstants(arena, channels, norms),
    out: flat(motion),
    tail: newest,
  });
  show.add(carry, { x: view(newest, [PERSONS, 1, 3]), state: head });
  return { show, draw, logits, codes, listener, speaker, turn: turns, motion, head, state, layerDispatches };
}

/** Which face channel each motion channel is, and the norms [4, F] of both (see `blend`). */
function blendConstants(arena: Arena, names: readonly string[], { mean, std, faceMean, faceStd }: DimNorms) {
  const indices = names.map((name) => ARKIT_51.indexOf(name as ArkitChannel));
  const channels = arena.tensor('dim.channels', [names.length], {
    dtype: 'u32',
    data: Uint32Array.from(indices, (i) => (i < 0 ? NO_CHANNEL : i)),
  });
  const ofFace = (values: Float32Array) => indices.map((i) => (i < 0 ? 0 : values[i]));
  const norms = arena.tensor('dim.norms', [4, names.length], {
    data: Float32Array.from([...ofFace(faceStd), ...ofFace(faceMean), ...mean, ...std]),
  });
  return { channels, norms };
}
