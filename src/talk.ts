import { ContextKeeper } from './context.keeper.ts';
import type { BackendInfo, Conditions } from './engine/backend/backend.ts';
import { ACTIONS } from './engine/backend/conditions.ts';
import type { BackendChoice } from './engine/backend/open.ts';
import { checkBackend } from './engine/checks.ts';
import {
  type Action,
  checkPerson,
  type Emotion,
  type Person,
  type PersonConditions,
  type Relationship,
  relationshipOf,
  withPerson,
} from './engine/person.ts';
import type { Timeline } from './engine/timeline.ts';
import { EngineError } from './errors.ts';
import { type DuologueEvents, Emitter } from './events.ts';
import { FrameIterator } from './frames.ts';
import type { Heard } from './heard.ts';
import type { Microphones } from './live/microphones.ts';
import type { MotionSource } from './live/motion-channel.ts';
import { Skew } from './skew.ts';
import { Speech } from './speech.ts';
import type { DuologueStats } from './stats.ts';
import { checkGate, type TalkSetting } from './talk.options.ts';
import { disposedError, Voices } from './voices.ts';
import type { Capture, GateMode } from './workers/capture.ts';
import { MOTION_BLOCK } from './workers/motion.block.ts';
import type { MotionHost } from './workers/motion.host.ts';
import { type ArrivedFrame, MotionPlayer } from './workers/motion.player.ts';
import { makeStream } from './workers/stream.ts';
import { levelMeter, type Voice, type VoiceSource } from './workers/voice.ts';

const STATS_EVERY_MS = 500;

/** What a talk goes on in, made ready. */
export type TalkParts = {
  readonly host: MotionHost;
  readonly info: BackendInfo;
  readonly conditions: Conditions;
};

/** What a talk is heard through and shown by. */
export type TalkPlace = {
  readonly context: AudioContext;
  readonly capture: Capture;
  readonly heard: Heard;
  readonly timeline: Timeline;
};

/** Whether a source is a track or has some, as of a microphone. */
const isLive = (source: VoiceSource) => source instanceof MediaStream || source instanceof MediaStreamTrack;

/** Two voices becoming motion on one clock, whoever shows it; {@link Duologue} does. */
export abstract class Talk {
  /** The audio context whose clock everything stands on. */
  readonly context: AudioContext;
  protected readonly events = new Emitter<DuologueEvents>();
  readonly #host: MotionHost;
  readonly #keeper: ContextKeeper;
  readonly #timeline: Timeline;
  readonly #player: MotionPlayer;
  #source: Pick<MotionSource, 'sampleAt' | 'latencyMs' | 'speaking'>;
  #unfollow?: (() => void) | undefined;
  readonly #capture: Capture;
  readonly #heard: Heard;
  readonly #levels: readonly (() => number)[];
  readonly #voices: Voices;
  readonly #speech = new Speech(this.events);
  readonly #iterators = new Set<FrameIterator>();
  readonly #skew = new Skew();
  /** When the sound of the last picture went in, and how far ahead it was drawn. */
  #pictureS = Number.NaN;
  #leadMs = 0;
  #seenS = 0;
  readonly #timer: ReturnType<typeof setInterval>;
  #info: BackendInfo;
  #conditions: Conditions;
  #disposed = false;
  /** Frames that were lost before anybody could be heard, while the page came up; undefined until then. */
  #lostBefore: number | undefined;

