import { EngineError } from '../../errors.ts';
import { followTurn, turnsOf } from '../model/behaviour.ts';
import { ARKIT_51, type ArkitChannel, FACE_CHANNELS, PERSONS } from '../motion.ts';
import { VISEMES, type Viseme, VisemeMap } from '../visemes.ts';
import type {
  Backend,
  BackendInfo,
  BackendOptions,
  BackendState,
  MotionCodes,
  Tick,
  TickWork,
} from './backend.ts';
import type { Models } from './models.ts';
import { WasmEncoder } from './wasm.encoder.ts';
import { exclusively, runtimeVersion, useRuntime } from './wasm.session.ts';
import {
  copyState,
  fillState,
  freshState,
  type LiveState,
  pushTokens,
  type StateTensors,
} from './wasm.state.ts';

type Shape = Partial<Record<ArkitChannel, number>>;

const both = (
  name: 'mouthPress' | 'mouthStretch' | 'mouthSmile' | 'mouthLowerDown' | 'mouthUpperUp',
  w: number,
) => ({ [`${name}Left`]: w, [`${name}Right`]: w }) as Shape;

/** Lips a little apart over the teeth, as most consonants hold them. */
const apart = (lower: number, upper: number): Shape => ({
  ...both('mouthLowerDown', lower),
  ...both('mouthUpperUp', upper),
});

/**
 * The mouth of each viseme in ARKit weights, after the targets that the face network learnt from (Edwards et al. 2016,
 * JALI). At PP `mouthClose` takes back what the jaw leaves open.
 */
const SHAPES: Readonly<Record<Viseme, Shape>> = {
  sil: {},
  PP: {
    jawOpen: 0.06,
    mouthClose: 0.07,
    mouthRollLower: 0.12,
    mouthRollUpper: 0.1,
    ...both('mouthPress', 0.3),
  },
  FF: { jawOpen: 0.08, mouthRollLower: 0.42, mouthShrugLower: 0.06, ...both('mouthUpperUp', 0.14) },
  TH: { jawOpen: 0.17, ...apart(0.16, 0.08) },
  DD: { jawOpen: 0.14, ...apart(0.13, 0.07), ...both('mouthStretch', 0.04) },
  kk: { jawOpen: 0.22, ...apart(0.09, 0.05) },
  CH: { jawOpen: 0.09, jawForward: 0.16, mouthPucker: 0.22, mouthFunnel: 0.49, ...apart(0.1, 0.1) },
  SS: { jawOpen: 0.08, ...apart(0.2, 0.12), ...both('mouthStretch', 0.13), ...both('mouthSmile', 0.03) },
  nn: { jawOpen: 0.19, ...apart(0.12, 0.06) },
  RR: { jawOpen: 0.22, mouthPucker: 0.28, mouthFunnel: 0.23, ...apart(0.06, 0.05) },
  aa: { jawOpen: 0.58, mouthFunnel: 0.03, ...apart(0.14, 0.08) },
  E: { jawOpen: 0.38, ...apart(0.16, 0.09), ...both('mouthStretch', 0.14), ...both('mouthSmile', 0.04) },
  ih: { jawOpen: 0.22, ...apart(0.14, 0.07), ...both('mouthStretch', 0.18), ...both('mouthSmile', 0.07) },
  oh: { jawOpen: 0.44, mouthPucker: 0.32, mouthFunnel: 0.31, ...both('mouthLowerDown', 0.06) },
  ou: { jawOpen: 0.2, mouthPucker: 0.62, mouthFunnel: 0.23, ...both('mouthLowerDown', 0.03) },
};

/** Share of the way to the new mouth that a frame goes: two thirds of it within two frames. */
const PACE = 0.45;

/** [15, 51] weights of each viseme. */
const TABLE = Float32Array.from(
  VISEMES.flatMap((name) => ARKIT_51.map((channel) => SHAPES[name][channel] ?? 0)),
);

/** Visemes that only count when they are reached: lips shut, and lip on teeth. */
const CONTACTS = [VISEMES.indexOf('PP'), VISEMES.indexOf('FF')];

/** Probability of a contact from which the mouth begins to take it for certain, and at which it does. */
const DOUBTED = 0.25;
const CERTAIN = 0.55;

/**
 * Moves both mouths [2, 51] on by one frame of viseme probabilities [2, 15]: towards the visemes' shapes, mixed by
 * their probabilities. Smoothed without looking ahead, but a contact is made in the very frame that hears it.
 */
export function moveLips(face: Float32Array, visemes: Float32Array) {
  for (let p = 0; p < PERSONS; p++) {
    const own = visemes.subarray(p * VISEMES.length, (p + 1) * VISEMES.length);
    const heard = CONTACTS.reduce((sum, v) => sum + own[v], 0);
    const s = Math.min(1, Math.max(0, (heard - DOUBTED) / (CERTAIN - DOUBTED)));
    const contact = s * s * (3 - 2 * s);
    const pace = PACE + (1 - PACE) * contact;
    for (let c = 0; c < FACE_CHANNELS; c++) {
      let [touching, other] = [0, 0];
      for (let v = 0; v < own.length; v++) {
        const share = own[v] * TABLE[v * FACE_CHANNELS + c];
        if (CONTACTS.includes(v)) touching += share;
        else other += share;
      }
      const at = p * FACE_CHANNELS + c;
      const target =
        contact * (touching / Math.max(heard, 1e-6)) + (1 - contact) * (other / Math.max(1 - heard, 1e-6));
      face[at] += pace * (target - face[at]);
    }
  }
}

