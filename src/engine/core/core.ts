import { EngineError } from '../../errors.ts';
import { TICK_LENGTH } from '../audio/voices.ts';
import type { Backend, BackendInfo, Conditions } from '../backend/backend.ts';
import type { Models } from '../backend/models.ts';
import type { BackendChoice } from '../backend/open.ts';
import type { Placement, PlacementPreset } from '../body/placement.ts';
import { checkBackend, placementFor, told } from '../checks.ts';
import { Generator } from '../model/generator.ts';
import { effortFor } from '../model/scheduler.ts';
import { FRAME_RATE_HZ, PERSONS, SAMPLE_RATE_HZ } from '../motion.ts';
import {
  type Action,
  checkPerson,
  type Emotion,
  type Person,
  type PersonConditions,
  type Relationship,
  relationshipOf,
  withPerson,
} from '../person.ts';
import { type CoreFrame, type CoreState, type CoreStats, copyOf } from './frame.ts';
import { checkRate, checkSamples, Sound } from './sound.ts';

/** @internal What {@link Core} is made from. */
export type CoreParts = {
  readonly backend: Backend;
  readonly models: Models;
  readonly choice: BackendChoice;
  readonly conditions: Conditions;
  /** DDIM steps of a body block. */
  readonly bodySteps: number;
  readonly placement: Placement;
  readonly realTime: boolean;
  /** Opens another backend from the same files. */
  readonly open: (choice: BackendChoice, conditions: Conditions) => Promise<Backend>;
};

/** Ticks of backlog (2 s) beyond which sound is left out in real time, too. */
const MOST_BACKLOG = 60;

const disposed = () =>
  new EngineError('unsupported', 'The core was disposed of.', { hint: 'Make a new one with createCore.' });

/**
 * Two voices in, the motion of two people out, with nothing of a page: no DOM, no audio, no picture, no thread of its own.
 * Made by {@link createCore}. Give it sound with {@link pushSamples} and take {@link frames}, or both at once with
 * {@link process}; every frame is given once. All it does, it does in the order in which it was asked.
 */
export class Core {
  /** @internal */
  readonly models: Models;
  readonly #parts: CoreParts;
  readonly #generator: Generator;
  readonly #mel = new Float32Array(TICK_LENGTH);
  /** Whoever waits for an answer, to be told when there will be none. */
  readonly #waiting = new Set<() => void>();
  /** Whoever waits for more sound. */
  readonly #listening = new Set<() => void>();
  #backend: Backend;
  #choice: BackendChoice;
  #conditions: Conditions;
  #placement: Placement;
  #sound: Sound;
  #last: Promise<unknown> = Promise.resolve();
  #skippedFrames = 0;
  #restarts = 0;
  #disposed = false;

  /** @internal */
  constructor(parts: CoreParts) {
    const { backend, models, choice, conditions, placement, bodySteps } = parts;
    this.#parts = parts;
    this.models = models;
    this.#backend = backend;
    this.#choice = choice;
    this.#conditions = conditions;
    this.#placement = placement;
    this.#sound = new Sound(0);
    this.#generator = new Generator(backend, models.encoder.lookahead, bodySteps, placement);
  }

  /** Which backend runs, on what, and why; it changes when a GPU device is lost. */
  get info(): BackendInfo {
    return this.#backend.info;
  }

  /** Names of the 40 phones of {@link CoreFrame.phones}. */
  get phones(): readonly string[] {
    return this.models.encoder.phones;
  }

  /** Frames of sound that must be heard past a frame before it can be made. */
  get lookaheadFrames(): number {
    return this.models.encoder.lookahead;
  }

