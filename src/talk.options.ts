import type { BackendChoice } from './engine/backend/open.ts';
import type { Placement, PlacementPreset } from './engine/body/placement.ts';
import { checkBackend, checkOneOf, checkSeed, placementFor, told } from './engine/checks.ts';
import type { SamplerOptions, Steps } from './engine/model/sampler.ts';
import { type Relationship, relationshipOf } from './engine/person.ts';
import { EngineError } from './errors.ts';
import type { GateMode } from './workers/capture.ts';
import { PcmSource } from './workers/pcm.ts';
import type { VoiceSource } from './workers/voice.ts';

/** What loading files has brought so far. */
export type LoadingProgress = {
  readonly phase: 'models';
  readonly loadedBytes: number;
  readonly totalBytes: number;
};

/** A voice to begin with: what {@link Talk.attach} takes, with its `play` where the default does not do; null for none. */
export type VoiceOption = VoiceSource | { readonly source: VoiceSource; readonly play?: boolean } | null;

/** What a talk is made from, whoever shows it. */
export type TalkOptions = {
  /** What the two speak with: attached when the talk is made, heard from the first `start` on; default nothing. */
  readonly voices?: readonly [VoiceOption, VoiceOption];
  /** Folder of the model files; default `models/` beside the page. */
  readonly modelBaseUrl?: string;
  /** Default `auto`: WGSL on a real GPU, WebAssembly otherwise. */
  readonly backend?: BackendChoice;
  /** Seed of motion and of procedural life, a whole number from 0, default 1; the same seed gives the same motion. */
  readonly seed?: number;
  /** DDIM steps 1…8 of a face frame and of a body block, or one number for both; default 1 and 4. */
  readonly steps?: Steps;
  /** Classifier-free guidance scale of the face and of the bodies, default 1 (off); anything else doubles the work. */
  readonly guidance?: SamplerOptions['guidance'];
  /** How codes of listening and speaking behaviour are drawn; the default is what the weights were tuned for. */
  readonly codes?: SamplerOptions['codes'];
  /** How the two stand or sit to each other at the beginning, default `vis-a-vis`; `seated` puts both on chairs. */
  readonly placement?: PlacementPreset;
  /** Distance of the two at the beginning, hips to hips, 0.7…4 m; default that of the placement, 0.95…1.5 m. */
  readonly distanceM?: number;
  /** What the two are to each other, by name or index; default `none`. */
  readonly relationship?: Relationship | number;
  /** Whether a voice that is only the other's leak is ducked: when bleed is heard (`auto`, the default), or never. */
  readonly gate?: GateMode;
  /** Hears how many bytes of all files (models, characters, WebAssembly) are here; ends at exactly the total. */
  readonly onProgress?: (progress: LoadingProgress) => void;
};

/** How a talk begins, checked. */
export type TalkSetting = {
  readonly placement: Placement;
  readonly seated: boolean;
  readonly voices: readonly (Readonly<{ source: VoiceSource; play?: boolean }> | undefined)[];
};

const GATES: readonly GateMode[] = ['auto', 'off'];

/** Throws `unsupported` for a way of gating that there is not. */
export function checkGate(gate: GateMode): void {
  checkOneOf(gate, GATES, 'gate', 'Take `off` for two people in one room who talk at once.');
}

/** Checks what a talk is made from, before anything is loaded; throws `unsupported` with what was got and expected. */
export function talkSettingOf(options: TalkOptions): TalkSetting {
  const { backend, seed, gate, relationship, placement, distanceM, voices = [null, null] } = options;
  if (backend !== undefined) checkBackend(backend);
  if (seed !== undefined) checkSeed(seed);
  if (gate !== undefined) checkGate(gate);
  if (relationship !== undefined) relationshipOf(relationship);
  if (!Array.isArray(voices) || voices.length !== 2)
    throw new EngineError(
      'unsupported',
      `voices is ${told(voices)}, expected two: [source | null, source | null]`,
      {
        hint: 'Give one for each person, null for whoever gets a voice later with `attach` or `pushSamples`.',
      },
    );
  return {
    placement: placementFor(placement, distanceM),
    seated: placement === 'seated',
    voices: voices.map(voiceOf),
  };
}

const SOURCES = ['MediaStream', 'MediaStreamTrack', 'AudioNode', 'HTMLMediaElement', 'AudioBuffer'] as const;

function isSource(value: unknown): value is VoiceSource {
  const kinds = SOURCES.map((name): unknown => (globalThis as Record<string, unknown>)[name]);
  return [...kinds, PcmSource].some((kind) => typeof kind === 'function' && value instanceof kind);
}

function voiceOf(voice: VoiceOption, person: number): TalkSetting['voices'][number] {
  if (voice === null || voice === undefined) return undefined;
  const chosen = isSource(voice) ? { source: voice } : voice;
  if (isSource(chosen.source)) return chosen;
  throw new EngineError('unsupported', `voices[${person}] is ${told(voice)}, which gives no sound`, {
    hint: `Take a ${SOURCES.join(', ')}, { source, play } or null; await what getUserMedia promises.`,
  });
}
