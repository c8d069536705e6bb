import {
  LinearToneMapping,
  type Object3D,
  PerspectiveCamera,
  Quaternion,
  Scene,
  Vector3,
  WebGLRenderer,
} from 'three';
import { EngineError } from '../../errors.ts';
import { type PlacedRoot, type PlacementPreset, placementOf } from '../body/placement.ts';
import { BODY_AT } from '../body/skeleton.ts';
import { BODY_NUMBERS, FACE_CHANNELS, PERSONS } from '../motion.ts';
import { BODY_OFFSET, BODY_PRESENCE, FRAME_NUMBERS, type Timeline } from '../timeline.ts';
import { type Backdrop, makeBackdrop } from './backdrop.ts';
import type { Character } from './character.ts';
import { frameInto, type Placement, placementFor } from './framing.ts';
import { type Direction, FACING } from './gaze.ts';
import { type HeadTurn, Life, type Surroundings } from './life.ts';
import { Pace } from './pace.ts';
import { Pose } from './pose.ts';
import { FULL, type Intensity, Puppet } from './puppet.ts';
import { calmExpression } from './retarget.ts';

/** What a stage is made from. */
export type StageOptions = {
  /** The stage fills this element with its canvas and follows its size; or it draws on a canvas it is given. */
  readonly container: HTMLElement | HTMLCanvasElement;
  /** Person 0 stands on the left, person 1 on the right; the stage disposes of them. */
  readonly characters: readonly [Character, Character];
  readonly timeline: Timeline;
  /** How the two began to stand in the motion, default vis-à-vis. */
  readonly placement?: PlacementPreset;
  /** How much of the motion is shown, default all. */
  readonly intensity?: Intensity;
  /** The same seed gives the same procedural life. */
  readonly seed?: number;
  /** Upper bound of drawn pixels per CSS pixel, default 2. */
  readonly maxPixelRatio?: number;
  /** Hears of a lost graphics context (`lost`); the stage goes on by itself when the browser restores it. */
  readonly onLost?: (error: EngineError) => void;
};

type Person = {
  readonly index: 0 | 1;
  readonly character: Character;
  readonly life: Life;
  readonly pose: Pose;
  readonly puppet: Puppet;
  readonly offset: number;
  readonly bodyOffset: number;
  readonly chest: Object3D;
  readonly eye: Vector3;
  readonly around: { -readonly [K in keyof Surroundings]: Surroundings[K] };
  readonly head: HeadTurn & { share: number };
};

const LONGEST_STEP_S = 0.25;
/** Hips of the reference person this low sit, and this high stand; buttocks are so far under hips. */
const SITTING_M = 0.55;
const STANDING_M = 0.82;
const SEAT_UNDER_HIPS_M = 0.1;
/** The camera follows people who sit down this slowly. */
const CAMERA_S = 0.8;
/** Hips on the stage come no closer than this: it is narrower than the room the motion was made in. */
const LEAST_HIPS_M = 0.62;
/** Bodies change between the networks' motion and procedural life within this time. */
const BODY_EASE_S = 0.9;
// As on a theatre stage: looking a forearm's length before the partner keeps both faces open to the viewer.
const CHEAT_M = 0.32;
/** What the stage's own distances are made for. */
const FACE_TO_FACE_M = 1.2;
const quaternion = new Quaternion();
const vector = new Vector3();
const toCamera = new Vector3();

/** Two characters face to face in a lit room; shows the timeline and adds procedural life. Allocates nothing per frame. */
export class Stage {
  readonly canvas: HTMLCanvasElement;
  readonly timeline: Timeline;
  readonly renderer: WebGLRenderer;
  readonly camera = new PerspectiveCamera();
  readonly #scene = new Scene();
  readonly #backdrop: Backdrop;
  readonly #characters: [Character, Character];
  readonly #persons: [Person, Person];
  readonly #seed: number;
  readonly #pose = new Float32Array(FRAME_NUMBERS);
  readonly #maxPixelRatio: number;
  readonly #sizes: ResizeObserver;
  readonly #ownsCanvas: boolean;
  readonly #onLost: ((error: EngineError) => void) | undefined;
  readonly #home: readonly [PlacedRoot, PlacedRoot];
  /** How much of the networks' motion the persons show; may be set at any time. */
  intensity: Intensity;
  #placement: Placement = placementFor(1);
  /** How far each is turned from the partner to the viewer (rad). */
  #openRad = 0;
  #aspect = 1;
  #bodyShare = 0;
  /** How far each has been moved off the other, so that they do not run into each other on a narrow stage. */
  #partedM = 0;
  /** How far the two have sat down, as the camera sees it. */
  #sitting = 0;
  #lastS = Number.NaN;
  readonly #pace: Pace;
  #drawnScale = 1;
  #fence: WebGLSync | null = null;
  #lost = false;
  #disposed = false;

