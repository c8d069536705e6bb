import type { BackendInfo } from '../engine/backend/backend.ts';
import type { LoadRequest, MotionRequest, MotionWorker, WorkerNews, WorkerStats } from './motion.protocol.ts';
import { connect, moving } from './rpc.ts';

/** Hears of what a worker does by itself. */
export type LiveListener = {
  news(news: WorkerNews): void;
  /** It will not go on; says why, as a predicate in words. */
  failed(why: string): void;
};

/** What a worker may be silent for, in ms: a long tick takes a second or two. */
const HANG_MS = 3000;

/** It may be silent for so many times as long as its slow answers took: the machine may be busy with something else. */
const SLOWNESS = 8;

/** A slow answer counts for so much of itself half a second later. */
const FORGET = 0.9;

/** Before its first answer nobody knows how busy the machine is. */
const BEGINNING_MS = 10_000;

/** Opening networks compiles them. */
const OPENING_MS = 30_000;

let started = 0;

/** One motion worker while it lives, and whoever waits for it. */
export class LiveWorker {
  readonly motion: ReturnType<typeof connect<MotionWorker>>;
  /** It has loaded its networks, and may be asked. */
  isLoaded = false;
  /** It has been told to run. */
  isRunning = false;
  /** It opens networks, which may keep it busy. */
  isOpening = true;
  /** For how long (ms) there has been no sign of life. */
  silentMs = 0;
  /** Why it ended. */
  ended: string | undefined;
  /** Its script did not come. */
  unreached = false;
  readonly #worker: Worker;
  readonly #listener: LiveListener;
  readonly #news = new MessageChannel();
  readonly #locking = new AbortController();
  readonly #lock = `duologue-motion-${started++}-${Math.random()}`;
  readonly #waiting = new Set<() => void>();
  #firstFrameMs: number | undefined;
  #lastFrameMs = 0;
  #isAsked = false;
  #answerMs: number | undefined;

  constructor(worker: Worker, listener: LiveListener) {
    this.#worker = worker;
    this.#listener = listener;
    this.motion = connect<MotionWorker>(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      this.unreached = !event.message;
      listener.failed(`failed: ${event.message || 'its script failed to load'}`);
    };
    worker.onmessageerror = () => listener.failed('was sent what it cannot read');
    this.#news.port1.onmessage = ({ data }: MessageEvent<WorkerNews>) => {
      this.silentMs = 0;
      if (data.opening !== undefined) this.isOpening = data.opening;
      if (data.locked) void this.#awaitEnd();
      listener.news(data);
    };
  }

  /** For how long (ms) it made motion. */
  get livedMs(): number {
    return this.#firstFrameMs === undefined ? 0 : this.#lastFrameMs - this.#firstFrameMs;
  }

  /** Without a sign of life for so long (ms) it hangs. */
  get patienceMs(): number {
    if (this.isOpening) return OPENING_MS;
    return this.#answerMs === undefined ? BEGINNING_MS : Math.max(HANG_MS, SLOWNESS * this.#answerMs);
  }

  /** Loads its networks. */
  load(
    request: MotionRequest,
    more: Pick<LoadRequest, 'progress' | 'takeOver' | 'files'>,
  ): Promise<BackendInfo> {
    const news = this.#news.port2;
    const moved = more.progress ? [news, more.progress] : [news];
    return this.motion.load(moving({ ...request, ...more, news, lock: this.#lock }, moved));
  }

  /** What it answers; undefined when it ends before. */
  answer<Answer>(answer: Promise<Answer>): Promise<{ readonly value: Answer } | undefined> {
    return new Promise((resolve, reject) => {
      const giveUp = () => resolve(undefined);
      if (this.ended !== undefined) return giveUp();
      this.#waiting.add(giveUp);
      answer
        .then((value) => resolve({ value }), reject)
        .finally(() => {
          this.silentMs = 0;
          this.#waiting.delete(giveUp);
        });
    });
  }

  /** Tells it something that it need not answer. */
  tell(answer: Promise<void>): void {
    this.answer(answer).catch((error: unknown) => this.#listener.failed(`failed: ${error}`));
  }

  /** Asks for its counters, unless it still owes an answer. */
  poll(take: (stats: WorkerStats) => void): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const askedMs = performance.now();
    this.answer(this.motion.stats())
      .then((answer) => {
        if (!answer) return;
        this.#answerMs = Math.max(performance.now() - askedMs, FORGET * (this.#answerMs ?? 0));
        take(answer.value);
      })
      .catch(() => undefined) // before it runs it has none
      .finally(() => {
        this.#isAsked = false;
      });
  }

  /** A frame of it has come. */
  frame(): void {
    this.silentMs = 0;
    this.#lastFrameMs = performance.now();
    this.#firstFrameMs ??= this.#lastFrameMs;
  }

  /** Ends it; nobody waits for it any more. */
  end(why = 'was ended'): void {
    if (this.ended !== undefined) return;
    this.ended = why;
    this.#worker.onerror = (event) => event.preventDefault();
    this.#worker.terminate();
    this.#news.port1.close();
    this.#locking.abort();
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
  }

  /** A worker that closes itself tells nobody, but it lets go of its lock. */
  async #awaitEnd() {
    const { signal } = this.#locking;
    await navigator.locks.request(this.#lock, { signal }, () => undefined).catch(() => undefined);
    if (!signal.aborted) this.#listener.failed('closed');
  }
}
