import type { Tier } from '../engine/backend/backend.ts';

const TIERS: readonly Tier[] = ['webgpu', 'wasm', 'visemes'];

/** The next tier down; undefined below lips alone. */
export const tierBelow = (tier: Tier): Tier | undefined => TIERS[TIERS.indexOf(tier) + 1];

/** Whether a tier does more than another. */
export const isAbove = (tier: Tier, other: Tier): boolean => TIERS.indexOf(tier) < TIERS.indexOf(other);

/** After a fall, a better tier is tried again after so long (ms), and then after twice as long, up to the longest. */
const FIRST_PATIENCE_MS = 30_000;
const LONGEST_PATIENCE_MS = 480_000;

/** A tier that was tried again and lasted for so long (ms) has proved itself. */
const LASTING_MS = 300_000;

/** Failures of one tier within this time (ms) count together. */
const WITHIN_MS = 60_000;
const MOST_LOSSES = 3;

/** Why networks stopped in the middle of a talk. */
export type Failure = 'lost' | 'memory' | 'other';

/** Decides which tier runs next: after a failure, after the machine could not keep up, and when a better one is tried again. */
export class TierPolicy {
  readonly #now: () => number;
  #best: Tier | undefined;
  #patienceMs = FIRST_PATIENCE_MS;
  #nextMs = 0;
  #climbedMs = Number.NEGATIVE_INFINITY;
  #failures: { readonly tier: Tier; readonly failure: Failure; readonly atMs: number }[] = [];

  /** `now` in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A better tier than what runs, which is tried again later. */
  get best(): Tier | undefined {
    return this.#best;
  }

  /**
   * What runs after a failure of `tier`: itself, opened anew, when that may help, else a lower one; undefined when there is
   * none. Without memory nothing helps but less; `trusts` says that the user wants just this tier, however often it is lost.
   */
  after(failure: Failure, tier: Tier, trusts: boolean): Tier | undefined {
    const atMs = this.#now();
    this.#failures = this.#failures.filter((old) => atMs - old.atMs < WITHIN_MS);
    this.#failures.push({ tier, failure, atMs });
    const again = this.#failures.filter((old) => old.tier === tier && old.failure === failure).length;
    if (failure === 'lost' && (trusts || again <= MOST_LOSSES - 1)) return tier;
    if (failure === 'other' && again === 1) return tier;
    return tierBelow(tier);
  }

  /** A tier was left because it was lost or could not keep up: it is tried again, later each time that it does not last. */
  fell(from: Tier): void {
    const now = this.#now();
    if (!this.#best || isAbove(from, this.#best)) this.#best = from;
    const lasted = now - this.#climbedMs > LASTING_MS;
    this.#patienceMs = lasted ? FIRST_PATIENCE_MS : Math.min(LONGEST_PATIENCE_MS, 2 * this.#patienceMs);
    this.#nextMs = now + this.#patienceMs;
  }

  /** A worker's tier was left because of crashes, the `falls`-th time (0: another worker goes on with the same). */
  crashed(best: Tier, falls: number): void {
    this.fell(best);
    this.#patienceMs = Math.min(LONGEST_PATIENCE_MS, FIRST_PATIENCE_MS * 2 ** falls);
    this.#nextMs = this.#now() + this.#patienceMs;
  }

  /** The tier to try now, one above what runs; undefined when it is not the time. */
  climbFrom(tier: Tier): Tier | undefined {
    if (!this.#best || !isAbove(this.#best, tier) || this.#now() < this.#nextMs) return undefined;
    return TIERS[TIERS.indexOf(tier) - 1];
  }

  /** A better tier runs again. */
  climbed(to: Tier): void {
    this.#climbedMs = this.#now();
    this.#nextMs = this.#climbedMs + this.#patienceMs;
    if (this.#best === to) this.#best = undefined;
  }

  /** A better tier could not be opened. */
  stayed(): void {
    this.#patienceMs = Math.min(LONGEST_PATIENCE_MS, 2 * this.#patienceMs);
    this.#nextMs = this.#now() + this.#patienceMs;
  }

  /** Forgets everything, because the user chose. */
  clear(): void {
    this.#best = undefined;
    this.#patienceMs = FIRST_PATIENCE_MS;
    this.#climbedMs = Number.NEGATIVE_INFINITY;
    this.#failures = [];
  }
}
