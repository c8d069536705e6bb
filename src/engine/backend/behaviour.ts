import { blendTurns, followTurn, showBehaviour, turnsOf } from '../model/behaviour.ts';
import { PERSONS } from '../motion.ts';
import type { DimModel } from './models.ts';
import type { Drawn } from './movement.ts';

/** Frames of head rotation that the upper body is told. */
const HEAD_FRAMES = 4;

/**
 * What the two show besides their lips: follows the turn and blends listener and speaker (DIM) as the codes say that were
 * drawn after the frame before. All arrays are overwritten by the next frame.
 */
export class Behaviour {
  /** [2, 24] the emitted behaviour: weights 0…1 and the head's exp-map (rad). */
  readonly values: Float32Array;
  /** [2, 24] z of it. */
  readonly motion: Float32Array;
  /** [4, 2] the codes behind it. */
  readonly codes: Float32Array;
  /** [4, 2] the codes behind the next one. */
  readonly drawn: Float32Array;
  /** [2] how much each person has the turn. */
  readonly turn = new Float32Array(PERSONS);
  /** [2, 4, 3] the newest head rotations (rad), oldest first. */
  readonly head = new Float32Array(PERSONS * HEAD_FRAMES * 3);
  /** The same arrays and what else is remembered, by the names of a saved state. */
  readonly state: Readonly<Record<string, Float32Array>>;
  readonly #model: DimModel;
  readonly #activity = new Float32Array(PERSONS);
  /** [2, 24] z as the decoders have it of the codes drawn last. */
  readonly #listener: Float32Array;
  readonly #speaker: Float32Array;

  /** Begins at rest. */
  constructor(model: DimModel) {
    const { channels, groups } = model.config;
    const [motion, codes] = [PERSONS * channels.length, 2 * PERSONS * groups];
    this.#model = model;
    this.values = new Float32Array(motion);
    this.motion = new Float32Array(motion);
    this.codes = new Float32Array(codes);
    this.drawn = new Float32Array(codes);
    this.#listener = new Float32Array(motion);
    this.#speaker = new Float32Array(motion);
    this.state = {
      'dim.motion': this.motion,
      'dim.codes': this.drawn,
      'dim.listener': this.#listener,
      'dim.speaker': this.#speaker,
      'dim.activity': this.#activity,
      'dim.head': this.head,
    };
    this.reset();
  }

  /** Takes what the next frame shows. */
  take({ codes, listener, speaker }: Drawn): void {
    this.drawn.set(codes);
    this.#listener.set(listener);
    this.#speaker.set(speaker);
  }

  /** Puts a frame together: what was drawn, its face [2, 51], and by its voicing [2] who has the turn. */
  show(face: Float32Array, voicing: Float32Array): void {
    const { motion, turn, values, head } = this;
    this.codes.set(this.drawn);
    followTurn(this.#activity, voicing, turn);
    blendTurns(motion, { listener: this.#listener, speaker: this.#speaker, face, turn }, this.#model);
    showBehaviour(values, motion, this.#model);
    const [span, channels] = [head.length / PERSONS, values.length / PERSONS];
    for (let p = 0; p < PERSONS; p++) {
      head.copyWithin(p * span, p * span + 3, (p + 1) * span);
      head.set(values.subarray((p + 1) * channels - 3, (p + 1) * channels), (p + 1) * span - 3);
    }
  }

  reset(): void {
    const { restMotion, restCodes } = this.#model;
    for (const motion of [this.motion, this.#listener, this.#speaker])
      for (let p = 0; p < PERSONS; p++) motion.set(restMotion, p * restMotion.length);
    this.drawn.set(restCodes);
    for (const values of [this.#activity, this.turn, this.head]) values.fill(0);
  }

  /** Takes `state` as it stands. */
  resume(): void {
    turnsOf(this.#activity, this.turn);
  }
}
