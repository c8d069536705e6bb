import type { BackendInfo, Conditions } from './engine/backend/backend.ts';
import type { BackendChoice } from './engine/backend/open.ts';
import type { PlacementPreset } from './engine/body/body.ts';
import type { SamplerOptions } from './engine/model/sampler.ts';
import { type Character, type CharacterSource, loadCharacter } from './engine/stage/character.ts';
import type { CharacterReport } from './engine/stage/report.ts';
import { Stage } from './engine/stage/stage.ts';
import { Timeline } from './engine/timeline.ts';
import { EngineError } from './errors.ts';
import { capture } from './workers/capture.ts';
import { MOTION_BLOCK } from './workers/motion.block.ts';
import { type ArrivedFrame, MotionPlayer } from './workers/motion.player.ts';
import type { MotionWorker, WorkerStats } from './workers/motion.protocol.ts';
import { connect, moving } from './workers/rpc.ts';
import { makeStream, openReader, transferables } from './workers/stream.ts';
import { attachVoice, levelMeter, type Voice, type VoiceSource } from './workers/voice.ts';

export type { BackendInfo } from './engine/backend/backend.ts';
export type { BackendChoice } from './engine/backend/open.ts';
export type { PlacementPreset } from './engine/body/body.ts';
export {
  ARKIT_51,
  BODY_NUMBERS,
  FRAME_RATE_HZ,
  LOWER_JOINTS,
  SAMPLE_RATE_HZ,
  UPPER_JOINTS,
} from './engine/motion.ts';
export type { ChannelRoute, EyeRoute, FaceRoute } from './engine/stage/channels.ts';
export type { CharacterSource } from './engine/stage/character.ts';
export type { CharacterLicence } from './engine/stage/licence.ts';
export type { CharacterKind, CharacterReport } from './engine/stage/report.ts';
export { EngineError, type ErrorKind } from './errors.ts';
export type { ArrivedFrame } from './workers/motion.player.ts';
export type { Voice, VoiceSource } from './workers/voice.ts';

/** A person of the conversation: 0 stands on the left, 1 on the right. */
export type Person = 0 | 1;

/** What a conversation is made from. */
export type DuologueOptions = {
  /** The element that the stage fills, or the canvas that it draws on. */
  readonly container: HTMLElement | HTMLCanvasElement;
  /** VRM characters, or plain GLB with a human skeleton, by address, `File` or bytes. */
  readonly characters: readonly [CharacterSource, CharacterSource];
  /** Folder of the model files; default `models/` beside the page. */
  readonly modelBaseUrl?: string;
  /** Default `auto`: WGSL on a real GPU, WebAssembly otherwise. */
  readonly backend?: BackendChoice;
  /** Seed of motion and of procedural life, default 1; the same seed gives the same motion. */
  readonly seed?: number;
  /** DDIM steps of a face frame and of a body block, 1…8, default 4. */
  readonly steps?: number;
  /** Classifier-free guidance scale of the face and of the bodies, default 1 (off); anything else doubles the work. */
  readonly guidance?: SamplerOptions['guidance'];
  /** How codes of listening and speaking behaviour are drawn; the default is what the weights were tuned for. */
  readonly codes?: SamplerOptions['codes'];
  /** How the two stand to each other at the beginning, default `vis-a-vis`. */
  readonly placement?: PlacementPreset;
  /** Relationship of the two, 0…5: none, family, friends, work, school, professional. */
  readonly relationship?: number;
  /** Hears how much of the model files has arrived, over all of them. */
  readonly onProgress?: (progress: { phase: 'models'; loadedBytes: number; totalBytes: number }) => void;
};

/** How a person is: indices into the conditions that the networks were trained with (InterAct 4.1, 4.2). */
export type PersonConditions = {
  /** Speaking style, 0…3. */
  readonly style?: number;
  /** Emotion group, 0…6: neutral, surprise, fear, social, self, positive, negative. */
  readonly emotion?: number;
  /** Whether the person faces the other. */
  readonly facing?: boolean;
  /** Action mode, 0…2: stand, walk, sit. */
  readonly action?: number;
};

/** Figures of the running conversation; times in milliseconds, NaN before the first frame. */
export type DuologueStats = {
  /** From a sound on the audio clock to its frame on the timeline. */
  readonly latencyMsP50: number;
  readonly latencyMsP95: number;
  /** By how much sound that is played is delayed to meet its motion. */
  readonly delayMs: number;
  /** Median wall time of one block (a frame of both persons). */
  readonly blockMs: number;
  /** blockMs over the time that a frame lasts; above 1 the machine cannot keep up. */
  readonly realTimeFactor: number;
  readonly frames: number;
  readonly lateFrames: number;
  readonly heldFrames: number;
  /** Frames for which the bodies were held, because their block was late. */
  readonly heldBodyFrames: number;
  /** Frames left out because the machine fell two seconds behind, or the page could not take them. */
  readonly lostFrames: number;
  readonly gapSamples: number;
  /** RMS level of each voice, dB of full scale. */
  readonly level: readonly [number, number];
  readonly speaking: readonly [boolean, boolean];
  /** What runs the networks now, and why. */
  readonly info: BackendInfo;
};

