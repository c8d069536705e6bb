import type { BackendInfo, Conditions, Tier } from '../engine/backend/backend.ts';
import { isOutOfMemory } from '../engine/backend/memory.ts';
import type { BackendChoice } from '../engine/backend/open.ts';
import { EngineError } from '../errors.ts';
import { CrashPolicy } from './crash.policy.ts';
import { compiled } from './kept.code.ts';
import { RUNTIME_NAME } from './manifest.ts';
import { LiveWorker } from './motion.live.ts';
import type { MotionRequest, Origin, TakeOver, WorkerNews, WorkerStats } from './motion.protocol.ts';
import { moving } from './rpc.ts';
import { type StreamEnd, transferables } from './stream.ts';
import { isAbove } from './tier.policy.ts';

/** Where a motion worker gets its sound and gives its motion; each worker gets streams of its own. */
export type MotionPlace = {
  readonly contextRateHz: number;
  /** A fresh reading end of the captured sound. */
  listen(): StreamEnd;
  /** A fresh writing end of the motion. */
  show(): StreamEnd;
  /** Where on the clock the motion that is shown began; undefined before its first frame. */
  origin(): Origin | undefined;
  /** Other networks run from now on. */
  tier(info: BackendInfo): void;
  /** Something failed. */
  error(error: unknown): void;
};

/** Whether the page can expect an answer: it is seen, and its clock runs. */
export type Watch = { readonly visible: boolean; readonly running: boolean };

/** A longer time (ms) between two looks says that the page itself was held up, and nothing of the worker. */
const LONGEST_BEAT_MS = 1000;

const GOES_ON = 'It goes on by itself: another worker takes over, with the lips at once.';
const WAITS = 'It goes on by itself as soon as the network is back.';
const MEMORY_HINT = 'Close other tabs, or choose `backend: visemes`, which needs the least memory.';

/** Starts the motion worker's script. */
const startWorker = () => new Worker(new URL('./motion.worker.ts', import.meta.url), { type: 'module' });

/**
 * Keeps a motion worker at work: when it crashes, closes or hangs, another one takes over in the same time, first with the
 * lips, then with what ran before. What is asked of it settles in any case.
 */
export class MotionHost {
  readonly #policy = new CrashPolicy();
  #request: MotionRequest;
  #place: MotionPlace | undefined;
  #live: LiveWorker | undefined;
  #tier: Tier = 'visemes';
  #best: Tier | undefined;
  /** How often crashes led to a lower tier. */
  #falls = 0;
  #files: ReadonlyMap<string, Blob> | undefined;
  /** Held for the next worker, see {@link compiled}. */
  #code: Promise<WebAssembly.Module | undefined> | undefined;
  #resting = false;
  /** A new conversation was asked for and has not been seen yet. */
  #renewed = false;
  #over: EngineError | undefined;
  #restart: ReturnType<typeof setTimeout> | undefined;
  /** Aborted when nobody waits for the network any more. */
  readonly #disposal = new AbortController();
  #waitsForNetwork = false;
  #readers: (() => void)[] = [];
  #stats: WorkerStats | undefined;
  /** Counters of workers that are no more. */
  #past: Counters = NO_COUNTERS;
  #beatMs = 0;
  #visible = true;

  constructor(request: MotionRequest) {
    this.#request = request;
  }

  /** Counters so far, over all workers; undefined before the first answer. */
  get stats(): WorkerStats | undefined {
    return this.#stats && { ...this.#stats, ...added(this.#past, this.#stats) };
  }

