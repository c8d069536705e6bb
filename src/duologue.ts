import type { Group, Object3D, Vector3 } from 'three';
import { checkPerson, type Person } from './engine/person.ts';
import type { Character, CharacterSource } from './engine/stage/character.ts';
import { type IntensityChoice, intensityOf } from './engine/stage/intensity.ts';
import { checkLook, type LookTarget } from './engine/stage/look.ts';
import { Presentation } from './engine/stage/presentation.ts';
import type { CharacterReport } from './engine/stage/report.ts';
import type { Shot } from './engine/stage/shots.ts';
import type { XrOptions } from './engine/stage/xr.ts';
import { Mouths } from './engine/stage/xr-mouths.ts';
import { Timeline } from './engine/timeline.ts';
import { Headset } from './headset.ts';
import { Heard } from './heard.ts';
import { checkShot, type DuologueOptions, type Setting } from './options.ts';
import { type Cast, type DrawnBy, Seen } from './seen.ts';
import type { LoadingProgress } from './talk.options.ts';
import { Talk, type TalkParts, type TalkPlace } from './talk.ts';
import { capture } from './workers/capture.ts';

/** What {@link createDuologue} has made ready. */
export type Parts = TalkParts & {
  readonly setting: Setting;
  readonly cast: Cast;
  readonly characters: readonly [Character, Character];
  /** Tells of files that come later. */
  readonly onProgress: (listener: (progress: LoadingProgress) => void) => void;
};

/** A running conversation; made by {@link createDuologue}. */
export class Duologue extends Talk {
  /** Whether and how a headset shows the two; see {@link enterXR}. */
  readonly xr: Headset;
  readonly #reports: [CharacterReport, CharacterReport];
  /** How often each person has been asked to change, so that the last wish wins. */
  readonly #changes: [number, number] = [0, 0];
  readonly #seen: Seen;
  /** Of pictures that are drawn elsewhere. */
  readonly #presentation = new Presentation();
  #ageS = 0;
  readonly #cast: Cast;

  private constructor(parts: Parts, seen: Seen, place: TalkPlace, mouths: Mouths) {
    super(parts, place);
    const [a, b] = parts.characters;
    this.#reports = [a.report(), b.report()];
    this.#seen = seen;
    this.#cast = parts.cast;
    this.xr = new Headset(seen, mouths, (state) => this.events.emit('xr', state));
    this.#seen.stage?.start(
      (atMs) => this.pictureSample(atMs),
      (shownMs, ageS) => this.shown(shownMs, ageS),
    );
  }

  /** What each character can show, and what follows from what it lacks. */
  get reports(): readonly [CharacterReport, CharacterReport] {
    return this.#reports;
  }

  /** @internal */
  static async open(options: DuologueOptions, parts: Parts): Promise<Duologue> {
    const context = new AudioContext({ latencyHint: 'interactive' });
    let duo: Duologue | undefined;
    let seen: Seen | undefined;
    try {
      const { setting, cast, characters } = parts;
      if (setting.voices.some(Boolean)) await context.suspend(); // they are heard from `start` on
      const captured = await capture(context, {
        gate: options.gate,
        onBleed: (bleed) => duo?.events.emit('bleed', bleed),
        onRestart: (error) => duo?.recaptured(error),
      });
      const timeline = new Timeline();
      seen = await Seen.open(options, setting, cast, characters, timeline, (error) => {
        duo?.events.emit('error', error);
      });
      const mouths = new Mouths(context);
      const heard = new Heard(context, mouths);
      duo = new Duologue(parts, seen, { context, capture: captured, heard, timeline }, mouths);
      const { events } = duo;
      parts.onProgress((progress) => events.emit('progress', progress));
      duo.attachAll(setting.voices);
      return duo;
    } catch (error) {
      if (duo) duo.dispose();
      else {
        seen?.dispose();
        await context.close();
      }
      throw error;
    }
  }

  /**
   * Gives a person another body while the talk goes on, and says what it can show. Throws `asset` when the source holds no
   * character; the old body stays then. Of two wishes for one person the later counts.
   */
  async setCharacter(person: Person, source: CharacterSource): Promise<CharacterReport> {
    checkPerson(person);
    this.#changes[person] += 1;
    const change = this.#changes[person];
    const character = await this.#cast.load(source);
    const report = character.report();
    if (this.disposed || change !== this.#changes[person]) {
      character.dispose();
      return report;
    }
    this.#seen.setCharacter(person, character);
    this.#reports[person] = report;
    return report;
  }

  /** How much of the motion is shown, of one person or both: a preset, or 0 (still) … 1 by region; changes softly. */
  setIntensity(intensity: IntensityChoice, person?: Person): void {
    const chosen = intensityOf(intensity);
    for (const p of this.#those(person)) this.#seen.duet.setIntensity(p, chosen);
  }

  /** Whom or what a person looks at, or both: the partner, the camera, a mix (`auto`), a place, a thing that may move. */
  setLook(target: LookTarget, person?: Person): void {
    checkLook(target);
    for (const p of this.#those(person)) this.#seen.duet.setLook(p, target);
  }

  /** Goes over to another shot; throws `unsupported` where the scene, and so the camera, is yours. */
  setShot(shot: Shot): void {
    checkShot(shot);
    this.#seen.ours.setShot(shot);
  }

  /** What the picture shows; a hand may have taken the camera (`free`). */
  get shot(): Shot {
    return this.#seen.ours.shot;
  }

  /** What draws, and why it is not what was asked for, where it is not. */
  get drawnBy(): DrawnBy {
    return this.#cast.drawnBy;
  }

  /** The three.js group that the two are in, in our scene or in yours; it may be moved and turned. */
  get group(): Group {
    return this.#seen.duet.group;
  }

  /**
   * Moves the two on to what is heard now, for a scene of yours: call it before you draw, with whoever watches. Any renderer
   * will do.
   *
   * ```ts
   * const duo = await createDuologue({ scene, characters });
   * renderer.setAnimationLoop(() => {
   *   duo.update(camera);
   *   renderer.render(scene, camera);
   * });
   * ```
   *
   * In @react-three/fiber: `useFrame(({ camera }) => duo.update(camera))`. `nowS` moves procedural life; it must not run back.
   */
  update(viewer: Object3D | Vector3, nowS = performance.now() / 1000): void {
    const nowMs = performance.now();
    this.shown(this.#presentation.end(nowMs), this.#ageS);
    this.#seen.update(this.pictureSample(this.#presentation.begin(nowMs)), nowS, viewer);
    this.#ageS = this.#seen.duet.timeline.look.ageS;
    this.xr.follow();
  }

  /**
   * Shows the two in a headset, life-size: the viewer watches (`as: 'watcher'`, the default) or is one of them (0 or 1).
   * Voices that are played come from the mouths. Call it in the handler of a click; `xr.supported` tells beforehand whether
   * it may succeed. Throws `unsupported` that says why there is no session.
   */
  async enterXR(options: XrOptions): Promise<void> {
    await this.xr.enter(options);
  }

  /** Takes the headset off; the flat picture goes on as it was. */
  async exitXR(): Promise<void> {
    await this.xr.exit();
  }

  /** Ends everything and frees everything; safe to call twice. */
  override dispose(): void {
    const again = this.disposed;
    super.dispose();
    if (again) return;
    this.xr.dispose();
    this.#seen.dispose();
  }

  protected override seat(person: Person, sits: boolean): void {
    this.#seen.duet.setSeated(person, sits);
  }

  #those(person: Person | undefined): readonly Person[] {
    if (person === undefined) return [0, 1];
    checkPerson(person);
    return [person];
  }
}
