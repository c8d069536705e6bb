import type { Group, Object3D, Vector3 } from 'three';
import type { BackendInfo, Conditions } from './engine/backend/backend.ts';
import type { BackendChoice } from './engine/backend/open.ts';
import type { Character, CharacterSource } from './engine/stage/character.ts';
import { type IntensityChoice, intensityOf } from './engine/stage/intensity.ts';
import { checkLook, type LookTarget } from './engine/stage/look.ts';
import type { CharacterReport } from './engine/stage/report.ts';
import type { Shot } from './engine/stage/shots.ts';
import type { XrOptions } from './engine/stage/xr.ts';
import { Timeline } from './engine/timeline.ts';
import { EngineError } from './errors.ts';
import { Headset, type XrState } from './headset.ts';
import { Heard, STRAGGLING_S } from './heard.ts';
import type { MotionSource } from './live/motion-channel.ts';
import {
  checkBackend,
  checkPerson,
  checkShot,
  type DuologueOptions,
  type Person,
  type PersonConditions,
  type Setting,
  wholeNumber,
} from './options.ts';
import { type Cast, type DrawnBy, Seen } from './seen.ts';
import type { DuologueStats } from './stats.ts';
import { capture } from './workers/capture.ts';
import { MOTION_BLOCK } from './workers/motion.block.ts';
import { type ArrivedFrame, MotionPlayer } from './workers/motion.player.ts';
import type { MotionWorker, WorkerStats } from './workers/motion.protocol.ts';
import { PcmSource } from './workers/pcm.ts';
import { type connect, moving } from './workers/rpc.ts';
import { makeStream, transferables } from './workers/stream.ts';
import { attachVoice, levelMeter, type Voice, type VoiceSource } from './workers/voice.ts';

type Events = { frame: ArrivedFrame; stats: DuologueStats; error: EngineError; xr: XrState | null };
type Listener<Name extends keyof Events> = (event: Events[Name]) => void;

/** Action mode of {@link PersonConditions}. */
const SIT = 2;
const STATS_EVERY_MS = 500;

/** What {@link createDuologue} has made ready. */
export type Parts = {
  readonly worker: Worker;
  readonly motion: ReturnType<typeof connect<MotionWorker>>;
  readonly info: BackendInfo;
  readonly conditions: Conditions;
  readonly setting: Setting;
  readonly cast: Cast;
  readonly characters: readonly [Character, Character];
};

/** A running conversation; made by {@link createDuologue}. */
export class Duologue {
  /** The audio context whose clock everything stands on. */
  readonly context: AudioContext;
  /** Whether and how a headset shows the two; see {@link enterXR}. */
  readonly xr: Headset;
  readonly #reports: [CharacterReport, CharacterReport];
  /** How often each person has been asked to change, so that the last wish wins. */
  readonly #changes: [number, number] = [0, 0];
  readonly #worker: Worker;
  readonly #motion: Parts['motion'];
  readonly #seen: Seen;
  readonly #cast: Cast;
  readonly #timeline: Timeline;
  readonly #player: MotionPlayer;
  #source: Pick<MotionSource, 'sampleAt' | 'latencyMs' | 'speaking'>;
  #unfollow?: (() => void) | undefined;
  readonly #capture: Awaited<ReturnType<typeof capture>>;
  readonly #heard: Heard;
  readonly #levels: readonly (() => number)[];
  readonly #voices = new Map<Voice, { readonly person: Person; readonly source: VoiceSource }>();
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();
  readonly #timer: ReturnType<typeof setInterval>;
  #info: BackendInfo;
  #conditions: Conditions;
  #workerStats: WorkerStats | undefined;
  #disposed = false;

