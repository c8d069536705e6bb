import {
  Group,
  Object3D,
  PerspectiveCamera,
  Quaternion,
  type Scene,
  Vector3,
  type WebGLRenderer,
} from 'three';
import { SAMPLE_RATE_HZ } from '../motion.ts';
import { type Duet, LIFE_SIZE, type Theatre } from './duet.ts';
import { Guest } from './xr-guest.ts';
import { HiddenHead } from './xr-head.ts';
import { XrHits } from './xr-hits.ts';
import type { Mouths } from './xr-mouths.ts';
import { XrPace } from './xr-pace.ts';
import { makeXrRoom, type XrRoom } from './xr-room.ts';
import { requestXrSession, type XrMode } from './xr-session.ts';

/** Who the viewer is: somebody who stands by and watches, or one of the two. */
export type XrRole = 'watcher' | 0 | 1;

/** How the stage is shown in a headset. */
export type XrOptions = {
  /** A world of its own, or the two in the real room. */
  readonly mode: XrMode;
  /** Default `watcher`. */
  readonly as?: XrRole;
  /**
   * For who is one of the two, from which height the world is seen: that person's eyes as the viewer puts the headset on,
   * standing or sitting (`person`, the default in VR), or the own (`own`, the default in AR), where floor is floor.
   */
  readonly eyeLevel?: 'person' | 'own';
  /** Pixels of the headset's picture against what it recommends, default 1. */
  readonly framebufferScale?: number;
  /** How much less is drawn at the rim of the picture, 0…1, default 1; headsets that cannot do it leave it. */
  readonly foveation?: number;
};

/** What a headset takes over for as long as it shows a scene with the two. */
export type XrHost = {
  readonly renderer: WebGLRenderer;
  readonly scene: Scene;
  readonly duet: Duet;
  /** What is hidden where the real room is seen. */
  readonly walls: readonly Object3D[];
  /** Which sample of the 16 kHz clock is heard at the moment. */
  clock(): number;
  /** Before each picture: light and shadows go after the two. */
  follow(): void;
  /** Once the viewer has been placed: the room turns its better side. */
  face(eye: Readonly<Vector3>): void;
  /** The flat picture stops, and goes on as it was. */
  rest(): void;
  wake(): void;
};

/** A watcher stands so far (m) from the two, or this much further apart as they are. */
const WATCH_M = 1.6;
const WATCH_SPREAD = 1.35;
const NEAR_M = 0.05;
const FAR_M = 60;
/** The moment at which a picture will be seen is believed up to this (ms); frames of motion come no earlier. */
const LONGEST_LEAD_MS = 20;

const middle = new Vector3();
const other = new Vector3();
const eye = new Vector3();
const stand = new Vector3();
const towards = new Vector3();
const looks = new Vector3();
const quaternion = new Quaternion();
const UP = new Vector3(0, 1, 0);

/**
 * The stage in a headset: life-size, the floor at the viewer's feet. The viewer watches, or is one of the two. When the
 * session ends, by {@link end} or by the headset, the flat picture goes on as it was before.
 */
export class XrView {
  readonly mode: XrMode;
  readonly as: XrRole;
  readonly session: XRSession;
  /** Resolves when the session is over and the flat picture goes on. */
  readonly ended: Promise<void>;
  /** Where the headset is: between the viewer's eyes, looking along −z; in the world. */
  readonly headset = new Object3D();
  /** What draws; its parent is the floor that the viewer stands on. */
  readonly #camera = new PerspectiveCamera(60, 1, NEAR_M, FAR_M);
  readonly #rig = new Group();
  readonly #host: XrHost;
  readonly #eyeLevel: 'person' | 'own';
  readonly #mouths: Mouths | undefined;
  readonly #pace: XrPace;
  readonly #guest: Guest | undefined;
  readonly #hits: XrHits | undefined;
  readonly #theatre: Theatre;
  readonly #background: Scene['background'];
  readonly #hidden: Object3D[] = [];
  #head: HiddenHead | undefined;
  #room: XrRoom | undefined;
  #space: XRReferenceSpace | null = null;
  #placed = false;
  #lastMs = Number.NaN;

  /** Asks for a headset and shows the stage in it; call it in the handler of a click. Throws `unsupported` that says why not. */
  static async open(host: XrHost, options: XrOptions, mouths?: Mouths): Promise<XrView> {
    const session = await requestXrSession(options.mode);
    const { xr } = host.renderer;
    host.rest();
    try {
      xr.enabled = true;
      xr.cameraAutoUpdate = false;
      xr.setReferenceSpaceType('local-floor');
      xr.setFramebufferScaleFactor(options.framebufferScale ?? 1);
      await xr.setSession(session);
      xr.setFoveation(options.foveation ?? 1);
      return new XrView(session, host, options, mouths);
    } catch (cause) {
      xr.enabled = false;
      xr.cameraAutoUpdate = true;
      await session.end().catch(() => undefined);
      host.wake();
      throw cause;
    }
  }