  /**
   * Starts a worker and loads the networks; `progress` takes messages [loadedBytes, totalBytes]. Throws what loading throws,
   * `asset` when the worker's script does not come, and `bug` when it does not start.
   */
  async load(progress: MessagePort): Promise<BackendInfo> {
    const live = this.#begin();
    const answer = await live.answer(live.load(this.#request, { progress }));
    if (this.#over) throw this.#over;
    if (!answer && live.unreached)
      throw new EngineError(
        'asset',
        'A part of the engine cannot be fetched: the script of the motion worker does not load.',
        {
          hint: 'Check the network, serve the script beside the page, and let the Content-Security-Policy allow it as a worker.',
        },
      );
    if (!answer)
      throw new EngineError('bug', `The motion worker does not start: it ${live.ended ?? 'ended'}.`, {
        hint: 'Reload the page; if it happens again, report it with what the console says.',
      });
    live.isLoaded = true;
    this.#tier = answer.value.backend;
    return answer.value;
  }

  /** Lets the loaded worker take sound and give motion, and keeps it at work from now on. */
  run(place: MotionPlace): void {
    this.#place = place;
    if (this.#live) this.#start(this.#live);
    else this.#crashed(this.#endOf(undefined, 'ended while the page was made ready'));
  }

  /** Looks whether the worker still answers; to be called twice a second. */
  beat({ visible, running }: Watch): void {
    const now = performance.now();
    const sinceMs = now - this.#beatMs;
    this.#beatMs = now;
    const live = this.#live;
    if (!live || !this.#place) return;
    if (live.isRunning) {
      if (visible !== this.#visible) live.tell(live.motion.setVisible(visible));
      live.poll((stats) => {
        this.#stats = stats;
      });
    }
    this.#visible = visible;
    if (!visible || !running || sinceMs > LONGEST_BEAT_MS) return;
    live.silentMs += sinceMs;
    if (live.silentMs > live.patienceMs)
      this.#fail(live, `has not answered for ${(live.silentMs / 1000).toFixed(0)} s`);
  }

  /** A frame has come: the worker lives. */
  frame(isFirst: boolean): void {
    if (isFirst) this.#renewed = false;
    this.#live?.frame();
  }

  /** How the two are from the next frame on. */
  setConditions(conditions: Conditions): Promise<void> {
    this.#request = { ...this.#request, conditions };
    return this.#ask((live) => live.motion.setConditions(this.#request.conditions));
  }

  /**
   * Changes what runs the networks; the old ones go on when the new ones cannot run. Throws `lost` when the worker crashed
   * over it, and starts anew where it was given up.
   */
  async setBackend(choice: BackendChoice): Promise<BackendInfo> {
    if (this.#over && this.#place) this.#revive();
    const live = await this.#whenLive();
    const answer = await live.answer(live.motion.setBackend(choice));
    if (!answer)
      throw new EngineError('lost', `The motion worker crashed while it changed over to ${choice}.`, {
        hint: 'The talk goes on with what ran before; ask again, or take `auto`.',
      });
    this.#request = { ...this.#request, backend: choice };
    this.#tier = answer.value.backend;
    return answer.value;
  }

  /** Begins a new conversation at frame 0 with the next sound. */
  reset(): Promise<void> {
    this.#renewed = true;
    return this.#ask((live) => live.motion.reset());
  }

  /** Lets the networks rest, or begins a new conversation. */
  rest(resting: boolean): Promise<void> {
    if (this.#resting && !resting) this.#renewed = true;
    this.#resting = resting;
    return this.#ask((live) => live.motion.rest(resting));
  }

  /** Gives the worker another stream of sound, because the old one broke off. */
  relisten(): void {
    const live = this.#live;
    const place = this.#place;
    if (!live?.isRunning || !place) return;
    const end = place.listen();
    live.tell(live.motion.listen(moving(end, transferables(end))));
  }

  /** Ends the worker; whoever waits for it, now or later, gets `why`. */
  dispose(why: EngineError): void {
    clearTimeout(this.#restart);
    this.#disposal.abort();
    this.#over = why;
    this.#live?.end();
    this.#live = undefined;
    this.#code = undefined;
    for (const read of this.#readers.splice(0)) read();
  }

  /** Asks until a worker has answered. */
  async #ask<Answer>(ask: (live: LiveWorker) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const live = await this.#whenLive();
      const answer = await live.answer(ask(live));
      if (answer) return answer.value;
    }
  }

  async #whenLive(): Promise<LiveWorker> {
    for (;;) {
      if (this.#over) throw this.#over;
      if (this.#live?.isLoaded) return this.#live;
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
  }

  #begin(): LiveWorker {
    const live = new LiveWorker(startWorker(), {
      news: (news) => this.#hear(live, news),
      failed: (why) => this.#fail(live, why),
    });
    this.#live = live;
    return live;
  }

  #hear(live: LiveWorker, { info, goal, best, files }: WorkerNews) {
    if (files) {
      this.#files = files;
      this.#code ??= compiled(files.get(RUNTIME_NAME));
    }
    if (live !== this.#live || !info) return;
    this.#tier = goal ?? info.backend;
    this.#best = best;
    this.#place?.tier(info);
  }

  #start(live: LiveWorker) {
    const place = this.#place;
    if (!place) return;
    const [sound, motion] = [place.listen(), place.show()];
    const origin = this.#renewed ? undefined : place.origin();
    live.isRunning = true;
    if (this.#resting) live.tell(live.motion.rest(true));
    if (!this.#visible) live.tell(live.motion.setVisible(false));
    live.motion
      .run(
        moving(sound, transferables(sound)),
        place.contextRateHz,
        moving(motion, transferables(motion)),
        origin,
      )
      .catch((error: unknown) => this.#fail(live, `failed: ${wordsOf(error)}`, error));
    for (const read of this.#readers.splice(0)) read();
  }

  #fail(live: LiveWorker, why: string, cause?: unknown) {
    if (live !== this.#live) return;
    this.#crashed(this.#endOf(live, why, cause));
  }

  #endOf(live: LiveWorker | undefined, why: string, cause?: unknown): Ended {
    this.#live = undefined;
    live?.end(why);
    if (this.#stats) this.#past = added(this.#past, this.#stats);
    if (this.#stats) this.#stats = { ...this.#stats, ...NO_COUNTERS };
    this.#past = { ...this.#past, restarts: this.#past.restarts + 1 };
    // What another worker has loaded can only fail because the network does not give it again.
    const unreached = live?.unreached === true || (cause instanceof EngineError && cause.kind === 'asset');
    return { why, livedMs: live?.livedMs ?? 0, outOfMemory: isOutOfMemory(cause ?? why), unreached, cause };
  }

  /** Says what happened, and starts another worker, or gives up. Before `run`, whoever loads is told instead. */
  #crashed({ why, livedMs, outOfMemory, unreached, cause }: Ended) {
    if (this.#over || !this.#place) return;
    const next = this.#policy.after({ tier: this.#tier, livedMs, outOfMemory, unreached });
    const message = `The motion worker ${why}.`;
    if (!next) {
      this.#over = new EngineError(
        'lost',
        `${message} It crashes again and again: no motion comes any more.`,
        {
          hint: outOfMemory ? MEMORY_HINT : 'Reload the page, or try once more by setBackend("auto").',
          cause,
        },
      );
      for (const read of this.#readers.splice(0)) read();
      this.#place.error(this.#over);
      return;
    }
    const hint = unreached ? WAITS : outOfMemory ? `${GOES_ON} ${MEMORY_HINT}` : GOES_ON;
    if (!(unreached && this.#waitsForNetwork))
      this.#place.error(new EngineError('lost', message, { hint, cause }));
    this.#waitsForNetwork = unreached;
    if (isAbove(this.#tier, next.tier)) {
      if (!this.#best || isAbove(this.#tier, this.#best)) this.#best = this.#tier;
      this.#falls++;
    }
    const takeOver = {
      tier: next.tier,
      why: `the motion worker ${why}`,
      best: this.#best,
      falls: this.#falls,
    };
    const goOn = () => void this.#takeOver(takeOver);
    this.#tier = next.tier;
    if (unreached && !navigator.onLine)
      window.addEventListener('online', goOn, { once: true, signal: this.#disposal.signal });
    else this.#restart = setTimeout(goOn, next.waitMs);
  }

  async #takeOver(takeOver: TakeOver) {
    const live = this.#begin();
    try {
      const answer = await live.answer(live.load(this.#request, { takeOver, files: this.#files }));
      if (!answer || live !== this.#live) return; // it crashed, and the next is on its way
      live.isLoaded = true;
      this.#place?.tier(answer.value);
      this.#start(live);
    } catch (error) {
      this.#fail(live, `does not load: ${wordsOf(error)}`, error);
    }
  }

  #revive() {
    this.#over = undefined;
    this.#policy.clear();
    void this.#takeOver({ tier: 'visemes', why: 'another try was asked for' });
  }
}

type Ended = {
  readonly why: string;
  readonly livedMs: number;
  readonly outOfMemory: boolean;
  readonly unreached: boolean;
  readonly cause: unknown;
};

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const COUNTED = [
  'frames',
  'gapSamples',
  'nonFinite',
  'droppedFrames',
  'skippedFrames',
  'restarts',
  'droppedBlocks',
  'heldBodyFrames',
] as const satisfies readonly (keyof WorkerStats)[];

type Counters = Readonly<Record<(typeof COUNTED)[number], number>>;

const counters = (countOf: (name: (typeof COUNTED)[number]) => number): Counters =>
  Object.fromEntries(COUNTED.map((name) => [name, countOf(name)])) as Counters;

const NO_COUNTERS = counters(() => 0);

const added = (a: Counters, b: Counters) => counters((name) => a[name] + b[name]);