  protected constructor(
    { host, info, conditions }: TalkParts,
    { context, capture, heard, timeline }: TalkPlace,
  ) {
    this.#info = info;
    this.context = context;
    this.#host = host;
    this.#keeper = new ContextKeeper(context, (error) => this.#fail(error));
    this.#conditions = conditions;
    this.#capture = capture;
    this.#heard = heard;
    this.#timeline = timeline;
    this.#voices = new Voices(context, capture, heard, {
      error: (cause) => this.#fail(cause),
      permission: (event) => this.events.emit('permission', event),
    });
    this.#levels = [0, 1].map((person) => levelMeter(capture.input(person)));
    this.#player = new MotionPlayer(context, (frame, isFirst) => {
      host.frame(isFirst);
      if (this.#source === this.#player) this.#show(frame, isFirst);
    });
    this.#source = this.#player;
    host.run({
      contextRateHz: context.sampleRate,
      listen: () => capture.renew(),
      show: () => {
        const { reader, writer } = makeStream(MOTION_BLOCK, 128);
        this.#player.open(reader);
        return writer;
      },
      origin: () => this.#player.origin,
      tier: (changed) => this.#know(changed),
      error: (cause) => this.#fail(cause),
    });
    this.#timer = setInterval(() => this.#refresh(), STATS_EVERY_MS);
  }

  /** Which backend runs, on what, and why; it may change while running. */
  get info(): BackendInfo {
    return this.#info;
  }

  protected get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Starts the audio clock, or lets it go on; browsers allow it only after a click or a key. What stops it from outside, as
   * a laptop that sleeps, does so for no longer than it must.
   */
  async start(): Promise<void> {
    this.#lostBefore ??= this.#lost;
    await this.#keeper.start();
  }

  /** Stops the audio clock, and so sound and talk, until `start`; the characters stay alive, and voices attached. */
  async stop(): Promise<void> {
    await this.#keeper.stop();
  }

  /**
   * Gives a person a voice. `play` says whether it is heard too, delayed so that it meets the lips; the default is yes,
   * except for a `MediaStream` or a track, which is usually a microphone. Throws `unsupported` for what gives no sound.
   */
  attach(person: Person, source: VoiceSource, { play = !isLive(source) } = {}): Voice {
    this.#lostBefore ??= this.#lost;
    return this.#voices.attach(person, source, play);
  }

  /** Attaches the voices to begin with. */
  protected attachAll(voices: TalkSetting['voices']): void {
    for (const [person, voice] of voices.entries())
      if (voice) this.attach(person as Person, voice.source, voice);
  }

  /** The microphones of the two, who are seen to speak but not played; see {@link Microphones}. `reset` closes them. */
  get microphones(): Microphones {
    this.#lostBefore ??= this.#lost;
    return this.#voices.microphones;
  }

  /**
   * Lets a person say a chunk of sound, such as text-to-speech gives, after what was pushed before: one channel in −1…1 of
   * any length, at 8,000 … 192,000 Hz, faster or slower than real time. It is heard, too. Throws `unsupported` for
   * anything else, and when ten minutes are waiting.
   */
  pushSamples(person: Person, samples: Float32Array, sampleRateHz: number): void {
    this.#lostBefore ??= this.#lost;
    this.#voices.pushSamples(person, samples, sampleRateHz);
  }

  /**
   * Says that an utterance was pushed whole. Resolves with true when all of it has gone out (it is heard
   * `stats().delayMs` later), with false when it was interrupted.
   */
  flushSamples(person: Person): Promise<boolean> {
    return this.#voices.flushSamples(person);
  }

  /** Whether a voice that is only the other's leak is ducked, from now on: when bleed is heard (`auto`), or never. */
  setGate(gate: GateMode): void {
    checkGate(gate);
    this.#capture.setGate(gate);
  }

  /**
   * Stops a person in mid-word, voice and lips: pushed sound and buffers are cleared, and what comes from now on, pushed or
   * from a stream that goes on, is heard whole.
   */
  interrupt(person: Person): void {
    checkPerson(person);
    this.#voices.interrupt(person);
    this.#heard.hush(person);
    this.#timeline.hush(person, this.heardSample(), this.#source.sampleAt(this.context.currentTime));
  }

  /** Shows motion that comes from elsewhere, and lets the own networks rest; `null` generates again. */
  follow(source: MotionSource | null): void {
    this.#unfollow?.();
    this.#unfollow = source?.listen((frame, isFirst) => this.#show(frame, isFirst));
    this.#source = source ?? this.#player;
    this.#heard.forget();
    this.#timeline.clear();
    if (!this.#disposed) this.#host.rest(source !== null).catch((error: unknown) => this.#fail(error));
  }

  /** Changes how a person is, from the next frame on; throws `unsupported` for what no training knew. */
  async setConditions(person: Person, conditions: PersonConditions): Promise<void> {
    checkPerson(person);
    this.#conditions = withPerson(this.#conditions, person, conditions);
    if (conditions.action !== undefined)
      this.seat(person, this.#conditions.action?.[person] === ACTIONS.indexOf('sit'));
    await this.#host.setConditions(this.#conditions);
  }

  /** How a person feels, from the next frame on. */
  setEmotion(person: Person, emotion: Emotion | number): Promise<void> {
    return this.setConditions(person, { emotion });
  }

  /** Whether a person stands, walks or sits, from the next frame on. */
  setAction(person: Person, action: Action | number): Promise<void> {
    return this.setConditions(person, { action });
  }

  /** Which of the speaking styles 0…3 a person has, from the next frame on. */
  setStyle(person: Person, style: number): Promise<void> {
    return this.setConditions(person, { style });
  }

  /** What the two are to each other, from the next frame on. */
  async setRelationship(relationship: Relationship | number): Promise<void> {
    this.#conditions = { ...this.#conditions, relationship: relationshipOf(relationship) };
    await this.#host.setConditions(this.#conditions);
  }

  /**
   * Changes what runs the networks while the talk goes on: the new backend takes over what the old one remembers.
   * Throws what `createDuologue` throws; the old backend goes on then.
   */
  async setBackend(choice: BackendChoice): Promise<BackendInfo> {
    checkBackend(choice);
    this.#know(await this.#host.setBackend(choice));
    return this.#info;
  }

  /** Figures of the last seconds; cheap enough for every frame. */
  stats(): DuologueStats {
    const { frames, lateFrames, heldFrames } = this.#timeline.stats;
    const [skewMsP2_5, skewMsP50, skewMsP97_5] = this.#skew.percentiles([0.025, 0.5, 0.975]);
    const made = this.#host.stats;
    const blockMs = made?.tickMsP50 ?? Number.NaN;
    return {
      latencyMsP50: this.#source.latencyMs(0.5),
      latencyMsP95: this.#source.latencyMs(0.95),
      skewMsP2_5: skewMsP2_5!,
      skewMsP50: skewMsP50!,
      skewMsP97_5: skewMsP97_5!,
      delayMs: this.#heard.delayS * 1000,
      blockMs,
      realTimeFactor: (blockMs * 30) / 1000,
      gpuMs: made?.gpuMs ?? Number.NaN,
      frames,
      lateFrames,
      heldFrames,
      heldBodyFrames: made?.heldBodyFrames ?? 0,
      lostFrames: this.#lost - (this.#lostBefore ?? this.#lost),
      gapSamples: made?.gapSamples ?? 0,
      restarts: made?.restarts ?? 0,
      level: [this.#levels[0](), this.#levels[1]()],
      speaking: [this.#source.speaking(0), this.#source.speaking(1)],
      info: this.#info,
    };
  }

  /** Listens to an event, see {@link DuologueEvents}; returns what stops it. */
  on<Name extends keyof DuologueEvents>(
    name: Name,
    listener: (event: DuologueEvents[Name]) => void,
  ): () => void {
    return this.events.on(name, listener);
  }

  /** The motion frames from now on, as they arrive; see {@link FrameIterator}. */
  frames(): FrameIterator {
    const frames = new FrameIterator((ended) => this.#iterators.delete(ended));
    if (this.#disposed) frames.end();
    else this.#iterators.add(frames);
    return frames;
  }

  /** Takes all voices away, closes the microphones and begins a new conversation at frame 0. */
  async reset(): Promise<void> {
    this.#voices.clear();
    await this.#host.reset();
  }

  /** Ends everything and frees everything; safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#voices.dispose();
    this.#disposed = true;
    clearInterval(this.#timer);
    this.#unfollow?.();
    this.#capture.dispose();
    this.#player.close();
    this.#host.dispose(disposedError('it changes no more'));
    this.#keeper.dispose();
    this.context.close().catch(() => undefined); // somebody closed it already
    for (const frames of [...this.#iterators]) frames.end();
    this.events.clear();
  }

  /** Disposes at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The audio thread failed and captures anew: its sound comes through another stream. */
  protected recaptured(error: EngineError): void {
    this.#fail(error);
    this.#host.relisten();
  }

  /** Shows whether a person sits. */
  protected abstract seat(person: Person, sits: boolean): void;

  get #lost(): number {
    const { skippedFrames = 0, droppedFrames = 0 } = this.#host.stats ?? {};
    return skippedFrames + droppedFrames + this.#player.staleFrames;
  }

  #show(frame: ArrivedFrame, isFirst: boolean) {
    if (isFirst) {
      this.#timeline.clear();
      this.#speech.clear();
    }
    this.#timeline.push(frame);
    this.#heard.came(frame.contextTimeS);
    this.events.emit('frame', frame);
    this.#speech.take(frame, (person) => this.#source.speaking(person));
    for (const frames of this.#iterators) frames.push(frame);
  }

  /** The sample of the sound that is heard now, as the motion must show it. */
  protected heardSample(): number {
    return this.#source.sampleAt(this.#heard.wentInS(performance.now()));
  }

  /** The sample of the sound that will be heard when the next picture is seen, at `atMs` of `performance.now()`. */
  protected pictureSample(atMs: number): number {
    this.#leadMs = atMs - performance.now();
    this.#pictureS = this.#heard.wentInS(atMs);
    return this.#source.sampleAt(this.#pictureS);
  }

  /** The picture of the last {@link pictureSample} got onto the screen; its motion was already `ageS` old. */
  protected shown(shownMs: number, ageS: number): void {
    if (this.context.state !== 'running') return;
    this.#skew.add((this.#heard.wentInS(shownMs) - this.#pictureS + ageS) * 1000, shownMs);
  }

  #refresh() {
    const visible = document.visibilityState === 'visible';
    const { currentTime } = this.context;
    this.#host.beat({ visible, running: currentTime > this.#seenS });
    this.#seenS = currentTime;
    this.#heard.follow(this.#leadMs);
    this.#voices.follow();
    this.events.emit('stats', this.stats());
  }

  #know(info: BackendInfo) {
    const { backend: from } = this.#info;
    const { backend: to, reason } = info;
    this.#info = info;
    if (to === from) return;
    this.#heard.forget();
    this.events.emit('tier', { from, to, reason });
  }

  #fail(cause: unknown) {
    if (this.#disposed) return;
    const error =
      cause instanceof EngineError ? cause : new EngineError('bug', `The engine failed: ${cause}`, { cause });
    this.events.emit('error', error);
  }
}
