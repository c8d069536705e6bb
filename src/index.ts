import { Duologue } from './duologue.ts';
import type { CharacterSource } from './engine/stage/character.ts';
import { folderAt, openNetworks } from './opening.ts';
import { type DuologueOptions, settingOf } from './options.ts';
import { type Cast, openCast } from './seen.ts';
import { disposedError } from './voices.ts';
import * as kept from './workers/cache.ts';

export * from './both.ts';
export { Duologue } from './duologue.ts';
export type { Level } from './engine/audio/meter.ts';
export type { Background } from './engine/stage/backdrop.ts';
export type { ChannelRoute, EyeRoute, FaceRoute } from './engine/stage/channels.ts';
export type { CharacterSource } from './engine/stage/character.ts';
export type { Quality, RendererChoice } from './engine/stage/drawing.ts';
export type { IntensityChoice, IntensityPreset } from './engine/stage/intensity.ts';
export type { CharacterLicence } from './engine/stage/licence.ts';
export type { LookTarget } from './engine/stage/look.ts';
export type { Intensity } from './engine/stage/puppet.ts';
export type { CharacterKind, CharacterReport } from './engine/stage/report.ts';
export type { Shot } from './engine/stage/shots.ts';
export type { XrOptions, XrRole } from './engine/stage/xr.ts';
export type { XrMode } from './engine/stage/xr-session.ts';
export type { DuologueEvents, PersonEvent, TierChange, XrState } from './events.ts';
export type { Headset, XrGuest } from './headset.ts';
export { Call, type CallOptions, type CallState, type CallStats, joinCall } from './live/call.ts';
export type { Microphone } from './live/devices.ts';
export { attachLiveKit, type LiveKitLink, type LiveKitOptions, type LiveKitRoom } from './live/livekit.ts';
export { type MicrophoneProblem, microphoneProblem } from './live/microphone.error.ts';
export type { MicrophoneEvents, MicrophoneOptions, MicrophonePermission } from './live/microphone.types.ts';
export { Microphones } from './live/microphones.ts';
export type { MotionSource } from './live/motion-channel.ts';
export type { MotionRole } from './live/shared-motion.ts';
export {
  type Seat,
  type Signalling,
  type SignallingListener,
  webSocketSignalling,
} from './live/signalling.ts';
export type { DuologueOptions, StageSetting } from './options.ts';
export type { DrawnBy } from './seen.ts';
export { clearCache } from './workers/cache.ts';
export type { Bleed, GateMode } from './workers/capture.ts';

/**
 * Two voices in, two living characters out: loads the networks and the characters, and stands ready.
 * Throws `asset` when a model or character file is missing or wrong, `unsupported` when the browser cannot do it.
 */
export async function createDuologue(options: DuologueOptions): Promise<Duologue> {
  const setting = settingOf(options);
  const opening = openNetworks(options, setting, options.characters);
  const { host, loading, networks } = opening;
  const casting = openCast(options).then((cast): Cast => {
    return { ...cast, load: async (source) => cast.load(await loading.bring(source)) };
  });
  const characters = casting.then((cast) => Promise.all(options.characters.map(cast.load)));
  try {
    const [info, [a, b]] = await Promise.all([networks, characters]);
    loading.finish();
    const cast = await casting;
    return await Duologue.open(options, { ...opening, info, setting, cast, characters: [a, b] });
  } catch (error) {
    host.dispose(disposedError('it was not made'));
    void characters
      .then(([a, b]) => {
        a.dispose();
        b.dispose();
      })
      .catch(() => undefined);
    throw error;
  }
}

/**
 * Whether a conversation needs nothing of the network any more, the page's own files aside; asks no server. Characters are
 * given as to {@link createDuologue}.
 */
export function isCached(
  modelBaseUrl?: string,
  characters: readonly CharacterSource[] = [],
): Promise<boolean> {
  const addresses = characters.filter((source) => typeof source === 'string' || source instanceof URL);
  return kept.isCached(
    folderAt(modelBaseUrl),
    addresses.map((address) => new URL(address, document.baseURI).href),
  );
}
