import { EngineError } from '../../errors.ts';
import type { SamplerOptions } from '../model/sampler.ts';
import { PERSONS } from '../motion.ts';
import type { BackendState } from './backend.ts';
import { BlockFrames } from './frames.ts';
import type { Models } from './models.ts';
import { branchesOf } from './wasm.sampler.ts';

/** The arrays in which parts of a backend keep what they remember, by the names of a saved state. */
export type LiveState = Readonly<Record<string, Float32Array>>;

/** The arrays of a saved state, by name. */
export type StateTensors = Record<string, Float32Array>;

/** A copy of everything in `live`. */
export const copyState = (live: LiveState): StateTensors =>
  Object.fromEntries(Object.entries(live).map(([name, values]) => [name, values.slice()]));

/** Throws `asset` when a saved state lacks an array of `live`, or has one of another size. */
export function checkState(live: LiveState, { tensors }: Pick<BackendState, 'tensors'>) {
  for (const [name, { length }] of Object.entries(live)) {
    const saved = tensors[name]?.length;
    if (saved !== length)
      throw new EngineError(
        'asset',
        `The saved state has ${saved === undefined ? 'no' : `${saved} numbers of`} ${name}, expected ${length}`,
        { hint: 'Restore states with the networks and the sampler options that they were saved with.' },
      );
  }
}

/** Copies a saved state over `live`; throws `asset` before it writes anything where it does not fit. */
export function fillState(live: LiveState, state: Pick<BackendState, 'tensors'>) {
  checkState(live, state);
  for (const [name, values] of Object.entries(live)) values.set(state.tensors[name]);
}

/** Puts the tokens [2, C] of a tick at the end of the newest ones, [2, n, C] oldest first. */
export function pushTokens(tokens: Float32Array, token: Float32Array) {
  const C = token.length / PERSONS;
  const span = tokens.length / PERSONS;
  for (let p = 0; p < PERSONS; p++) {
    tokens.copyWithin(p * span, p * span + C, (p + 1) * span);
    tokens.set(token.subarray(p * C, (p + 1) * C), (p + 1) * span - C);
  }
}

/** What stands in a saved state before the first frame, apart from the encoder's share; the bodies' rest block is not in their rings. */
export function freshState({ encoder, face, dim, body }: Models, { guidance }: SamplerOptions): StateTensors {
  const out: StateTensors = {};
  const zeros = (name: string, ...shape: number[]) => {
    out[name] = new Float32Array(shape.reduce((a, b) => a * b, 1));
  };
  const rings = (stack: string, layers: number, ...shape: number[]) => {
    for (let i = 0; i < layers; i++) zeros(`${stack}layers.${i}.ring`, ...shape);
  };
  const faceRows = branchesOf(guidance?.face ?? 1) * PERSONS;
  rings('face.', face.layers, faceRows, face.window, 2 * face.C);
  const { C, window, layers, vq, channels } = dim.config;
  rings('dim.encoder_s.', layers.encoder, PERSONS, window, 2 * C);
  rings('dim.encoder_l.', layers.encoder, PERSONS, window, 2 * C);
  rings('dim.encoder_joint.', layers.joint, PERSONS, 2 * window, 2 * C);
  rings('dim.decoder_joint.', layers.decoder, 2 * PERSONS, window, 2 * C);
  for (const role of ['speaker_vq', 'listener_vq']) {
    rings(`dim.${role}.decoder.`, vq.decoderLayers, PERSONS, vq.window, 2 * vq.C);
    zeros(`dim.${role}.decoder.conv_in.state`, PERSONS, 4, vq.C);
  }
  for (const name of ['motion', 'listener', 'speaker'])
    out[`dim.${name}`] = Float32Array.from(
      { length: PERSONS * channels.length },
      (_, i) => dim.restMotion[i % channels.length],
    );
  out['dim.codes'] = dim.restCodes.slice();
  zeros('dim.activity', PERSONS);
  zeros('dim.head', PERSONS, 4, 3);
  zeros('body.tokens', PERSONS, body.lower.config.audioWindow, encoder.C);
  for (const network of ['lower', 'upper'] as const) {
    const { config } = body[network];
    const rows = branchesOf(guidance?.body ?? 1);
    rings(`body-${network}.`, config.layers, rows, config.window, 2 * config.C);
    zeros(`body-${network}.x`, rows, (PERSONS * config.block) / config.patch, config.patch * config.features);
    zeros(`body-${network}.cond`, rows, PERSONS, config.C);
    out[`body-${network}.last`] = new BlockFrames(body[network]).last;
  }
  return out;
}
