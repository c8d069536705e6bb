import type { Object3D } from 'three';
import type { Conditions } from './engine/backend/backend.ts';
import { ACTIONS, EMOTIONS, RELATIONSHIPS } from './engine/backend/conditions.ts';
import type { BackendChoice } from './engine/backend/open.ts';
import {
  DISTANCE_M,
  PLACEMENT_PRESETS,
  type Placement,
  type PlacementPreset,
} from './engine/body/placement.ts';
import type { SamplerOptions, Steps } from './engine/model/sampler.ts';
import type { Background } from './engine/stage/backdrop.ts';
import type { CharacterSource } from './engine/stage/character.ts';
import type { Quality, RendererChoice } from './engine/stage/drawing.ts';
import { type IntensityChoice, intensityOf } from './engine/stage/intensity.ts';
import { checkLook, type LookTarget } from './engine/stage/look.ts';
import type { Intensity } from './engine/stage/puppet.ts';
import { SHOTS, type Shot } from './engine/stage/shots.ts';
import { EngineError } from './errors.ts';
import type { GateMode } from './workers/capture.ts';

/** What loading files has brought so far. */
export type LoadingProgress = {
  readonly phase: 'models';
  readonly loadedBytes: number;
  readonly totalBytes: number;
};

/** What a conversation is made from. */
export type DuologueOptions = StageSetting & {
  /** VRM characters, or plain GLB with a human skeleton, by address, `File` or bytes. */
  readonly characters: readonly [CharacterSource, CharacterSource];
  /** Folder of the model files; default `models/` beside the page. */
  readonly modelBaseUrl?: string;
  /** Default `auto`: WGSL on a real GPU, WebAssembly otherwise. */
  readonly backend?: BackendChoice;
  /** Seed of motion and of procedural life, default 1; the same seed gives the same motion. */
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
  /** How much of the motion is shown, of both or of each; default `full`. */
  readonly intensity?: IntensityChoice | readonly [IntensityChoice, IntensityChoice];
  /** Whom each looks at, both or each; default `auto`. */
  readonly look?: LookTarget | readonly [LookTarget, LookTarget];
  /** What the two are to each other, by name or index; default `none`. */
  readonly relationship?: Relationship | number;
  /** Whether a voice that is only the other's leak is ducked: when bleed is heard (`auto`, the default), or never. */
  readonly gate?: GateMode;
  /** Hears how many bytes of all files (models, characters, WebAssembly) are here; ends at exactly the total. */
  readonly onProgress?: (progress: LoadingProgress) => void;
};

/** Where the two are seen: on a stage of ours, or in a scene of yours; one of `container` and `scene` must be there. */
export type StageSetting = {
  /** The element that the stage fills, or the canvas that it draws on. */
  readonly container?: HTMLElement | HTMLCanvasElement;
  /**
   * A three.js scene, or an object in one, that the two are added to instead, life-size and at true distances: without
   * renderer, canvas, lights or loop of ours. Call {@link Duologue.update} before you draw.
   */
  readonly scene?: Object3D;
  /** What draws, default `webgl`; with a `scene` of yours, what your renderer is. Falls back to `webgl`, and says why. */
  readonly renderer?: RendererChoice;
  /** What stands behind the two on our stage: the `room`, `transparent` (the page shows through) or a colour. */
  readonly background?: Background;
  /** What the picture of our stage shows, default `both`. */
  readonly shot?: Shot;
  /** Whether a drag over our stage takes the camera in hand, and a double click gives it back; default no. */
  readonly orbit?: boolean;
  /** Shadows and environment of our stage; default `auto`: on a real GPU only. */
  readonly quality?: Quality;
};

const GATES: readonly GateMode[] = ['auto', 'off'];
const RENDERERS: readonly RendererChoice[] = ['webgl', 'webgpu'];
const QUALITIES: readonly Quality[] = ['auto', 'high', 'low'];

/** Throws `unsupported` for a way of gating that there is not. */
export function checkGate(gate: GateMode): void {
  checkOneOf(gate, GATES, 'gate', 'Take `off` for two people in one room who talk at once.');
}

/** Throws `unsupported` for a shot that there is not. */
export function checkShot(shot: Shot): void {
  checkOneOf(shot, SHOTS, 'shot', 'The number at the end of a shot names the person.');
}

/** How the two are placed and shown, checked. */
export type Setting = {
  readonly placement: Placement;
  readonly seated: boolean;
  readonly intensity: readonly [Intensity, Intensity];
  readonly look: readonly [LookTarget, LookTarget];
};

/** Checks what says how the two are placed and shown; throws `unsupported` with what was got and expected. */
export function settingOf(options: DuologueOptions): Setting {
  const { container, scene, placement = 'vis-a-vis', distanceM, intensity = 'full', look = 'auto' } = options;
  checkSeen(container, scene);
  checkOneOf(placement, PLACEMENT_PRESETS, 'placement', 'Distances are set with `distanceM`.');
  const [near, far] = DISTANCE_M;
  if (distanceM !== undefined && !(distanceM >= near && distanceM <= far))
    throw new EngineError('unsupported', `distanceM is ${distanceM}, expected ${near} to ${far} metres`, {
      hint: 'Nearer than an arm people stand in each other; further than a room they do not talk.',
    });
  if (options.shot !== undefined) checkShot(options.shot);
  if (options.gate !== undefined) checkGate(options.gate);
  if (options.renderer !== undefined)
    checkOneOf(options.renderer, RENDERERS, 'renderer', 'Leave it out to draw with WebGL 2.');
  if (options.quality !== undefined)
    checkOneOf(options.quality, QUALITIES, 'quality', 'Leave it out to let the GPU decide.');
  const intensities = isPair(intensity) ? intensity : ([intensity, intensity] as const);
  const looks = isPair(look) ? look : ([look, look] as const);
  looks.forEach(checkLook);
  return {
    placement: distanceM === undefined ? placement : { preset: placement, distanceM },
    seated: placement === 'seated',
    intensity: [intensityOf(intensities[0]), intensityOf(intensities[1])],
    look: looks,
  };
}

const isPair = <T>(value: T | readonly [T, T]): value is readonly [T, T] => Array.isArray(value);

function checkSeen(container: unknown, scene: unknown) {
  const got = container && scene ? 'both' : container || scene ? undefined : 'neither';
  if (got)
    throw new EngineError('unsupported', `Of \`container\` and \`scene\` ${got} are given, expected one`, {
      hint: 'Give `container: document.body` for a stage of ours, or `scene` to add the two to a three.js scene of yours.',
    });
  if (scene && !(scene as { isObject3D?: boolean }).isObject3D)
    throw new EngineError('unsupported', `scene is ${String(scene)}, expected a three.js Scene or Object3D`, {
      hint: 'If it is one, two copies of three.js are on the page: let your bundler dedupe `three`.',
    });
}