type Events = { frame: ArrivedFrame; stats: DuologueStats; error: EngineError };
type Listener<Name extends keyof Events> = (event: Events[Name]) => void;

const BACKENDS: readonly BackendChoice[] = ['auto', 'webgpu', 'wasm', 'visemes'];
const STATS_EVERY_MS = 500;
const FIRST_DELAY_S = 0.2;
const LONGEST_DELAY_S = 0.8;
/** A moment between two frames needs the later one, so the picture trails the latency by a frame and a little slack. */
const DELAY_SLACK_MS = 1000 / 30 + 8;
/** The delay moves by at most this share of time: a pitch shift that nobody hears. */
const DELAY_SLEW = 0.01;

/**
 * Two voices in, two living characters out: loads the networks and the characters, and stands ready.
 * Throws `asset` when a model or character file is missing or wrong, `unsupported` when the browser cannot do it.
 */
export async function createDuologue(options: DuologueOptions): Promise<Duologue> {
  const { seed = 1, steps = 4, backend = 'auto', placement = 'vis-a-vis', onProgress } = options;
  const { guidance, codes, relationship = 0 } = options;
  checkBackend(backend);
  const worker = new Worker(new URL('./workers/motion.worker.ts', import.meta.url), { type: 'module' });
  const motion = connect<MotionWorker>(worker);
  const progress = makeStream(2, 64, { shared: false });
  const reports = openReader(progress.reader);
  const followProgress = async () => {
    const report = new Float32Array(2);
    for (let loading = true; loading; ) {
      loading = await reports.wait(10_000);
      while (reports.pull(report))
        onProgress?.({ phase: 'models', loadedBytes: report[0], totalBytes: report[1] });
    }
  };
  const modelBaseUrl = new URL(options.modelBaseUrl ?? 'models/', document.baseURI).href;
  const conditions: Conditions = {
    style: [0, 1],
    facing: [1, 1],
    emotion: [0, 0],
    action: [0, 0],
    relationship: wholeNumber(relationship, 5, 'relationship'),
  };
  const request = {
    modelBaseUrl,
    backend,
    sampler: { seed, steps, eta: 0, ...(guidance && { guidance }), ...(codes && { codes }) },
    conditions,
    placement,
    progress: progress.writer,
  };
  const crashed = new Promise<never>((_, reject) => {
    worker.onerror = ({ message }) =>
      reject(
        new EngineError('bug', `The motion worker does not start: ${message || 'its script failed to load'}`),
      );
  });
  void followProgress();
  const loading = motion.load(moving(request, transferables(progress.writer)));
  const characters = Promise.all(options.characters.map((source) => loadCharacter(source)));
  try {
    const [info, [a, b]] = await Promise.race([Promise.all([loading, characters]), crashed]);
    return await Duologue.open(
      { ...options, seed },
      { worker, motion, info, conditions, characters: [a, b] },
    );
  } catch (error) {
    worker.terminate();
    void characters
      .then(([a, b]) => {
        a.dispose();
        b.dispose();
      })
      .catch(() => undefined);
    throw error;
  } finally {
    reports.close();
  }
}

function checkBackend(choice: BackendChoice) {
  if (BACKENDS.includes(choice)) return;
  throw new EngineError('unsupported', `backend is "${choice}", expected one of ${BACKENDS.join(', ')}`, {
    hint: 'Take `auto` to let the machine choose.',
  });
}

function checkPerson(person: Person) {
  if (person === 0 || person === 1) return;
  throw new EngineError('unsupported', `There is no person ${person}, expected 0 or 1.`, {
    hint: 'Person 0 stands on the left and person 1 on the right.',
  });
}

/** Checks an index into an embedding; throws `unsupported` when no training knew it. */
function wholeNumber(value: number, most: number, name: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new EngineError('unsupported', `${name} is ${value}, expected a whole number from 0 to ${most}`, {
    hint: 'See DuologueOptions and PersonConditions for what each number means.',
  });
}

type Parts = {
  readonly worker: Worker;
  readonly motion: ReturnType<typeof connect<MotionWorker>>;
  readonly info: BackendInfo;
  readonly conditions: Conditions;
  readonly characters: readonly [Character, Character];
};

/** A running conversation; made by {@link createDuologue}. */
export class Duologue {
  /** The audio context whose clock everything stands on. */
  readonly context: AudioContext;
  readonly #reports: [CharacterReport, CharacterReport];
  /** How often each person has been asked to change, so that the last wish wins. */
  readonly #changes: [number, number] = [0, 0];
  readonly #worker: Worker;
  readonly #motion: Parts['motion'];
  readonly #stage: Stage;
  readonly #timeline: Timeline;
  readonly #player: MotionPlayer;
  readonly #capture: Awaited<ReturnType<typeof capture>>;
  readonly #delay: DelayNode;
  readonly #levels: readonly (() => number)[];
  readonly #voices = new Set<Voice>();
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();
  readonly #timer: ReturnType<typeof setInterval>;
  #info: BackendInfo;
  #conditions: Conditions;
  #workerStats: WorkerStats | undefined;
  #disposed = false;

