import type { Backend, BackendInfo, Conditions, Tier } from '../engine/backend/backend.ts';
import { isOutOfMemory } from '../engine/backend/memory.ts';
import type { BackendChoice } from '../engine/backend/open.ts';
import { EngineError, invariant } from '../errors.ts';
import type { Conversation } from './conversation.ts';
import type { TakeOver, WorkerNews } from './motion.protocol.ts';
import { type Failure, TierPolicy, tierBelow } from './tier.policy.ts';

/** A backend that is open, and what is said of it. */
export type Opened = { readonly backend: Backend; readonly lookahead: number; readonly info: BackendInfo };

/** Opens a backend of the user's choice, or a certain tier. */
export type OpenTier = (choice: BackendChoice, conditions: Conditions) => Promise<Opened>;

/** Milliseconds of a tick; a better tier is tried in WebAssembly only where the lips leave half of it. */
const TICK_MS = 1000 / 30;
const SLACK_MS = TICK_MS / 2;

/** Ticks (3 s) after which a tier that was tried again has shown whether it keeps up. */
const TRIAL_TICKS = 90;

/** Opening networks takes the processors: it waits for the lips, but no longer (ms), because where nothing sounds they do not move. */
const LIPS_FIRST_MS = 2000;

/** What runs the networks of a conversation, in turn: opened, changed, mended when it breaks, and tried again. */
export class Tiers {
  readonly #openTier: OpenTier;
  readonly #tell: (news: WorkerNews) => void;
  readonly #policy: TierPolicy;
  #choice: BackendChoice;
  #conditions: Conditions;
  #opened: Opened | undefined;
  #talk: Conversation | undefined;
  #changing = false;
  #visible = true;
  #framesSeen = 0;

  constructor(
    openTier: OpenTier,
    { backend, conditions }: { readonly backend: BackendChoice; readonly conditions: Conditions },
    tell: (news: WorkerNews) => void = () => undefined,
    policy = new TierPolicy(),
  ) {
    this.#openTier = openTier;
    this.#choice = backend;
    this.#conditions = conditions;
    this.#tell = tell;
    this.#policy = policy;
  }

  /** What is open now. */
  get now(): Opened {
    invariant(this.#opened, 'tiers: nothing is open');
    return this.#opened;
  }

  /** Opens what the user chose, or the lips at once where a crashed worker's talk goes on. */
  async begin(takeOver: TakeOver | undefined): Promise<BackendInfo> {
    if (takeOver?.best) this.#policy.crashed(takeOver.best, takeOver.falls ?? 0);
    const next = takeOver
      ? await this.#open('visemes', `${takeOver.why}; ${wordsOf('visemes', takeOver.tier)}`)
      : await this.#open(this.#choice);
    this.#put(next, takeOver?.tier);
    return next.info;
  }

  /** Runs a conversation until it is stopped, whatever breaks; rejects when nothing helps any more. */
  async run(talk: Conversation, takeOver: TakeOver | undefined): Promise<void> {
    this.#talk = talk;
    if (takeOver && takeOver.tier !== 'visemes')
      void this.#comeBack(talk, takeOver.tier, `${takeOver.why}; another one took over`);
    for (;;) {
      try {
        return await talk.run();
      } catch (error) {
        await this.#mend(talk, error);
      }
    }
  }

  /** Changes how the two are. */
  async setConditions(conditions: Conditions): Promise<void> {
    this.#conditions = conditions;
    await this.now.backend.setConditions(conditions);
  }

  /** Changes over to the user's choice, which the engine does not leave without need. */
  async choose(choice: BackendChoice): Promise<BackendInfo> {
    const { info } = await this.#exchange(() => this.#open(choice));
    this.#choice = choice;
    this.#policy.clear();
    return info;
  }

  /** Goes a tier down, when the choice was left to us and the machine cannot keep up. */
  slow(tickMs: number): void {
    const tier = this.now.info.backend;
    const lower = tierBelow(tier);
    if (this.#choice !== 'auto' || this.#changing || !lower) return;
    const why = `${tier} could not keep up: a tick took ${tickMs.toFixed(0)} ms of ${TICK_MS.toFixed(0)} ms`;
    this.#exchange(
      () => this.#open(lower, why),
      () => this.#policy.fell(tier),
    ).catch(() => undefined); // the old tier goes on
  }

  /** Whether the page is seen. */
  setVisible(visible: boolean): void {
    this.#visible = visible;
  }

  /**
   * Tries a better tier again, for real, if it is time for it, the page is seen and the talk has slack; to be called about
   * once a second. A tier that then does not keep pace is left soon, and tried again later.
   */
  look(): void {
    const { tickMsP95 = Number.NaN, frames = 0 } = this.#talk?.stats ?? {};
    const moves = frames !== this.#framesSeen;
    this.#framesSeen = frames;
    if (this.#choice !== 'auto' || this.#changing || !this.#visible || !moves) return;
    const tier = this.#policy.climbFrom(this.now.info.backend);
    if (!tier || (tier === 'wasm' && !(tickMsP95 < SLACK_MS))) return;
    this.#exchange(
      () => this.#open(tier, `${tier} is tried again`),
      () => this.#policy.climbed(tier),
    ).then(
      () => this.#talk?.watchClosely(TRIAL_TICKS),
      () => this.#policy.stayed(),
    );
  }

  /** Lets go of everything. */
  dispose(): void {
    this.#opened?.backend.dispose();
    this.#opened = undefined;
  }

  /** Goes on with the lips at once, because what is to run next takes seconds to be ready. Throws when nothing is left. */
  async #mend(talk: Conversation, error: unknown) {
    const failure = failureOf(error);
    const tier = this.now.info.backend;
    const goal = this.#policy.after(failure, tier, this.#choice !== 'auto');
    // What WebAssembly took it gives back only when its worker ends.
    if (!goal || (failure === 'memory' && tier !== 'webgpu')) throw error;
    const why = `${tier} ${WORDS[failure]}: ${error instanceof Error ? error.message : error}`.replace(
      /\.$/,
      '',
    );
    this.#opened?.backend.dispose();
    if (failure === 'lost' && goal !== tier) this.#policy.fell(tier);
    this.#put(await this.#open('visemes', `${why}; ${wordsOf('visemes', goal)}`), goal);
    await talk.resume(this.now.backend);
    if (goal !== 'visemes') void this.#comeBack(talk, goal, why, failure === 'lost' ? tier : undefined);
  }