  /** Throws `unsupported` where the browser has no WebGL 2. */
  constructor({
    container,
    characters,
    timeline,
    placement = 'vis-a-vis',
    intensity = FULL,
    seed = 1,
    maxPixelRatio = 2,
    onLost,
  }: StageOptions) {
    this.timeline = timeline;
    this.intensity = intensity;
    this.#home = placementOf(placement);
    this.#characters = [...characters];
    this.#seed = seed;
    this.#maxPixelRatio = maxPixelRatio;
    this.#onLost = onLost;
    this.#ownsCanvas = !(container instanceof HTMLCanvasElement);
    this.canvas = container instanceof HTMLCanvasElement ? container : document.createElement('canvas');
    const software = isSoftware();
    this.#pace = new Pace(software);
    this.renderer = makeRenderer(this.canvas, !software);
    if (this.#ownsCanvas) {
      this.canvas.style.cssText = 'display:block;width:100%;height:100%';
      container.append(this.canvas);
    }
    this.#backdrop = makeBackdrop();
    this.#scene.background = this.#backdrop.background;
    this.#scene.add(this.#backdrop.objects);
    this.#persons = [makePerson(characters[0], 0, seed), makePerson(characters[1], 1, seed)];
    for (const { character } of this.#persons) this.#scene.add(character.vrm.scene);
    this.canvas.addEventListener('webglcontextlost', this.#contextLost);
    this.canvas.addEventListener('webglcontextrestored', this.#contextRestored);
    this.#sizes = new ResizeObserver(() => this.resize());
    this.#sizes.observe(this.canvas);
    this.resize();
  }

  /** Fits picture, placement and camera to the size of the canvas on the page; called by itself when that changes. */
  resize(): void {
    const width = Math.max(1, this.canvas.clientWidth || this.canvas.width);
    const height = Math.max(1, this.canvas.clientHeight || this.canvas.height);
    this.#drawnScale = this.#pace.scale;
    const ratio = Math.min(globalThis.devicePixelRatio || 1, this.#maxPixelRatio);
    this.renderer.setPixelRatio(ratio * this.#drawnScale);
    this.renderer.setSize(width, height, false);
    const aspect = width / height;
    this.#aspect = aspect;
    const [homeA, homeB] = this.#home;
    const asked = placementFor(aspect);
    const separationM = asked.separationM * ((homeB.x - homeA.x) / FACE_TO_FACE_M);
    this.#placement = { ...asked, separationM };
    // Who stands open to the viewer already needs no cheating.
    this.#openRad = Math.max(asked.openRad, Math.PI / 2 - homeA.yaw);
    for (const person of this.#persons) this.#place(person);
    this.#frame();
  }

  /** Puts a person where the placement has it. */
  #place({ index, character: { vrm, facesMinusZ } }: Person) {
    const side = index === 0 ? -1 : 1;
    const x = (side * this.#placement.separationM) / 2;
    vrm.scene.position.set(x, 0, 0);
    // VRM 0.x models were turned once already when they were loaded.
    vrm.scene.rotation.y = (facesMinusZ ? Math.PI : 0) - side * (Math.PI / 2 - this.#openRad);
    vrm.springBoneManager?.reset();
    this.#backdrop.place(index, x, 0.02);
  }

  /** The two on the stage. */
  get characters(): readonly [Character, Character] {
    return this.#characters;
  }

  /** Puts another character in a person's place, which goes on with its life, and disposes of the one that stood there. */
  setCharacter(person: 0 | 1, character: Character): void {
    if (this.#disposed) {
      character.dispose();
      return;
    }
    const old = this.#persons[person];
    const next = { ...makePerson(character, person, this.#seed), life: old.life };
    this.#scene.add(character.vrm.scene);
    this.#persons[person] = next;
    this.#characters[person] = character;
    old.character.dispose();
    this.#place(next);
    this.#frame();
  }

  #frame() {
    const [a, b] = this.#characters;
    const lower = (1 - SITTING_M / STANDING_M) * this.#sitting;
    frameInto(
      this.camera,
      this.#aspect,
      this.#placement,
      Math.max(a.eyeHeightM - lower * a.hipHeightM, b.eyeHeightM - lower * b.hipHeightM),
      (1 - lower) * Math.min(a.hipHeightM, b.hipHeightM),
    );
  }

  /** Draws the moment `atSample` of the 16 kHz clock; `nowS` moves procedural life on and must not run back. */
  render(atSample: number, nowS = performance.now() / 1000): void {
    if (this.#lost || this.#disposed) return;
    const deltaS = Number.isNaN(this.#lastS) ? 0 : Math.min(LONGEST_STEP_S, Math.max(0, nowS - this.#lastS));
    this.#lastS = nowS;
    const look = this.timeline.sampleInto(this.#pose, atSample);
    const [a, b] = this.#persons;
    const wanted = this.#pose[BODY_PRESENCE]!;
    const most = deltaS / BODY_EASE_S;
    this.#bodyShare += Math.min(most, Math.max(-most, wanted - this.#bodyShare));
    const share = this.#bodyShare * this.#bodyShare * (3 - 2 * this.#bodyShare);
    this.#sense(a, b, look.presence > 0.5, share);
    this.#sense(b, a, look.presence > 0.5, share);
    for (const { index, life, pose, puppet, character, offset, bodyOffset, around } of this.#persons) {
      calmExpression(this.#pose, offset, this.intensity.face);
      life.update(deltaS, this.#pose, offset, around);
      const { eyeYawRad, eyePitchRad, eyeVergenceRad, breath } = life.pose;
      pose.apply(life.pose);
      if (share > 0) puppet.apply(this.#pose, bodyOffset, this.#home[index]!, share, breath, this.intensity);
      character.face.look(this.#pose, offset, eyeYawRad, eyePitchRad, eyeVergenceRad);
      character.update(deltaS, this.#pose, offset);
    }
    this.#settle(deltaS, share);
    this.renderer.render(this.#scene, this.camera);
  }

  /** Shadows and stools under people, room between them, and a camera that goes down with those who sit. */
  #settle(deltaS: number, share: number) {
    const [a, b] = this.#persons;
    const apartM = hipsInto(vector, a).distanceTo(hipsInto(toCamera, b)) - 2 * this.#partedM;
    const partM = Math.max(0, (LEAST_HIPS_M - apartM) / 2);
    this.#partedM += (partM - this.#partedM) * Math.min(1, 4 * deltaS);
    let sitting = 0;
    for (const person of this.#persons) {
      const { index, character, puppet, bodyOffset } = person;
      const x = this.#placement.separationM / 2 + this.#partedM;
      character.vrm.scene.position.x = index === 0 ? -x : x;
      hipsInto(vector, person);
      const height = this.#pose[bodyOffset + 1]!;
      const down = Math.min(1, Math.max(0, (STANDING_M - height) / (STANDING_M - SITTING_M))) * share;
      sitting += down / PERSONS;
      this.#backdrop.place(index, vector.x, vector.z + 0.02);
      this.#backdrop.seat(index, vector.x, vector.z, down * (vector.y - SEAT_UNDER_HIPS_M * puppet.scale));
    }
    if (Math.abs(sitting - this.#sitting) < 1e-3) return;
    this.#sitting += (sitting - this.#sitting) * (1 - Math.exp(-deltaS / CAMERA_S));
    this.#frame();
  }

  /** Draws from now on, as often as display and GPU allow; `clock` says which sample is heard at the moment. */
  start(clock: () => number): void {
    this.renderer.setAnimationLoop((nowMs) => {
      if (this.#pace.drawing) this.#pace.poll(nowMs, this.#isDrawn());
      if (!this.#pace.ready(nowMs)) return;
      if (this.#pace.scale !== this.#drawnScale) this.resize();
      this.#pace.begin(nowMs);
      this.render(clock());
      const gl = this.renderer.getContext() as WebGL2RenderingContext;
      this.#fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
      gl.flush();
    });
  }

  /** Stops the loop of {@link start}; the last picture stays. */
  stop(): void {
    this.renderer.setAnimationLoop(null);
  }

  /** Frees the characters, the room and the graphics context, and takes the canvas off the page. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.stop();
    this.#sizes.disconnect();
    this.canvas.removeEventListener('webglcontextlost', this.#contextLost);
    this.canvas.removeEventListener('webglcontextrestored', this.#contextRestored);
    for (const character of this.#characters) character.dispose();
    this.#backdrop.dispose();
    this.renderer.dispose();
    if (this.#ownsCanvas) this.canvas.remove();
  }

  /** Whether the GPU has drawn what it was given; true as well when its context is gone. */
  #isDrawn(): boolean {
    const gl = this.renderer.getContext() as WebGL2RenderingContext;
    const fence = this.#fence;
    if (!fence || this.#lost) return true;
    if (gl.getSyncParameter(fence, gl.SYNC_STATUS) === gl.UNSIGNALED) return false;
    gl.deleteSync(fence);
    this.#fence = null;
    return true;
  }

  #sense(self: Person, other: Person, moving: boolean, share: number) {
    const { around, head, bodyOffset, character, chest, eye } = self;
    eyeInto(eye, character);
    chest.getWorldQuaternion(quaternion).invert();
    const flip = character.facesMinusZ ? -1 : 1;
    eyeInto(vector, other.character);
    toCamera.subVectors(this.camera.position, vector).setY(0).normalize();
    vector.addScaledVector(toCamera, CHEAT_M).sub(eye);
    around.partnerDistanceM = vector.length();
    directionInto(around.partner, vector.applyQuaternion(quaternion), flip);
    directionInto(
      around.camera,
      vector.copy(this.camera.position).sub(eye).applyQuaternion(quaternion),
      flip,
    );
    around.partnerActivity = other.life.activity;
    around.moving = moving;
    const turn = bodyOffset + BODY_AT.head;
    const much = this.intensity.head;
    head.share = share;
    head.pitchRad = FACING.pitch * around.partner.pitchRad - much * this.#pose[turn]!;
    head.yawRad = FACING.yaw * around.partner.yawRad + much * this.#pose[turn + 1]!;
    head.rollRad = -much * this.#pose[turn + 2]!;
  }

  readonly #contextLost = (event: Event) => {
    event.preventDefault();
    this.#lost = true;
    this.#fence = null;
    this.#onLost?.(
      new EngineError('lost', 'the graphics context was lost', {
        hint: 'The picture returns by itself when the browser gives the context back; else reload the page.',
      }),
    );
  };

  readonly #contextRestored = () => {
    this.#lost = false;
  };
}

/** Whether WebGL runs on the processor, where each picture takes what the networks need. */
function isSoftware(): boolean {
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return false;
  // Browsers say so only in the name: `failIfMajorPerformanceCaveat` gives a context on SwiftShader all the same.
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function makeRenderer(canvas: HTMLCanvasElement, antialias: boolean): WebGLRenderer {
  try {
    const renderer = new WebGLRenderer({ canvas, antialias, powerPreference: 'high-performance' });
    // Characters come with painted colours; a filmic curve would wash them out or burn them.
    renderer.toneMapping = LinearToneMapping;
    renderer.toneMappingExposure = 0.9;
    return renderer;
  } catch (cause) {
    throw new EngineError('unsupported', 'this browser gives no WebGL 2, so there is no picture', {
      hint: 'Switch on hardware acceleration, or use a current Chrome, Edge, Firefox or Safari.',
      cause,
    });
  }
}

function makePerson(character: Character, person: 0 | 1, seed: number): Person {
  const chest =
    character.bone('upperChest') ?? character.bone('chest') ?? character.bone('spine') ?? character.vrm.scene;
  const head = { share: 0, yawRad: 0, pitchRad: 0, rollRad: 0 };
  return {
    index: person,
    character,
    // Before anything moves the bones: it measures them.
    puppet: new Puppet(character),
    head,
    bodyOffset: BODY_OFFSET + person * BODY_NUMBERS,
    // Far apart, because the octaves of noise use neighbouring seeds.
    life: new Life(seed * PERSONS * 7919 + person * 7919),
    pose: new Pose(character, seed * PERSONS + person),
    offset: person * FACE_CHANNELS,
    chest,
    eye: new Vector3(),
    around: {
      partner: { yawRad: 0, pitchRad: 0 },
      camera: { yawRad: 0, pitchRad: 0 },
      partnerDistanceM: 1,
      partnerActivity: 0,
      moving: false,
      head,
    },
  };
}

/** The hips of a person in the world. */
function hipsInto(target: Vector3, { character }: Person): Vector3 {
  return (character.bone('hips') ?? character.vrm.scene).getWorldPosition(target);
}

/** The point between a character's eyes in the world. */
function eyeInto(target: Vector3, character: Character): Vector3 {
  const head = character.vrm.humanoid.getRawBoneNode('head') ?? character.vrm.scene;
  return head.localToWorld(target.copy(character.eyeOffset));
}

function directionInto(target: Direction, local: Vector3, flip: number) {
  target.yawRad = Math.atan2(local.x * flip, local.z * flip);
  target.pitchRad = Math.atan2(local.y, Math.hypot(local.x, local.z));
}
