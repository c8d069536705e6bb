import type { Object3D, Vector3 } from 'three';
import { type Character, type CharacterSource, loadCharacter } from './engine/stage/character.ts';
import { chooseRenderer, type RendererChoice } from './engine/stage/drawing.ts';
import { Duet } from './engine/stage/duet.ts';
import { Stage } from './engine/stage/stage.ts';
import { ToonMaterial } from './engine/stage/toon.ts';
import type { Timeline } from './engine/timeline.ts';
import { EngineError } from './errors.ts';
import type { DuologueOptions, Setting } from './options.ts';

/** What draws, and why it is not what was asked for, where it is not. */
export type DrawnBy = { readonly renderer: RendererChoice; readonly reason: string };

/** Loads characters for one kind of renderer. */
export type Cast = {
  readonly drawnBy: DrawnBy;
  load(source: CharacterSource): Promise<Character>;
};

/** Finds out what will draw, so that characters are loaded with materials for it. */
export async function openCast({ renderer = 'webgl', scene }: DuologueOptions): Promise<Cast> {
  // Whose scene it is knows what draws it.
  const drawnBy = scene ? { renderer, reason: '' } : await chooseRenderer(renderer);
  const mtoon = drawnBy.renderer === 'webgpu' ? ToonMaterial : undefined;
  return { drawnBy, load: (source) => loadCharacter(source, mtoon) };
}

/** The two, on a stage of ours or in a scene of the user's. */
export class Seen {
  readonly duet: Duet;
  /** Our stage, where there is one. */
  readonly stage: Stage | undefined;

  /** Puts the two where the options say. */
  static async open(
    options: DuologueOptions,
    setting: Setting,
    { drawnBy }: Cast,
    characters: readonly [Character, Character],
    timeline: Timeline,
    onLost: (error: EngineError) => void,
  ): Promise<Seen> {
    const { placement, intensity } = setting;
    const people = { characters, timeline, placement, intensity, seed: options.seed ?? 1 };
    const { canvas, container = canvas, scene, background, shot, orbit, quality } = options;
    let seen: Seen;
    if (container) {
      const look = {
        ...(background !== undefined && { background }),
        ...(shot && { shot }),
        ...(orbit && { orbit }),
        ...(quality && { quality }),
      };
      seen = new Seen(await Stage.open({ ...people, container, onLost, ...look }, drawnBy));
    } else {
      seen = new Seen(undefined, new Duet(people));
      scene?.add(seen.duet.group);
    }
    for (const person of [0, 1] as const) {
      seen.duet.setLook(person, setting.look[person]);
      seen.duet.setSeated(person, setting.seated);
    }
    return seen;
  }

  private constructor(stage: Stage | undefined, duet?: Duet) {
    this.stage = stage;
    this.duet = stage?.duet ?? duet!;
  }

  /** Our stage; throws `unsupported` where the scene is the user's. */
  get ours(): Stage {
    if (this.stage) return this.stage;
    throw new EngineError('unsupported', 'there is no camera of ours: the two are in a scene of yours', {
      hint: 'Move your own camera, or create the conversation with `container` or `canvas` instead of `scene`.',
    });
  }

  /** Puts another character in a person's place. */
  setCharacter(person: 0 | 1, character: Character): void {
    (this.stage ?? this.duet).setCharacter(person, character);
  }

  /** Shows the moment in the user's scene; throws `unsupported` where our stage does it by itself. */
  update(atSample: number, nowS: number, viewer: Object3D | Vector3): void {
    if (this.stage)
      throw new EngineError('unsupported', 'update is for a scene of yours: our stage draws by itself', {
        hint: 'Leave the call out, or create the conversation with `scene` alone.',
      });
    this.duet.update(atSample, nowS, viewer);
  }

  /** Frees what is ours. */
  dispose(): void {
    (this.stage ?? this.duet).dispose();
  }
}