  private constructor(session: XRSession, host: XrHost, options: XrOptions, mouths: Mouths | undefined) {
    const { mode, as = 'watcher' } = options;
    const { scene, duet, renderer } = host;
    this.mode = mode;
    this.as = as;
    this.session = session;
    this.#host = host;
    this.#mouths = mouths;
    this.#eyeLevel = as === 'watcher' ? 'own' : (options.eyeLevel ?? (mode === 'vr' ? 'person' : 'own'));
    this.#pace = new XrPace(session.frameRate ?? 72);
    this.#theatre = duet.theatre;
    this.#background = scene.background;
    duet.theatre = LIFE_SIZE;
    this.#rig.add(this.#camera);
    scene.add(this.#rig, this.headset);
    if (mode === 'ar') {
      scene.background = null;
      for (const wall of host.walls) if (wall.visible) this.#hidden.push(wall);
      for (const wall of this.#hidden) wall.visible = false;
      if (as === 'watcher') {
        this.#hits = new XrHits(session, (hit) => this.#standBefore(hit));
        scene.add(this.#hits.reticle);
      }
    } else {
      const colour = scene.background && 'isColor' in scene.background ? scene.background : null;
      this.#room = makeXrRoom(colour);
      scene.add(this.#room.objects);
    }
    if (as !== 'watcher') {
      this.#guest = new Guest(this.headset);
      duet.inhabit(as, this.#guest);
    }
    for (const person of [0, 1] as const) mouths?.setSpatial(person, person !== as);
    this.#space = renderer.xr.getReferenceSpace();
    this.#space?.addEventListener('reset', this.#replace);
    this.ended = new Promise((resolve) => {
      session.addEventListener('end', () => {
        this.#leave();
        resolve();
      });
    });
    void renderer.setAnimationLoop(this.#draw);
  }

  /** Takes the headset off; resolves when the flat picture goes on. */
  async end(): Promise<void> {
    // Whoever ends it may dispose of what it draws at once.
    void this.#host.renderer.setAnimationLoop(null);
    await this.session.end().catch(() => undefined); // it may have ended by itself
    await this.ended;
  }

  /** The next picture puts the viewer at the beginning again: the user has moved the origin of the real room. */
  readonly #replace = () => {
    this.#placed = false;
  };

  readonly #draw = (_: number, frame?: XRFrame) => {
    const { renderer, scene, duet } = this.#host;
    // Voices go on; nobody sees a picture.
    if (!frame || this.session.visibilityState === 'hidden') return;
    const nowMs = performance.now();
    if (!Number.isNaN(this.#lastMs)) this.#pace.picture((nowMs - this.#lastMs) / 1000);
    this.#lastMs = nowMs;
    duet.springsHz = this.#pace.springsHz;
    if (!this.#placed) this.#place(frame);
    this.#hideHead();
    this.#look();
    if (this.#guest) this.#grip(frame, this.#guest);
    const leadMs = (frame.predictedDisplayTime ?? nowMs) - nowMs;
    const lead = (Math.min(LONGEST_LEAD_MS, Math.max(0, leadMs)) * SAMPLE_RATE_HZ) / 1000;
    duet.update(this.#host.clock() + lead, nowMs / 1000, this.headset);
    if (this.#space) this.#hits?.update(frame, this.#space, this.#rig);
    this.#host.follow();
    this.#mouths?.listen(this.headset);
    for (const person of [0, 1] as const) this.#mouths?.speak(person, duet.characters[person]);
    renderer.render(scene, this.#camera);
  };

  /** Brings the cameras to where the headset is. */
  #look() {
    const { xr } = this.#host.renderer;
    this.#rig.updateMatrixWorld(true);
    xr.updateCamera(this.#camera);
    // Shadows are thrown for the camera of both eyes, pictures drawn for each eye.
    const both = xr.getCamera();
    const { position, quaternion } = this.headset;
    position.set(0, 0, 0);
    for (const one of both.cameras)
      position.addScaledVector(eye.setFromMatrixPosition(one.matrixWorld), 1 / both.cameras.length);
    quaternion.setFromRotationMatrix(both.matrixWorld);
    this.headset.updateMatrixWorld();
    const head = this.#head;
    if (!head) return;
    head.show(both);
    both.layers.enable(head.ownLayer);
    for (const one of both.cameras) head.blind(one);
  }

  /** The guest's hands are where the controllers, or the tracked hands, are. */
  #grip(frame: XRFrame, { palms }: Guest) {
    palms.left.tracked = palms.right.tracked = false;
    const space = this.#space;
    if (!space || this.session.visibilityState !== 'visible') return;
    for (const { gripSpace, handedness } of this.session.inputSources) {
      if (!gripSpace || handedness === 'none') continue;
      const pose = frame.getPose(gripSpace, space);
      if (!pose) continue;
      const { x, y, z } = pose.transform.position;
      palms[handedness].at.set(x, y, z).applyMatrix4(this.#rig.matrixWorld);
      palms[handedness].tracked = true;
    }
  }

  #hideHead() {
    const { as } = this;
    if (as === 'watcher') return;
    const character = this.#host.duet.characters[as];
    if (this.#head?.character === character) return;
    this.#head?.dispose();
    this.#head = new HiddenHead(character, as);
  }

  /** Puts the viewer where the role says, as soon as the headset knows where it is. */
  #place(frame: XRFrame) {
    const pose = this.#space && frame.getViewerPose(this.#space);
    if (!pose) return;
    const { duet } = this.#host;
    const { as } = this;
    const { position, orientation } = pose.transform;
    let rise = duet.floorM;
    if (as === 'watcher') {
      duet.middleInto(middle).setY(duet.floorM);
      const distance = this.mode === 'ar' ? WATCH_M : Math.max(WATCH_M, WATCH_SPREAD * duet.spreadM);
      // The two open to the front of their group.
      towards.set(0, 0, -1).applyQuaternion(duet.group.getWorldQuaternion(quaternion)).setY(0).normalize();
      stand.copy(middle).addScaledVector(towards, -distance);
    } else {
      duet.eyeInto(stand, as);
      towards
        .subVectors(duet.eyeInto(other, as === 0 ? 1 : 0), stand)
        .setY(0)
        .normalize();
      if (this.#eyeLevel === 'person') rise = stand.y - position.y;
    }
    this.#stand(position, orientation, rise);
    this.#placed = true;
    this.#host.face(stand);
  }

  /** The floor of the viewer goes where the headset comes to stand at `stand` and looks `towards`. */
  #stand(position: DOMPointReadOnly, { x, y, z, w }: DOMPointReadOnly, rise: number) {
    looks.set(0, 0, -1).applyQuaternion(quaternion.set(x, y, z, w));
    const turn = Math.atan2(-towards.x, -towards.z) - Math.atan2(-looks.x, -looks.z);
    eye.set(position.x, 0, position.z).applyAxisAngle(UP, turn);
    this.#rig.rotation.y = turn;
    this.#rig.position.set(stand.x - eye.x, rise, stand.z - eye.z);
    this.#rig.updateMatrixWorld(true);
  }

  /** A place on the real floor was chosen: the two come to stand there, open to the viewer. */
  #standBefore(hit: Readonly<Vector3>) {
    const { duet } = this.#host;
    duet.middleInto(middle);
    towards.set(0, 0, -1).applyQuaternion(duet.group.getWorldQuaternion(quaternion)).setY(0).normalize();
    // The viewer's floor is moved, so that world and light of the two stay as they are.
    this.headset.getWorldPosition(eye);
    const distance = Math.hypot(hit.x - eye.x, hit.z - eye.z);
    stand.copy(middle).addScaledVector(towards, -distance);
    other.copy(eye);
    this.#rig.worldToLocal(other).setY(0);
    this.#rig.rotation.y +=
      Math.atan2(-towards.x, -towards.z) - Math.atan2(-(hit.x - eye.x), -(hit.z - eye.z));
    other.applyAxisAngle(UP, this.#rig.rotation.y);
    this.#rig.position.set(stand.x - other.x, this.#rig.position.y + duet.floorM - hit.y, stand.z - other.z);
    this.#rig.updateMatrixWorld(true);
  }

  #leave() {
    const { renderer, scene, duet } = this.#host;
    void renderer.setAnimationLoop(null);
    this.#space?.removeEventListener('reset', this.#replace);
    renderer.xr.enabled = false;
    renderer.xr.cameraAutoUpdate = true;
    this.#head?.dispose();
    this.#hits?.dispose();
    this.#room?.dispose();
    this.#rig.removeFromParent();
    this.headset.removeFromParent();
    for (const wall of this.#hidden) wall.visible = true;
    scene.background = this.#background;
    for (const person of [0, 1] as const) {
      duet.inhabit(person, null);
      this.#mouths?.setSpatial(person, false);
    }
    duet.springsHz = Number.POSITIVE_INFINITY;
    duet.theatre = this.#theatre;
    this.#host.wake();
  }
}
