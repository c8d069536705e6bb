import type { Level } from '../engine/audio/meter.ts';
import type { EngineError } from '../errors.ts';
import type { Microphone } from './devices.ts';

/** How a microphone is opened. */
export type MicrophoneOptions = {
  /**
   * Takes out what this page itself plays, default on: the other person's or the agent's voice comes from loudspeakers.
   * It does not take out a second person in the room (the gate for bleed does). Off for headsets and for studies.
   */
  readonly echoCancellation?: boolean;
  /** Takes out fans and keys, default on: noise moves faces. Off for studies. */
  readonly noiseSuppression?: boolean;
  /**
   * Makes quiet voices louder, default on for one microphone and off for the second: while its own person is silent it
   * would lift the other's voice. With two people in one room, open the first with `false` too.
   */
  readonly autoGainControl?: boolean;
  /** Whether another microphone may step in while this one is away; the default is yes, unless a device was named. */
  readonly fallback?: boolean;
};

/** Whether the page may listen: `unavailable` where no click can help, because the page or the browser cannot do it. */
export type MicrophonePermission = 'prompt' | 'granted' | 'denied' | 'unavailable';

/** What a page can listen to; every event names the person it is about. */
export type MicrophoneEvents = {
  /** The permission changed, or a microphone could not be opened: `error` says in words why, and what to do. */
  permission: { readonly state: MicrophonePermission; readonly error?: EngineError };
  /** A device came or went, or the browser showed their names. */
  devices: readonly Microphone[];
  /** A microphone was opened: as asked, because it is there again, or in place of another. */
  opened: {
    readonly person: number;
    readonly device: Microphone;
    readonly why: 'asked' | 'returned' | 'fallback';
  };
  /** A microphone went; its voice is detached, and comes back by itself when the device does. */
  lost: { readonly person: number; readonly device: Microphone; readonly error: EngineError };
  /** The system silenced a microphone, or lets it speak again; the voice stays. */
  muted: { readonly person: number; readonly muted: boolean };
  /** Ten times a second while a microphone is open. */
  level: { readonly person: number; readonly level: Level };
};

/** The parts of the browser that are used, for tests and for pages that wrap them. */
export type MicrophoneSystem = {
  readonly mediaDevices: Pick<
    MediaDevices,
    'getUserMedia' | 'enumerateDevices' | 'addEventListener' | 'removeEventListener'
  >;
  readonly permissions?: Pick<Permissions, 'query'> | undefined;
  readonly userActivation?: Pick<UserActivation, 'hasBeenActive'> | undefined;
};

/** The browser's own, or undefined where a page has no microphones: an old browser, a server, a page that is not secure. */
export const pageSystem = (): MicrophoneSystem | undefined => {
  const { mediaDevices, permissions, userActivation }: Partial<Navigator> = globalThis.navigator ?? {};
  return mediaDevices ? { mediaDevices, permissions, userActivation } : undefined;
};