  private constructor(
    options: DuologueOptions & { seed: number },
    { worker, motion, info, conditions, characters }: Parts,
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
    this.#timeline = new Timeline();
    const onLost = (error: EngineError) => this.#emit('error', error);
    const { container, seed, placement = 'vis-a-vis' } = options;
    const timeline = this.#timeline;
    this.#stage = new Stage({ container, characters, timeline, placement, seed, onLost });
    this.#delay = new DelayNode(context, { delayTime: FIRST_DELAY_S, maxDelayTime: 1 });
    this.#delay.connect(context.destination);
    this.#levels = [0, 1].map((person) => levelMeter(captured.input(person)));
    const stream = makeStream(MOTION_BLOCK, 128);
    this.#player = new MotionPlayer(context, stream.reader, (frame, isFirst) => {
      if (isFirst) this.#timeline.clear();
      this.#timeline.push(frame);
      this.#emit('frame', frame);
    });
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
    this.#stage.start(() => this.#player.sampleAt(this.#heardTimeS()));
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
    try {
      return new Duologue(options, parts, context, await capture(context));
    } catch (error) {
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
      play ? this.#delay : undefined,
    );
    this.#voices.add(voice);
    void voice.ended.then(() => this.#voices.delete(voice));
    return voice;
  }

  /**
   * Gives a person another body while the talk goes on, and says what it can show. Throws `asset` when the source holds no
   * character; the old body stays then. Of two wishes for one person the later counts.
   */
  async setCharacter(person: Person, source: CharacterSource): Promise<CharacterReport> {
    checkPerson(person);
    this.#changes[person] += 1;
    const change = this.#changes[person];
    const character = await loadCharacter(source);
    const report = character.report();
    if (this.#disposed || change !== this.#changes[person]) {
      character.dispose();
      return report;
    }
    this.#stage.setCharacter(person, character);
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
    await this.#motion.setConditions(this.#conditions);
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
      latencyMsP50: this.#player.latencyMs(0.5),
      latencyMsP95: this.#player.latencyMs(0.95),
      delayMs: this.#delay.delayTime.value * 1000,
      blockMs,
      realTimeFactor: (blockMs * 30) / 1000,
      frames,
      lateFrames,
      heldFrames,
      heldBodyFrames: this.#workerStats?.heldBodyFrames ?? 0,
      lostFrames: (this.#workerStats?.skippedFrames ?? 0) + (this.#workerStats?.droppedFrames ?? 0),
      gapSamples: this.#workerStats?.gapSamples ?? 0,
      level: [this.#levels[0](), this.#levels[1]()],
      speaking: [this.#player.speaking(0), this.#player.speaking(1)],
      info: this.#info,
    };
  }

  /** Listens to `frame` (each motion frame), `stats` (twice a second) or `error`; returns what stops it. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener as (event: never) => void);
    return () => listeners.delete(listener as (event: never) => void);
  }

  /** Takes all voices away and begins a new conversation at frame 0. */
  async reset(): Promise<void> {
    for (const voice of [...this.#voices]) voice.detach();
    await this.#motion.reset();
  }

  /** Ends everything and frees everything; safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    clearInterval(this.#timer);
    for (const voice of [...this.#voices]) voice.detach();
    this.#capture.dispose();
    this.#player.close();
    this.#stage.dispose();
    this.#worker.terminate();
    void this.context.close();
    this.#listeners.clear();
  }

  /** The context time of the sound that is heard now, as the motion must show it. */
  #heardTimeS() {
    const { currentTime, outputLatency } = this.context;
    return currentTime - (outputLatency || 0) - this.#delay.delayTime.value;
  }

  async #refresh() {
    try {
      this.#workerStats = await this.#motion.stats();
      this.#info = this.#workerStats.info;
    } catch (error) {
      this.#fail(error);
    }
    if (this.#disposed) return;
    this.#followLatency();
    this.#emit('stats', this.stats());
  }

  /** Delays what is heard by what the motion needs, so slowly that nobody hears the change. */
  #followLatency() {
    const wanted = (this.#player.latencyMs(0.95) + DELAY_SLACK_MS) / 1000;
    const { delayTime } = this.#delay;
    const target = Math.min(LONGEST_DELAY_S, Math.max(0.05, wanted));
    const change = Math.abs(target - delayTime.value);
    if (Number.isNaN(target) || change < 0.01) return;
    const now = this.context.currentTime;
    delayTime.cancelScheduledValues(now);
    delayTime.setValueAtTime(delayTime.value, now);
    delayTime.linearRampToValueAtTime(target, now + change / DELAY_SLEW);
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
