import { EngineError } from '../../errors.ts';
import type { Backend, BackendState, Tick } from '../backend/backend.ts';
import { BodyMotion, type BodyState, type Placement } from '../body/body.ts';
import {
  ARKIT_51,
  BEHAVIOUR_CHANNELS,
  BEHAVIOUR_FACE,
  BODY_BLOCK,
  BODY_NUMBERS,
  FACE_CHANNELS,
  type MotionFrame,
  PERSONS,
} from '../motion.ts';
import { DEFAULT_STEPS, type Steps, stepsOf } from './sampler.ts';
import { BodySchedule, type BodyShare, type Effort } from './scheduler.ts';

/** One generated frame and what the networks heard and thought at it; the arrays are overwritten by the next one. */
export type GeneratedFrame = MotionFrame & {
  /** [2, 40] phone probabilities. */
  readonly phones: Float32Array;
  /** [2] probability of voicing. */
  readonly voicing: Float32Array;
  /** [2] how much each person has the turn, 0 listening … 1 speaking. */
  readonly turn: Float32Array;
  /** [4, 2] codes: row 2i of the listener 1 − i, row 2i + 1 of the speaker i; undefined on the tier `visemes`. */
  readonly codes: Float32Array | undefined;
  /** Wall time from the tick's beginning to the frame, in milliseconds. */
  readonly tickMs: number;
};

/** All that a conversation remembers; plain data, for the same weights and sampler. */
export type GeneratorState = {
  readonly version: 1;
  readonly ticks: number;
  readonly schedule: ReturnType<BodySchedule['save']>;
  readonly body: BodyState;
  readonly backend: BackendState;
};

/** What was left out so far. */
export type GeneratorStats = {
  /** Body blocks of eight frames that were dropped because the machine was late. */
  readonly droppedBlocks: number;
  /** Frames for which the body was held or eased, because its block was not there. */
  readonly heldBodyFrames: number;
};

const CHANNEL_OF = BEHAVIOUR_FACE.map((name) => ARKIT_51.indexOf(name));
const HEAD = BEHAVIOUR_FACE.length;

/** Puts the behaviour's upper face and mouth corners [2, 24] over the face network's weights [2, 51]; lips stay. */
export function putBehaviour(face: Float32Array, behaviour: Float32Array) {
  for (let p = 0; p < PERSONS; p++)
    for (let c = 0; c < CHANNEL_OF.length; c++)
      face[p * FACE_CHANNELS + CHANNEL_OF[c]] = behaviour[p * BEHAVIOUR_CHANNELS + c];
}

/**
 * Mel in, whole motion out: in every tick (1/30 s) first the face, then the codes of the next frame, then at most one
 * denoising step of the body; numbers what comes out and finishes the bodies (engine/body). A tick's cost does not depend on
 * the length of the talk.
 */
export class Generator {
  #backend: Backend;
  readonly #lookahead: number;
  readonly #schedule: BodySchedule;
  readonly #body: BodyMotion;
  readonly #placement = new Float32Array(PERSONS * 6);
  readonly #face = new Float32Array(PERSONS * FACE_CHANNELS);
  readonly #bodies = new Float32Array(PERSONS * BODY_NUMBERS);
  readonly #head = new Float32Array(PERSONS * 3);
  #preset: Placement;
  #ticks = 0;
  /** The block that is being made on another thread. */
  #coming: Promise<void> | undefined;

  /** `lookahead` in ticks: the frame of tick n is n − lookahead; `steps` of the sampler. */
  constructor(
    backend: Backend,
    lookahead: number,
    steps: Steps = DEFAULT_STEPS,
    preset: Placement = 'vis-a-vis',
  ) {
    this.#backend = backend;
    this.#lookahead = lookahead;
    this.#schedule = new BodySchedule(lookahead, stepsOf(steps).body);
    this.#preset = preset;
    this.#body = new BodyMotion(preset);
  }

  /** Ticks so far. */
  get ticks() {
    return this.#ticks;
  }

  /** Whether it becomes faster while it runs, as WebAssembly does. */
  get warms() {
    return this.#backend.info.backend !== 'webgpu';
  }

