import type { BackendInfo } from './engine/backend/backend.ts';
import type { Person } from './engine/person.ts';
import type { EngineError } from './errors.ts';
import type { MicrophoneEvents } from './live/microphone.types.ts';
import type { DuologueStats } from './stats.ts';
import type { LoadingProgress } from './talk.options.ts';
import type { Bleed } from './workers/capture.ts';
import type { ArrivedFrame } from './workers/motion.player.ts';

/** Something that a person does in the talk. */
export type PersonEvent = {
  readonly person: Person;
  /** When, on the clock of the audio context, in seconds. */
  readonly contextTimeS: number;
};

/** Another kind of network runs from now on. */
export type TierChange = {
  readonly from: BackendInfo['backend'];
  readonly to: BackendInfo['backend'];
  /** Why, in a phrase. */
  readonly reason: string;
};

/** What a headset shows at the moment. */
export type XrState = { readonly mode: 'vr' | 'ar'; readonly as: 'watcher' | Person };

/** What {@link Talk.on} tells of. */
export type DuologueEvents = {
  /** Each motion frame, as it arrives. */
  frame: ArrivedFrame;
  /** Figures, twice a second. */
  stats: DuologueStats;
  /** A person begins to speak; told when the frame of it arrives. */
  speechstart: PersonEvent;
  /** A person has said nothing for a third of a second, since `contextTimeS`. */
  speechend: PersonEvent;
  /** A person takes the turn: speaks while the other does not, and did not have it. */
  turn: PersonEvent;
  /** Other networks run from now on, because they were asked for, or because a device or the machine gave way. */
  tier: TierChange;
  /** Two voices hear each other, or no longer do; once a second while they do. */
  bleed: Bleed;
  /** The permission to listen changed, or a microphone of {@link Duologue.microphones} was refused. */
  permission: MicrophoneEvents['permission'];
  /** Bytes of files that are loaded after the beginning, as by `setCharacter`. */
  progress: LoadingProgress;
  /** Something failed, which the talk survives unless it says otherwise. */
  error: EngineError;
  /** What a headset shows from now on, null when it is taken off. */
  xr: XrState | null;
};

/** Tells listeners of events; one that throws harms neither the engine nor the others. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Listens to an event; returns what stops it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A wrapper of its own, so that whoever listens twice may stop once.
    const told = (event: Events[Name]) => listener(event);
    listeners.add(told);
    return () => listeners.delete(told);
  }

  /** Tells of an event. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? [])
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        reportError(error);
      }
  }

  /** Forgets all listeners. */
  clear(): void {
    this.#listeners.clear();
  }
}