/** The graph and the WebAssembly build that this tier runs. */
export type VisemeFiles = { readonly graph: ArrayBuffer; readonly runtime: ArrayBuffer };

/**
 * The tier below the networks of motion: the speech encoder's phones become mouth shapes. It carries the state of the
 * other networks along untouched, so that a conversation can go back to them.
 */
export class VisemeBackend implements Backend {
  readonly info: BackendInfo;
  readonly full = false;
  readonly #encoder: WasmEncoder;
  readonly #map: VisemeMap;
  readonly #fresh: () => StateTensors;
  readonly #visemes = new Float32Array(PERSONS * VISEMES.length);
  readonly #face = new Float32Array(PERSONS * FACE_CHANNELS);
  readonly #turn = new Float32Array(PERSONS);
  readonly #activity = new Float32Array(PERSONS);
  readonly #tokens: Float32Array;
  readonly #live: LiveState;
  #carried: BackendState;

  private constructor(encoder: WasmEncoder, models: Models, { sampler }: BackendOptions, reason: string) {
    this.#encoder = encoder;
    this.#map = new VisemeMap(models.encoder.phones);
    this.#fresh = () => freshState(models, sampler);
    this.#carried = { version: 1, counters: NOTHING, tensors: this.#fresh() };
    this.#tokens = new Float32Array(this.#carried.tensors['body.tokens'].length);
    this.#live = { ...encoder.state, 'dim.activity': this.#activity, 'body.tokens': this.#tokens };
    this.info = { backend: 'visemes', adapter: `onnxruntime-web ${runtimeVersion()}, 1 thread`, reason };
  }

  /** Opens the speech encoder; throws `asset` when its graph does not fit its weights. */
  static async open(
    models: Models,
    { graph, runtime }: VisemeFiles,
    options: BackendOptions,
    reason: string,
  ) {
    useRuntime(runtime);
    const encoder = await WasmEncoder.open(models, graph);
    return new VisemeBackend(encoder, models, options, reason);
  }

  /** Lips have no conditions. */
  async setConditions() {}

  tick(mel: Float32Array, { frame }: TickWork): Promise<Tick> {
    return exclusively(async () => {
      const { token, phones, voicing } = await this.#encoder.step(mel);
      const { ticks, ...others } = this.#carried.counters;
      this.#carried = { ...this.#carried, counters: { ...others, ticks: ticks + 1 } };
      pushTokens(this.#tokens, token);
      if (frame) this.#move(phones, voicing);
      return {
        face: frame ? this.#face : undefined,
        behaviour: undefined,
        codes: undefined,
        turn: this.#turn,
        body: undefined,
        phones,
        voicing,
      };
    });
  }

  /** Throws `unsupported`: this tier has no codes. */
  async encodeMotion(): Promise<MotionCodes> {
    throw new EngineError('unsupported', 'The tier `visemes` has no codes of behaviour.', {
      hint: 'Choose the backend webgpu or wasm.',
    });
  }

  save(): Promise<BackendState> {
    return exclusively(async () => {
      const { counters, tensors } = this.#carried;
      const lips = { [LIPS]: this.#face.slice() };
      return { version: 1, counters, tensors: { ...copyState(tensors), ...copyState(this.#live), ...lips } };
    });
  }

  restore(state: BackendState) {
    return exclusively(async () => {
      fillState(this.#live, state);
      this.#carried = { ...state, tensors: { ...this.#fresh(), ...copyState(state.tensors) } };
      this.#encoder.resume(state.counters.ticks);
      turnsOf(this.#activity, this.#turn);
      const lips = state.tensors[LIPS];
      if (lips?.length === this.#face.length) this.#face.set(lips);
      else this.#face.fill(0);
    });
  }

  reset() {
    return exclusively(async () => {
      this.#encoder.reset();
      this.#carried = { version: 1, counters: NOTHING, tensors: this.#fresh() };
      for (const values of [this.#face, this.#turn, this.#activity, this.#tokens]) values.fill(0);
    });
  }

  dispose() {
    void exclusively(async () => this.#encoder.dispose());
  }

  #move(phones: Float32Array, voicing: Float32Array) {
    const { visemeOfPhone } = this.#map;
    this.#visemes.fill(0);
    for (let i = 0; i < phones.length; i++) {
      const person = Math.floor(i / visemeOfPhone.length);
      this.#visemes[person * VISEMES.length + visemeOfPhone[i % visemeOfPhone.length]] += phones[i];
    }
    moveLips(this.#face, this.#visemes);
    followTurn(this.#activity, voicing, this.#turn);
  }
}

const NOTHING = { ticks: 0, frames: 0, lower: 0, upper: 0 } as const;

/** The only array of a saved state that other tiers do not read. */
const LIPS = 'visemes.face';