  private constructor(
    { worker, motion, info, conditions, cast, characters }: Parts,
    seen: Seen,
    context: AudioContext,
    captured: Awaited<ReturnType<typeof capture>>,
  ) {
    this.#info = info;
    this.context = context;
    this.#worker = worker;
    this.#motion = motion;
    this.#conditions = conditions;
    this.#capture = captured;
    this.#reports = [characters[0].report(), characters[1].report()];
    this.#seen = seen;
    this.#cast = cast;
    this.#timeline = seen.duet.timeline;
    this.#heard = new Heard(context);
    this.xr = new Headset(seen, this.#heard.mouths, (state) => this.#emit('xr', state));
    this.#levels = [0, 1].map((person) => levelMeter(captured.input(person)));
    const stream = makeStream(MOTION_BLOCK, 128);
    this.#player = new MotionPlayer(context, stream.reader, (frame, isFirst) => {
      if (this.#source === this.#player) this.#show(frame, isFirst);
    });
    this.#source = this.#player;
    const { end } = captured;
    motion
      .run(
        moving(end, transferables(end)),
        context.sampleRate,
        moving(stream.writer, transferables(stream.writer)),
      )
      .catch((error: unknown) => this.#fail(error));
    worker.onerror = ({ message }) =>
      this.#fail(new EngineError('bug', `The motion worker failed: ${message}`));
    this.#timer = setInterval(() => void this.#refresh(), STATS_EVERY_MS);
    this.#seen.stage?.start(() => this.#heardSample());
  }

  /** Which backend runs, on what, and why; it may change while running. */
  get info(): BackendInfo {
    return this.#info;
  }

  /** What each character can show, and what follows from what it lacks. */
  get reports(): readonly [CharacterReport, CharacterReport] {
    return this.#reports;
  }

  /** @internal */
  static async open(options: DuologueOptions & { seed: number }, parts: Parts): Promise<Duologue> {
    const context = new AudioContext({ latencyHint: 'interactive' });
    let duo: Duologue | undefined;
    let seen: Seen | undefined;
    try {
      const { setting, cast, characters } = parts;
      const captured = await capture(context);
      seen = await Seen.open(options, setting, cast, characters, new Timeline(), (error) => {
        if (duo) duo.#emit('error', error);
      });
      duo = new Duologue(parts, seen, context, captured);
      return duo;
    } catch (error) {
      seen?.dispose();
      await context.close();
      throw error;
    }
  }

  /** Starts the audio clock; browsers allow it only after a click or a key. */
  async start(): Promise<void> {
    await this.context.resume();
  }

  /**
   * Gives a person a voice. `play` says whether it is heard too, delayed so that it meets the lips; the default is yes,
   * except for a `MediaStream`, which is usually a microphone.
   */
  attach(person: Person, source: VoiceSource, { play = !(source instanceof MediaStream) } = {}): Voice {
    checkPerson(person);
    const voice = attachVoice(
      this.context,
      source,
      this.#capture.input(person),
      play ? this.#heard.input(person) : undefined,
    );
    this.#voices.set(voice, { person, source });
    void voice.ended.then(() => this.#voices.delete(voice));
    return voice;
  }

  /** Stops a person in mid-word, voice and lips; pushed sound and buffers are cleared, a stream that goes on is heard again. */
  interrupt(person: Person): void {
    checkPerson(person);
    this.#heard.hush(person);
    const until = this.#source.sampleAt(this.context.currentTime + STRAGGLING_S);
    this.#timeline.hush(person, this.#heardSample(), until);
    for (const [voice, { person: whose, source }] of this.#voices)
      if (whose === person && source instanceof PcmSource) source.interrupt();
      else if (whose === person && source instanceof AudioBuffer) voice.detach();
  }

  /** Shows motion that comes from elsewhere, and lets the own networks rest; `null` generates again. */
  follow(source: MotionSource | null): void {
    this.#unfollow?.();
    this.#unfollow = source?.listen((frame, isFirst) => this.#show(frame, isFirst));
    this.#source = source ?? this.#player;
    this.#timeline.clear();
    if (!this.#disposed) this.#motion.rest(source !== null).catch((error: unknown) => this.#fail(error));
  }

  /**
   * Gives a person another body while the talk goes on, and says what it can show. Throws `asset` when the source holds no
   * character; the old body stays then. Of two wishes for one person the later counts.
   */
  async setCharacter(person: Person, source: CharacterSource): Promise<CharacterReport> {
    checkPerson(person);
    this.#changes[person] += 1;
    const change = this.#changes[person];
    const character = await this.#cast.load(source);
    const report = character.report();
    if (this.#disposed || change !== this.#changes[person]) {
      character.dispose();
      return report;
    }
    this.#seen.setCharacter(person, character);
    this.#reports[person] = report;
    return report;
  }

  /** Changes how a person is, from the next frame on; throws `unsupported` for an index that no training knew. */
  async setConditions(person: Person, { style, emotion, facing, action }: PersonConditions): Promise<void> {
    const put = (values: readonly number[], value: number | undefined, most: number, name: string) =>
      value === undefined
        ? values
        : values.map((old, p) => (p === person ? wholeNumber(value, most, name) : old));
    this.#conditions = {
      ...this.#conditions,
      action: put(this.#conditions.action ?? [0, 0], action, 2, 'action'),
      style: put(this.#conditions.style, style, 3, 'style'),
      emotion: put(this.#conditions.emotion, emotion, 6, 'emotion'),
      facing: put(this.#conditions.facing, facing === undefined ? undefined : Number(facing), 1, 'facing'),
    };
    if (action !== undefined) this.#seen.duet.setSeated(person, action === SIT);
    await this.#motion.setConditions(this.#conditions);
  }

  /** How much of the motion is shown, of one person or both: a preset, or 0 (still) … 1 by region; changes softly. */
  setIntensity(intensity: IntensityChoice, person?: Person): void {
    const chosen = intensityOf(intensity);
    for (const p of this.#those(person)) this.#seen.duet.setIntensity(p, chosen);
  }

  /** Whom or what a person looks at, or both: the partner, the camera, a mix (`auto`), a place, a thing that may move. */
  setLook(target: LookTarget, person?: Person): void {
    checkLook(target);
    for (const p of this.#those(person)) this.#seen.duet.setLook(p, target);
  }

  /** Goes over to another shot; throws `unsupported` where the scene, and so the camera, is yours. */
  setShot(shot: Shot): void {
    checkShot(shot);
    this.#seen.ours.setShot(shot);
  }

  /** What the picture shows; a hand may have taken the camera (`free`). */
  get shot(): Shot {
    return this.#seen.ours.shot;
  }

  /** What draws, and why it is not what was asked for, where it is not. */
  get drawnBy(): DrawnBy {
    return this.#cast.drawnBy;
  }

  /** The three.js group that the two are in, in our scene or in yours; it may be moved and turned. */
  get group(): Group {
    return this.#seen.duet.group;
  }

  /**
   * Moves the two on to what is heard now, for a scene of yours: call it before you draw, with whoever watches. Any renderer
   * will do.
   *
   * ```ts
   * const duo = await createDuologue({ scene, characters });
   * renderer.setAnimationLoop(() => {
   *   duo.update(camera);
   *   renderer.render(scene, camera);
   * });
   * ```
   *
   * In @react-three/fiber: `useFrame(({ camera }) => duo.update(camera))`. `nowS` moves procedural life; it must not run back.
   */
  update(viewer: Object3D | Vector3, nowS = performance.now() / 1000): void {
    this.#seen.update(this.#heardSample(), nowS, viewer);
    this.xr.follow();
  }

  /**
   * Shows the two in a headset, life-size: the viewer watches (`as: 'watcher'`, the default) or is one of them (0 or 1).
   * Voices that are played come from the mouths. Call it in the handler of a click; `xr.supported` tells beforehand whether
   * it may succeed. Throws `unsupported` that says why there is no session.
   */
  async enterXR(options: XrOptions): Promise<void> {
    await this.xr.enter(options);
  }

  /** Takes the headset off; the flat picture goes on as it was. */
  async exitXR(): Promise<void> {
    await this.xr.exit();
  }

  /**
   * Changes what runs the networks while the talk goes on: the new backend takes over what the old one remembers.
   * Throws what `createDuologue` throws; the old backend goes on then.
   */
  async setBackend(choice: BackendChoice): Promise<BackendInfo> {
    checkBackend(choice);
    this.#info = await this.#motion.setBackend(choice);
    return this.#info;
  }

  /** Figures of the last seconds; cheap enough for every frame. */
  stats(): DuologueStats {
    const { frames, lateFrames, heldFrames } = this.#timeline.stats;
    const blockMs = this.#workerStats?.tickMsP50 ?? Number.NaN;
    return {
      latencyMsP50: this.#source.latencyMs(0.5),
      latencyMsP95: this.#source.latencyMs(0.95),
      delayMs: this.#heard.delayS * 1000,
      blockMs,
      realTimeFactor: (blockMs * 30) / 1000,
      frames,
      lateFrames,
      heldFrames,
      heldBodyFrames: this.#workerStats?.heldBodyFrames ?? 0,
      lostFrames: (this.#workerStats?.skippedFrames ?? 0) + (this.#workerStats?.droppedFrames ?? 0),
      gapSamples: this.#workerStats?.gapSamples ?? 0,
      level: [this.#levels[0](), this.#levels[1]()],
      speaking: [this.#source.speaking(0), this.#source.speaking(1)],
      info: this.#info,
    };
  }

  /**
   * Listens to `frame` (each motion frame), `stats` (twice a second), `error`, or `xr` (what a headset shows from now on,
   * null when it is taken off); returns what stops it.
   */
  on<Name extends keyof Events>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener as (event: never) => void);
    return () => listeners.delete(listener as (event: never) => void);
  }

  /** Takes all voices away and begins a new conversation at frame 0. */
  async reset(): Promise<void> {
    for (const voice of [...this.#voices.keys()]) voice.detach();
    await this.#motion.reset();
  }

  /** Ends everything and frees everything; safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    clearInterval(this.#timer);
    for (const voice of [...this.#voices.keys()]) voice.detach();
    this.#unfollow?.();
    this.#capture.dispose();
    this.#player.close();
    this.xr.dispose();
    this.#seen.dispose();
    this.#worker.terminate();
    void this.context.close();
    this.#listeners.clear();
  }

  #those(person: Person | undefined): readonly Person[] {
    if (person === undefined) return [0, 1];
    checkPerson(person);
    return [person];
  }

  #show(frame: ArrivedFrame, isFirst: boolean) {
    if (isFirst) this.#timeline.clear();
    this.#timeline.push(frame);
    this.#emit('frame', frame);
  }

  /** The sample of the sound that is heard now, as the motion must show it. */
  #heardSample() {
    const { currentTime, outputLatency } = this.context;
    return this.#source.sampleAt(currentTime - (outputLatency || 0) - this.#heard.delayS);
  }

  async #refresh() {
    try {
      this.#workerStats = await this.#motion.stats();
      this.#info = this.#workerStats.info;
    } catch (error) {
      this.#fail(error);
    }
    if (this.#disposed) return;
    this.#heard.follow(this.#source.latencyMs(0.95));
    this.#emit('stats', this.stats());
  }

  #emit<Name extends keyof Events>(name: Name, event: Events[Name]) {
    for (const listener of this.#listeners.get(name) ?? []) (listener as Listener<Name>)(event);
  }

  #fail(cause: unknown) {
    if (this.#disposed) return;
    const error =
      cause instanceof EngineError ? cause : new EngineError('bug', `The engine failed: ${cause}`, { cause });
    this.#emit('error', error);
  }
}