  /** What was left out so far. */
  get stats(): GeneratorStats {
    return { droppedBlocks: this.#schedule.dropped, heldBodyFrames: this.#body.stats.heldFrames };
  }

  /**
   * Takes the log-mel rows [2, 2, 80] of the next tick; gives the frame that became complete, if it was worth the effort.
   * `onFrame` hears of it as soon as it can be shown, before what the tick does for the frames to come.
   */
  async tick(
    mel: Float32Array,
    effort: Effort = 'all',
    onFrame?: (frame: GeneratedFrame) => void,
  ): Promise<GeneratedFrame | undefined> {
    const begin = performance.now();
    const frameIndex = this.#ticks - this.#lookahead;
    const share = this.#backend.full ? this.#schedule.next(this.#ticks, effort === 'all') : undefined;
    this.#ticks++;
    const frame = frameIndex >= 0 && effort !== 'listen';
    let made: GeneratedFrame | undefined;
    const show = (tick: Tick) => {
      if (made || !frame || !tick.face) return;
      made = this.#finish(frameIndex, tick, tick.face, begin);
      onFrame?.(made);
    };
    if (share?.begins) await this.#coming; // it is told where the block before it leads
    const body = share && this.#workOf(share);
    const tick = await this.#backend.tick(mel, { frame, onFrame: show, ...(body && { body }) });
    show(tick);
    if (share && tick.body) this.#take(share, tick.body);
    return made;
  }

  /** Leaves the next tick out, when the machine cannot keep up: its frame never comes, later ones keep their time. */
  skip() {
    this.#ticks++;
  }

  /** Starts a new conversation at frame 0, where `preset` places the two. */
  async reset(preset = this.#preset) {
    await this.#coming;
    this.#preset = preset;
    this.#ticks = 0;
    this.#schedule.reset();
    this.#body.reset(preset);
    this.#body.placementInto(this.#placement);
    await this.#backend.reset(this.#placement);
  }

  /**
   * Goes on with another backend in the same time. `state` is what the old one remembered; without it (it was lost) the
   * new one begins where the two stand now.
   */
  async change(backend: Backend, state?: BackendState) {
    await this.#coming;
    this.#body.placementInto(this.#placement);
    if (state) await backend.restore(state);
    else {
      this.#schedule.next(this.#ticks, false); // the block under way was lost with the backend that began it
      await backend.reset(this.#placement);
    }
    this.#backend = backend;
  }

  /** A copy of everything remembered; a conversation restored from it goes on bit for bit on the same backend. */
  async save(): Promise<GeneratorState> {
    await this.#coming;
    return {
      version: 1,
      ticks: this.#ticks,
      schedule: this.#schedule.save(),
      body: this.#body.save(),
      backend: await this.#backend.save(),
    };
  }

  /** Goes on from a saved state; throws `asset` when it is of another version or does not fit the networks. */
  async restore(state: GeneratorState) {
    if (state?.version !== 1)
      throw new EngineError('asset', `The saved conversation has version ${state?.version}, expected 1`, {
        hint: 'Save it again with this version of duologue.',
      });
    await this.#backend.restore(state.backend);
    this.#ticks = state.ticks;
    this.#schedule.restore(state.schedule);
    this.#body.restore(state.body);
  }

  #workOf({ network, begins, from, to }: BodyShare) {
    if (!begins) return { network, from, to };
    this.#body.placementInto(this.#placement);
    return { network, from, to, placement: this.#placement };
  }

  #take(share: BodyShare, block: NonNullable<Tick['body']>) {
    if (block instanceof Float32Array) return this.#takeBlock(share, block);
    this.#coming = block.then(
      (frames) => frames && this.#takeBlock(share, frames),
      () => undefined, // whoever made it fails at the next tick, too
    );
  }

  #takeBlock({ network, block }: BodyShare, frames: Float32Array) {
    if (network === 'lower') this.#body.pushLower(frames, block * BODY_BLOCK);
    else this.#body.pushUpper(frames, block * BODY_BLOCK);
  }

  #finish(frameIndex: number, tick: Tick, weights: Float32Array, begin: number): GeneratedFrame {
    const { behaviour, phones, voicing, turn, codes } = tick;
    this.#face.set(weights);
    if (behaviour) {
      putBehaviour(this.#face, behaviour);
      for (let p = 0; p < PERSONS; p++)
        for (let i = 0; i < 3; i++) this.#head[3 * p + i] = behaviour[p * BEHAVIOUR_CHANNELS + HEAD + i];
      this.#body.frameInto(this.#bodies, frameIndex, this.#head);
    }
    return {
      frameIndex,
      face: this.#face,
      body: behaviour && this.#bodies,
      phones,
      voicing,
      turn,
      codes,
      tickMs: performance.now() - begin,
    };
  }
}
