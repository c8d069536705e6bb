import type { Camera, Object3D } from 'three';
import { type XrOptions, type XrRole, XrView } from './engine/stage/xr.ts';
import { Guest } from './engine/stage/xr-guest.ts';
import { HiddenHead } from './engine/stage/xr-head.ts';
import type { Mouths } from './engine/stage/xr-mouths.ts';
import { isXrSupported, type XrMode } from './engine/stage/xr-session.ts';
import { EngineError } from './errors.ts';
import type { XrState } from './events.ts';
import type { Seen } from './seen.ts';

/** A headset in a scene of yours; made by {@link Headset.join}. */
export type XrGuest = {
  /** This camera looks out of the person's own head, and so does not see it. Without it the head is there for all. */
  blind(camera: Camera): void;
  /** This camera sees the whole person, as all cameras did before: mirrors, spectators, shadows. */
  show(camera: Camera): void;
  /** The headset is taken off: body, head and voices are as before. */
  leave(): void;
};

/** The two in a headset: in sessions of ours, or of a scene of yours. */
export class Headset {
  readonly #seen: Seen;
  readonly #mouths: Mouths;
  readonly #changed: (state: XrState | null) => void;
  #view: XrView | undefined;
  #opening = false;
  #disposed = false;
  #guest: { readonly headset: Object3D; leave(): void } | undefined;

  /** `changed` hears of each session that begins, and `null` when it is over. */
  constructor(seen: Seen, mouths: Mouths, changed: (state: XrState | null) => void) {
    this.#seen = seen;
    this.#mouths = mouths;
    this.#changed = changed;
  }

  /** What a headset shows now, null without one. */
  get state(): XrState | null {
    return this.#view ? { mode: this.#view.mode, as: this.#view.as } : null;
  }

  /** Whether `enterXR` may succeed here: there is a browser and a device for it. Asks the user nothing. */
  supported(mode: XrMode): Promise<boolean> {
    return this.#seen.stage ? isXrSupported(mode) : Promise.resolve(false);
  }

  /** @internal Opens a session. */
  async enter(options: XrOptions): Promise<void> {
    const { as = 'watcher' } = options;
    checkRole(as);
    if (!this.#seen.stage)
      throw new EngineError(
        'unsupported',
        'enterXR is for our stage: this scene and its renderer are yours',
        {
          hint: 'Enter XR with your renderer, call `update(camera)` in its loop, and `xr.join` to be one of the two.',
        },
      );
    if (this.#view || this.#opening)
      throw new EngineError('unsupported', 'a headset shows the stage already', {
        hint: 'Call exitXR first.',
      });
    this.#opening = true;
    try {
      const view = await XrView.open(this.#seen.stage.hostXr(), options, this.#mouths);
      this.#view = view;
      void view.ended.then(() => {
        this.#view = undefined;
        this.#changed(null);
      });
      this.#changed(this.state);
      if (this.#disposed) await view.end();
    } finally {
      this.#opening = false;
    }
  }

  /** @internal Ends the session, where there is one. */
  async exit(): Promise<void> {
    await this.#view?.end();
    this.#guest?.leave();
  }

  /** @internal Ends the session, and one that is being opened. */
  dispose(): void {
    this.#disposed = true;
    void this.exit();
  }

  /**
   * For a scene of yours whose renderer is in XR: voices come from the mouths, and with `as` 0 or 1 the headset is one of the
   * two, whose body follows it. Go on to call `update(headset)` before each picture. Life-size and floor are yours: the two
   * stand in `group` in metres, feet at its height 0.
   *
   * ```ts
   * const guest = duo.xr.join(camera, 0);
   * renderer.xr.cameraAutoUpdate = false;
   * renderer.setAnimationLoop(() => {
   *   renderer.xr.updateCamera(camera);
   *   for (const eye of renderer.xr.getCamera().cameras) guest.blind(eye);
   *   duo.update(camera);
   *   renderer.render(scene, camera);
   * });
   * ```
   */
  join(headset: Object3D, as: XrRole = 'watcher'): XrGuest {
    checkRole(as);
    this.#guest?.leave();
    const { duet } = this.#seen;
    let head: HiddenHead | undefined;
    const hidden = () => {
      if (as === 'watcher') return undefined;
      const character = duet.characters[as];
      if (head?.character !== character) {
        head?.dispose();
        head = new HiddenHead(character, as);
      }
      return head;
    };
    if (as !== 'watcher') duet.inhabit(as, new Guest(headset));
    for (const person of [0, 1] as const) this.#mouths.setSpatial(person, person !== as);
    const guest = {
      headset,
      blind: (camera: Camera) => hidden()?.blind(camera),
      show: (camera: Camera) => hidden()?.show(camera),
      leave: () => {
        if (this.#guest !== guest) return;
        this.#guest = undefined;
        head?.dispose();
        for (const person of [0, 1] as const) {
          duet.inhabit(person, null);
          this.#mouths.setSpatial(person, false);
        }
      },
    };
    this.#guest = guest;
    return guest;
  }

  /** @internal The two were moved on in a scene of the user's: ears and mouths go with them. */
  follow(): void {
    if (!this.#guest) return;
    this.#mouths.listen(this.#guest.headset);
    for (const person of [0, 1] as const) this.#mouths.speak(person, this.#seen.duet.characters[person]);
  }
}

function checkRole(role: unknown): asserts role is XrRole {
  if (role === 'watcher' || role === 0 || role === 1) return;
  throw new EngineError('unsupported', `as is ${String(role)}, expected watcher, 0 or 1`, {
    hint: 'A watcher stands by; 0 and 1 are the two.',
  });
}
