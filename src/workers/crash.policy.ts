import type { Tier } from '../engine/backend/backend.ts';
import { tierBelow } from './tier.policy.ts';

/** Crashes within {@link WITHIN_MS} from which on a lower tier is taken. */
const MOST_CRASHES = 3;
const WITHIN_MS = 60_000;

/** A worker that made motion for so long (ms) was no failure from the start. */
const WORTHWHILE_MS = 2000;

/** Crashes in a row, each of a worker that did nothing worthwhile, after which even lips alone are given up. */
const MOST_FUTILE = 4;

/** Tries, in five minutes, to fetch what is not there on a page that is online. */
const MOST_UNREACHED = 34;
const LONGEST_WAIT_MS = 10_000;

/** What is waited (ms) before a worker that follows a futile one is started; it doubles with each. */
const FIRST_WAIT_MS = 250;

/** How a worker ended. */
export type Crash = {
  /** What it ran, or was about to run. */
  readonly tier: Tier;
  /** For how long it had made motion, in ms. */
  readonly livedMs: number;
  readonly outOfMemory: boolean;
  /** It never ran, because the network did not give its code. */
  readonly unreached?: boolean;
};

/** Decides what follows a crash of the motion worker: another one soon, on which tier, or none. */
export class CrashPolicy {
  readonly #now: () => number;
  #crashes: number[] = [];
  #futile = 0;
  #unreached = 0;

  /** `now` in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The tier that the next worker comes back to and what is waited (ms) before it starts; undefined to give up. */
  after({
    tier,
    livedMs,
    outOfMemory,
    unreached = false,
  }: Crash): { readonly tier: Tier; readonly waitMs: number } | undefined {
    if (unreached) {
      const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#unreached);
      return this.#unreached++ < MOST_UNREACHED ? { tier, waitMs } : undefined;
    }
    this.#unreached = 0;
    const now = this.#now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < WITHIN_MS), now];
    this.#futile = livedMs < WORTHWHILE_MS ? this.#futile + 1 : 0;
    const waitMs = this.#futile === 0 ? 0 : FIRST_WAIT_MS * 2 ** (this.#futile - 1);
    if (!outOfMemory && this.#crashes.length < MOST_CRASHES) return { tier, waitMs };
    const lower = tierBelow(tier);
    if (lower) {
      this.#crashes = [];
      this.#futile = 0;
      return { tier: lower, waitMs };
    }
    return this.#futile < MOST_FUTILE ? { tier, waitMs } : undefined;
  }

  /** Forgets all crashes, because somebody wants another try. */
  clear(): void {
    this.#crashes = [];
    this.#futile = 0;
    this.#unreached = 0;
  }
}
