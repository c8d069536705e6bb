import type { ArrivedFrame } from '../workers/motion.player.ts';
import type { Voice, VoiceSource } from '../workers/voice.ts';
import type { MotionChannel, MotionSource } from './motion-channel.ts';

/** What a call needs of a conversation; a `Duologue` is one. */
export type MotionSink = {
  readonly context: AudioContext;
  /** What runs the networks now. */
  readonly info: { readonly backend: string };
  attach(person: 0 | 1, source: VoiceSource, options?: { play?: boolean }): Voice;
  /** Shows motion from elsewhere and rests the own networks; `null` generates again. */
  follow(source: MotionSource | null): void;
  /** Hears every frame that is shown; returns what stops it. */
  on(name: 'frame', listener: (frame: ArrivedFrame) => void): () => void;
};

/**
 * Where the motion comes from: `generating` for both sides, `following` the other side's, or `fallback`: it should come
 * from the other side, does not, and is generated here until it does.
 */
export type MotionRole = 'generating' | 'following' | 'fallback';

/** Silence of the motion channel after which the motion is generated here. */
const SILENT_MS = 1000;
/** So many frames within half a second: the motion channel works. */
const STEADY_FRAMES = 10;
const STEADY_MS = 500;
const WATCH_MS = 100;

/** Sends our motion over a channel or shows what comes from it, and generates here while nothing comes. */
export class SharedMotion {
  readonly #duo: MotionSink;
  readonly #channel: MotionChannel;
  readonly #onRole: (role: MotionRole, reason: string) => void;
  readonly #stops: (() => void)[];
  readonly #cameAt: number[] = [];
  #leads = true;
  #role: MotionRole | undefined;
  #wasSilent = false;
  #closed = false;

  constructor(duo: MotionSink, channel: MotionChannel, onRole: (role: MotionRole, reason: string) => void) {
    this.#duo = duo;
    this.#channel = channel;
    this.#onRole = onRole;
    const timer = setInterval(() => this.#watch(), WATCH_MS);
    this.#stops = [
      () => clearInterval(timer),
      channel.listen(() => this.#came()),
      duo.on('frame', (frame) => {
        if (this.#leads) channel.send(frame);
      }),
    ];
  }

  get role(): MotionRole {
    return this.#role ?? 'generating';
  }

  /** Says whether this side generates for both. */
  lead(leads: boolean): void {
    this.#leads = leads;
    if (leads) this.#become('generating', 'this side generates for both');
    else if (this.#role !== 'following')
      this.#become('fallback', 'the motion of the other side has not come yet');
  }

  /** Ends the sharing; motion is generated here from now on. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    if (this.#role === 'following') this.#duo.follow(null);
    if (this.role !== 'generating') this.#onRole('generating', 'nobody else generates any more');
  }

  #came() {
    const now = performance.now();
    this.#cameAt.push(now);
    if (this.#cameAt.length > STEADY_FRAMES) this.#cameAt.shift();
    const steady = this.#cameAt.length === STEADY_FRAMES && now - this.#cameAt[0]! < STEADY_MS;
    if (!this.#leads && steady) this.#become('following', 'motion comes from the other side');
  }

  #watch() {
    const last = this.#cameAt.at(-1) ?? Number.NEGATIVE_INFINITY;
    const silent = performance.now() - last > SILENT_MS;
    // After a moment in which the page stood still, what came meanwhile is heard only behind this look.
    const still = silent && this.#wasSilent;
    this.#wasSilent = silent;
    if (this.#role === 'following' && still) {
      this.#cameAt.length = 0;
      this.#become('fallback', 'no motion has come from the other side for a second');
    }
  }

  #become(role: MotionRole, reason: string) {
    if (role === this.#role || this.#closed) return;
    const followed = this.#role === 'following';
    this.#role = role;
    if (role === 'following') this.#duo.follow(this.#channel);
    else if (followed) this.#duo.follow(null);
    this.#onRole(role, reason);
  }
}