  /** Changes over from the lips, once they move, to a tier, or to a lower one where it cannot be opened. */
  async #comeBack(talk: Conversation, goal: Tier, why: string, from: Tier = goal) {
    const lipsMove = talk.keepsUp(LIPS_FIRST_MS);
    for (let tier: Tier | undefined = goal; tier && tier !== 'visemes'; tier = tierBelow(tier)) {
      const next = tier;
      const reason = tier === from ? `${why}; it is open again` : why;
      const open = () => lipsMove.then(() => this.#open(next, reason));
      const done = await this.#exchange(open).then(
        () => true,
        () => false,
      );
      if (done) return;
      this.#policy.fell(from);
    }
    this.#tell({ info: this.now.info, best: this.#policy.best });
  }

  async #open(choice: BackendChoice, why?: string): Promise<Opened> {
    this.#tell({ opening: true });
    try {
      const conditions = this.#conditions;
      const opened = await this.#openTier(choice, conditions);
      if (this.#conditions !== conditions) await opened.backend.setConditions(this.#conditions);
      return why ? { ...opened, info: { ...opened.info, reason: why } } : opened;
    } finally {
      this.#tell({ opening: false });
    }
  }

  #put(next: Opened, goal?: Tier) {
    this.#opened = next;
    this.#tell({ info: next.info, goal, best: this.#policy.best });
  }

  /** Puts what is opened in the place of the backend at work, which goes on until then, and if it fails. */
  async #exchange(openNext: () => Promise<Opened>, onDone?: () => void): Promise<Opened> {
    if (this.#changing)
      throw new EngineError('bug', 'The backend is being changed already.', {
        hint: 'Wait for the first change to settle.',
      });
    this.#changing = true;
    try {
      const conditions = this.#conditions;
      const next = await openNext();
      const old = this.now; // only now: a device may have been lost, and replaced, in the meantime
      try {
        if (this.#conditions !== conditions) await next.backend.setConditions(this.#conditions);
        await this.#talk?.exchange(old.backend, next.backend);
      } catch (error) {
        next.backend.dispose();
        throw error;
      }
      onDone?.();
      this.#put(next);
      old.backend.dispose();
      return next;
    } finally {
      this.#changing = false;
    }
  }
}

const WORDS: Readonly<Record<Failure, string>> = {
  lost: 'was lost',
  memory: 'ran out of memory',
  other: 'failed',
};

const failureOf = (error: unknown): Failure =>
  isOutOfMemory(error) ? 'memory' : error instanceof EngineError && error.kind === 'lost' ? 'lost' : 'other';

const wordsOf = (now: Tier, goal: Tier) =>
  goal === now ? 'lips alone go on' : `lips go on while ${goal} is being opened`;
