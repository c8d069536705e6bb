import type { Object3D } from 'three';
import { checkOneOf, told } from './engine/checks.ts';
import type { Background } from './engine/stage/backdrop.ts';
import type { CharacterSource } from './engine/stage/character.ts';
import type { Quality, RendererChoice } from './engine/stage/drawing.ts';
import { type IntensityChoice, intensityOf } from './engine/stage/intensity.ts';
import { checkLook, type LookTarget } from './engine/stage/look.ts';
import type { Intensity } from './engine/stage/puppet.ts';
import { SHOTS, type Shot } from './engine/stage/shots.ts';
import { EngineError } from './errors.ts';
import { type TalkOptions, type TalkSetting, talkSettingOf } from './talk.options.ts';

/** What a conversation is made from: the talk, who is seen in it, and where. */
export type DuologueOptions = TalkOptions &
  StageSetting & {
    /** VRM characters, or plain GLB with a human skeleton, by address, `File` or bytes; person 0 on the left. */
    readonly characters: readonly [CharacterSource, CharacterSource];
    /** How much of the motion is shown, of both or of each; default `full`. */
    readonly intensity?: IntensityChoice | readonly [IntensityChoice, IntensityChoice];
    /** Whom each looks at, both or each; default `auto`. */
    readonly look?: LookTarget | readonly [LookTarget, LookTarget];
  };

/**
 * Where the two are seen: on a stage of ours, or in a scene of yours; exactly one of `container`, `canvas` and `scene` must be
 * there. For a renderer of another kind there is `createTalk` of `duologue/core`.
 */
export type StageSetting = {
  /** The element that our stage fills; a canvas is drawn on. */
  readonly container?: HTMLElement;
  /** The canvas that our stage draws on, in the size that the page gives it. */
  readonly canvas?: HTMLCanvasElement;
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

const RENDERERS: readonly RendererChoice[] = ['webgl', 'webgpu'];
const QUALITIES: readonly Quality[] = ['auto', 'high', 'low'];

/** Throws `unsupported` for a shot that there is not. */
export function checkShot(shot: Shot): void {
  checkOneOf(shot, SHOTS, 'shot', 'The number at the end of a shot names the person.');
}

/** How a conversation begins and is shown, checked. */
export type Setting = TalkSetting & {
  readonly intensity: readonly [Intensity, Intensity];
  readonly look: readonly [LookTarget, LookTarget];
};

/** Checks what a conversation is made from; throws `unsupported` with what was got and expected. */
export function settingOf(options: DuologueOptions): Setting {
  checkSeen(options);
  checkCharacters(options.characters);
  const { shot, renderer, quality, intensity = 'full', look = 'auto' } = options;
  if (shot !== undefined) checkShot(shot);
  if (renderer !== undefined)
    checkOneOf(renderer, RENDERERS, 'renderer', 'Leave it out to draw with WebGL 2.');
  if (quality !== undefined) checkOneOf(quality, QUALITIES, 'quality', 'Leave it out to let the GPU decide.');
  const intensities = isPair(intensity) ? intensity : ([intensity, intensity] as const);
  const looks = isPair(look) ? look : ([look, look] as const);
  looks.forEach(checkLook);
  return {
    ...talkSettingOf(options),
    intensity: [intensityOf(intensities[0]), intensityOf(intensities[1])],
    look: looks,
  };
}

const isPair = <T>(value: T | readonly [T, T]): value is readonly [T, T] => Array.isArray(value);

const PLACES = ['container', 'canvas', 'scene'] as const;

function checkSeen(options: StageSetting) {
  for (const name of PLACES)
    if (options[name] === null)
      throw new EngineError('unsupported', `${name} is null, expected what the two are seen in`, {
        hint: 'If it comes from `querySelector`, nothing on the page fits yet: call this when it is there.',
      });
  const given = PLACES.filter((name) => options[name] !== undefined);
  if (given.length !== 1)
    throw new EngineError(
      'unsupported',
      `Given are ${given.join(' and ') || 'none'} of container, canvas and scene, expected exactly one`,
      {
        hint: 'Give `container: document.body` for a stage of ours, `canvas` to draw on yours, or `scene` to add the two to a three.js scene; `createTalk` of `duologue/core` needs no picture.',
      },
    );
  const { container, canvas, scene } = options;
  if (container && container.nodeType !== ELEMENT_NODE)
    throw new EngineError('unsupported', `container is ${told(container)}, expected an element of the page`, {
      hint: 'Give the element itself, as `document.body`, not a selector.',
    });
  if (canvas && canvas.nodeName?.toUpperCase() !== 'CANVAS')
    throw new EngineError('unsupported', `canvas is ${told(canvas)}, expected a canvas element of the page`, {
      hint: 'An OffscreenCanvas has no place on the page; any other element is a `container`.',
    });
  if (scene && !scene.isObject3D)
    throw new EngineError('unsupported', `scene is ${told(scene)}, expected a three.js Scene or Object3D`, {
      hint: 'If it is one, two copies of three.js are on the page: let your bundler dedupe `three`.',
    });
}

const ELEMENT_NODE = 1;

function checkCharacters(characters: unknown) {
  const known = (source: unknown) =>
    typeof source === 'string' ||
    source instanceof URL ||
    source instanceof Blob ||
    source instanceof ArrayBuffer;
  if (!Array.isArray(characters) || characters.length !== 2)
    throw new EngineError('unsupported', `characters is ${told(characters)}, expected two`, {
      hint: 'Give two addresses, `File`s or ArrayBuffers of .vrm or .glb; the first stands on the left.',
    });
  const wrong = characters.findIndex((source) => !known(source));
  if (wrong >= 0)
    throw new EngineError(
      'unsupported',
      `characters[${wrong}] is ${told(characters[wrong])}, expected an address, a File, a Blob or an ArrayBuffer`,
      { hint: 'Of a typed array give its `buffer`; an object that is loaded already cannot be taken.' },
    );
}