  /** Seconds of sound that were given by both and are not motion yet. */
  get waitingS(): number {
    return Math.max(0, this.#sound.voices.waiting) / FRAME_RATE_HZ;
  }

  /** What was left out so far. */
  get stats(): CoreStats {
    return {
      ...this.#generator.stats,
      nonFinite: this.#sound.nonFinite,
      skippedFrames: this.#skippedFrames,
      restarts: this.#restarts,
    };
  }

  /**
   * Lets a person say more: one channel in −1…1 of any length, at 8,000 … 192,000 Hz, right after what was pushed before.
   * A frame can be made when both have got sound up to it, so whoever says nothing needs {@link pushSilence}. What nobody
   * takes waits, at 40 kB a second. Throws `unsupported` for a person, samples or a rate that there is not, and after {@link finish}.
   */
  pushSamples(person: Person, samples: Float32Array, sampleRateHz: number): void {
    this.#check(person, sampleRateHz);
    checkSamples(samples, 'samples');
    this.#sound.push(person, samples, sampleRateHz);
    this.#wake();
  }

  /** Lets a person be silent for so many seconds after what was pushed before; throws what {@link pushSamples} throws. */
  pushSilence(person: Person, durationS: number): void {
    this.#check(person, SAMPLE_RATE_HZ);
    if (!(durationS >= 0 && durationS < Infinity))
      throw new EngineError('unsupported', `durationS is ${told(durationS)}, expected seconds from 0 up`, {
        hint: 'Silence has a length; call `finish` when no more sound comes.',
      });
    this.#sound.pushSilence(person, durationS);
    this.#wake();
  }

  /**
   * No more sound comes: whoever was given less is silent to the end of the other, the frames 0 … ⌊30 · seconds⌋ are made,
   * and iterators end after the last. `reset` begins anew.
   */
  finish(): void {
    if (this.#disposed) throw disposed();
    this.#sound.finish();
    this.#wake();
  }

  /**
   * Takes the next stretch of both voices, at one rate, and gives the frames that it completes; `null` is silence as long as
   * the other, and the shorter of two goes on in silence. Throws what {@link pushSamples} throws, and `asset` or `bug` where
   * the networks fail.
   */
  async process(
    voices: readonly [Float32Array | null, Float32Array | null],
    sampleRateHz: number,
  ): Promise<CoreFrame[]> {
    if (!Array.isArray(voices) || voices.length !== PERSONS)
      throw new EngineError(
        'unsupported',
        `voices is ${told(voices)}, expected [samples | null, samples | null]`,
        {
          hint: 'Give one Float32Array for each person, or null for silence.',
        },
      );
    const length = Math.max(...voices.map((samples) => samples?.length ?? 0));
    for (const [p, samples] of voices.entries()) {
      this.#check(p as Person, sampleRateHz);
      if (samples !== null) checkSamples(samples, `voices[${p}]`);
    }
    for (const [p, samples] of voices.entries()) {
      if (samples) this.#sound.push(p, samples, sampleRateHz);
      const rest = length - (samples?.length ?? 0);
      if (rest > 0) this.#sound.push(p, new Float32Array(rest), sampleRateHz);
    }
    this.#wake();
    const sound = this.#sound;
    return this.#do(async () => {
      const frames: CoreFrame[] = [];
      for (let frame = await this.#next(sound); frame; frame = await this.#next(sound)) frames.push(frame);
      return frames;
    });
  }

  /**
   * The frames of the sound that is pushed, made as they are taken: who takes none has nothing computed. Ends after
   * {@link finish} or `dispose`; throws `asset` or `bug` where the networks fail.
   */
  async *frames(): AsyncGenerator<CoreFrame, undefined> {
    while (!this.#disposed) {
      const more = new Promise<void>((resolve) => this.#listening.add(resolve));
      const sound = this.#sound;
      const frame = await this.#do(() => this.#next(sound)).catch((error: unknown) => {
        if (!this.#disposed) throw error;
      });
      if (frame) yield frame;
      else if (sound === this.#sound && this.#isOver(sound)) return;
      else if (sound === this.#sound) await more;
    }
  }

  /** Changes how a person is, from the next frame and body block on; throws `unsupported` for what no training knew. */
  setConditions(person: Person, conditions: PersonConditions): Promise<void> {
    return this.#change((old) => {
      checkPerson(person);
      return withPerson(old, person, conditions);
    });
  }

  /** How a person feels, from the next frame on. */
  setEmotion(person: Person, emotion: Emotion | number): Promise<void> {
    return this.setConditions(person, { emotion });
  }

  /** Whether a person stands, walks or sits, from the next body block on. */
  setAction(person: Person, action: Action | number): Promise<void> {
    return this.setConditions(person, { action });
  }

  /** Which of the speaking styles 0…3 a person has, from the next frame on. */
  setStyle(person: Person, style: number): Promise<void> {
    return this.setConditions(person, { style });
  }

  /** What the two are to each other, from the next body block on. */
  setRelationship(relationship: Relationship | number): Promise<void> {
    return this.#change((old) => ({ ...old, relationship: relationshipOf(relationship) }));
  }

  /**
   * Changes what runs the networks, and what is opened after a lost device; the talk goes on. Throws what
   * {@link createCore} throws; the old backend goes on then.
   */
  async setBackend(choice: BackendChoice): Promise<BackendInfo> {
    checkBackend(choice);
    return this.#do(async () => {
      const old = this.#backend;
      const next = await this.#parts.open(choice, this.#conditions);
      try {
        await this.#generator.change(next, await old.save());
      } catch (error) {
        next.dispose();
        throw error;
      }
      this.#backend = next;
      this.#choice = choice;
      old.dispose();
      return next.info;
    });
  }

  /** A copy of what the networks remember of the talk; sound that is not motion yet is no part of it. */
  save(): Promise<CoreState> {
    return this.#do(() => this.#generator.save());
  }

  /**
   * Goes on from a saved state, bit for bit but for the first 25 ms of sound, before which silence is heard; sound that
   * waits is forgotten. Throws `asset` when the state does not fit the networks.
   */
  restore(state: CoreState): Promise<void> {
    this.#sound = new Sound(state?.ticks ?? 0);
    this.#wake();
    return this.#do(() => this.#generator.restore(state));
  }

  /** Forgets the talk and its sound and begins at frame 0, where the two stood at first or stand by `placement`. */
  async reset(placement?: PlacementPreset, distanceM?: number): Promise<void> {
    if (placement !== undefined) this.#placement = placementFor(placement, distanceM);
    const begin = this.#placement;
    this.#sound = new Sound(0);
    this.#wake();
    return this.#do(() => this.#generator.reset(begin));
  }

  /** Frees everything; iterators end, and whoever waits is told (`unsupported`). Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const giveUp of this.#waiting) giveUp();
    this.#wake();
    void this.#last.then(() => this.#backend.dispose()); // not under a tick
  }

  /** Disposes at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #change(change: (old: Conditions) => Conditions): Promise<void> {
    this.#conditions = change(this.#conditions);
    const conditions = this.#conditions;
    return this.#do(() => this.#backend.setConditions(conditions));
  }

  #check(person: Person, sampleRateHz: number) {
    if (this.#disposed) throw disposed();
    checkPerson(person);
    checkRate(sampleRateHz);
    if (this.#sound.lastFrame !== undefined)
      throw new EngineError('unsupported', 'Sound is given after `finish`.', {
        hint: 'Call `reset` to begin another talk.',
      });
  }

  /** Does `work` when all that was asked before is done; rejects at once on `dispose`. */
  #do<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(disposed());
      if (this.#disposed) return giveUp();
      this.#waiting.add(giveUp);
      const done = this.#last.then(() => {
        if (this.#disposed) throw disposed();
        return work();
      });
      this.#last = done.catch(() => undefined);
      done.then(resolve, reject).finally(() => this.#waiting.delete(giveUp));
    });
  }

  #wake() {
    for (const hear of this.#listening) hear();
    this.#listening.clear();
  }

  #isOver({ lastFrame }: Sound) {
    return lastFrame !== undefined && this.#generator.ticks - this.lookaheadFrames > lastFrame;
  }

  /** The next frame of this sound; undefined when more of it must come first, it is over, or another talk began. */
  async #next(sound: Sound): Promise<CoreFrame | undefined> {
    const { voices } = sound;
    while (!this.#disposed && sound === this.#sound && !this.#isOver(sound)) {
      if (!voices.pull(this.#mel)) {
        if (sound.lastFrame === undefined) return undefined;
        sound.goOnInSilence();
        continue;
      }
      const { realTime } = this.#parts;
      if (realTime && voices.waiting > MOST_BACKLOG) {
        this.#generator.skip();
        this.#skippedFrames++;
        continue;
      }
      const effort = realTime ? effortFor(voices.waiting) : 'all';
      const frame = await this.#tick(effort);
      if (frame) return frame;
      if (effort === 'listen') this.#skippedFrames++;
    }
    return undefined;
  }

  async #tick(effort: ReturnType<typeof effortFor>): Promise<CoreFrame | undefined> {
    try {
      const frame = await this.#generator.tick(this.#mel, effort);
      return frame && copyOf(frame);
    } catch (error) {
      if (!(error instanceof EngineError && error.kind === 'lost')) throw error;
      await this.#reopen(error);
      return undefined;
    }
  }

  /** Goes on in the same time after a lost device, on another one or without. */
  async #reopen({ message }: EngineError) {
    const { open } = this.#parts;
    const lost = this.#backend;
    const next = await open(this.#choice, this.#conditions).catch(() => open('wasm', this.#conditions));
    Object.assign(next, { info: { ...next.info, reason: `the GPU device was lost: ${message}` } });
    await this.#generator.change(next);
    this.#backend = next;
    this.#restarts++;
    lost.dispose();
  }
}
