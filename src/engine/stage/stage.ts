import { type Mesh, type PerspectiveCamera, Scene, Vector3, type WebGLRenderer } from 'three';
import { EngineError } from '../../errors.ts';
import type { Timeline } from '../timeline.ts';
import { type Backdrop, type Background, makeBackdrop } from './backdrop.ts';
import type { Character } from './character.ts';
import { Director } from './director.ts';
import { type Drawing, openWebgl, openWebgpu, type Quality, type RendererChoice } from './drawing.ts';
import { Duet, type DuetOptions } from './duet.ts';
import { arrangementFor } from './framing.ts';
import { castShadows, type LightRig, makeLights, prepare } from './lights.ts';
import { Pace } from './pace.ts';
import { Presentation } from './presentation.ts';
import type { Shot } from './shots.ts';
import type { XrHost } from './xr.ts';

/** What a stage is made from. */
export type StageOptions = DuetOptions & {
  /** The stage fills this element with its canvas and follows its size; or it draws on a canvas it is given. */
  readonly container: HTMLElement | HTMLCanvasElement;
  /** What stands behind the two, default `room`. */
  readonly background?: Background;
  /** What the picture shows, default `both`. */
  readonly shot?: Shot;
  /** Whether a drag over the picture takes the camera in hand, and a double click gives it back; default no. */
  readonly orbit?: boolean;
  /** Default `auto`: shadows and environment on a real GPU only. */
  readonly quality?: Quality;
  /** Upper bound of drawn pixels per CSS pixel, default 2. */
  readonly maxPixelRatio?: number;
  /** Hears of a lost graphics context (`lost`); the stage goes on by itself when the browser restores it. */
  readonly onLost?: (error: EngineError) => void;
};

// As on a theatre stage: looking a forearm's length before the partner keeps both faces open to the viewer.
const CHEAT_M = 0.32;
/** Shadows reach this far around the two. */
const SHADOWS_M = 1.3;

const middle = new Vector3();

/** Says which sample of the 16 kHz clock is heard at a moment of the page's clock (ms). */
type Clock = (atMs: number) => number;

/** Hears that a picture got onto the screen at `shownMs`, and how old (s) its motion already was: 0 unless it was held. */
type OnShown = (shownMs: number, ageS: number) => void;

/** Two characters in a lit room, drawn on a canvas that follows its size. Allocates nothing per frame. */
export class Stage {
  readonly canvas: HTMLCanvasElement;
  /** The two people on the stage. */
  readonly duet: Duet;
  readonly #drawing: Drawing;
  readonly #director: Director;
  readonly #scene = new Scene();
  readonly #backdrop: Backdrop;
  readonly #lights: LightRig;
  readonly #full: boolean;
  readonly #maxPixelRatio: number;
  readonly #sizes: ResizeObserver;
  readonly #ownsCanvas: boolean;
  readonly #onLost: ((error: EngineError) => void) | undefined;
  readonly #pace: Pace;
  readonly #presentation = new Presentation();
  #density: MediaQueryList | undefined;
  #empty = false;
  #lastS = Number.NaN;
  #drawnScale = 1;
  #clock: Clock | undefined;
  #onShown: OnShown | undefined;
  /** True while a headset shows the scene. */
  #resting = false;
  #lost = false;
  #losses = 0;
  #disposed = false;

  /** Opens a stage that draws with a renderer that can be had. */
  static async open(
    options: StageOptions,
    { renderer }: { readonly renderer: RendererChoice },
  ): Promise<Stage> {
    if (renderer === 'webgl') return new Stage(options);
    const canvas = canvasOf(options);
    return new Stage(options, await openWebgpu(canvas, options.background === 'transparent'), canvas);
  }

  /** Throws `unsupported` where the browser has no WebGL 2. */
  constructor(options: StageOptions, drawing?: Drawing, canvas = canvasOf(options)) {
    const { container, background = 'room', shot = 'both', orbit = false, quality = 'auto' } = options;
    this.#maxPixelRatio = options.maxPixelRatio ?? 2;
    this.#onLost = options.onLost;
    this.canvas = canvas;
    this.#ownsCanvas = canvas !== container;
    const transparent = background === 'transparent';
    this.#drawing = drawing ?? openWebgl(canvas, transparent);
    this.#full = quality === 'auto' ? !this.#drawing.software : quality === 'high';
    const { renderer, software } = this.#drawing;
    this.#pace = new Pace(software);
    prepare(renderer, this.#full);
    if (this.#ownsCanvas) {
      canvas.style.cssText = 'display:block;width:100%;height:100%';
      container.append(canvas);
    }
    this.#backdrop = makeBackdrop(background, this.#full);
    if (this.#backdrop.colour) this.#scene.background = this.#backdrop.colour;
    else renderer.setClearColor(0, 0);
    this.#scene.add(this.#backdrop.objects);
    // Preparing an environment for all roughnesses takes a processor seconds.
    this.#lights = makeLights(this.#full, this.#full && !software);
    this.#lights.addTo(this.#scene);
    this.duet = new Duet(options);
    this.#scene.add(this.duet.group);
    this.#director = new Director(this.duet, canvas, orbit);
    this.#director.setShot(shot);
    if (this.#full) castShadows(this.duet.group);
    canvas.addEventListener('webglcontextlost', this.#contextLost);
    canvas.addEventListener('webglcontextrestored', this.#contextRestored);
    this.#sizes = new ResizeObserver(() => this.resize());
    this.#sizes.observe(canvas);
    this.#watchDensity();
    this.resize();
  }

  /** Three's renderer; with `webgpu` its WebGPURenderer, which has the same members as far as both kinds have them. */
  get renderer(): WebGLRenderer {
    return this.#drawing.renderer as WebGLRenderer;
  }

  /** What the stage shows. */
  get timeline(): Timeline {
    return this.duet.timeline;
  }

  /** The two on the stage. */
  get characters(): readonly [Character, Character] {
    return this.duet.characters;
  }

  /** The camera of the picture; the stage moves it. */
  get camera(): PerspectiveCamera {
    return this.#director.camera;
  }

  /** What the picture shows. */
  get shot(): Shot {
    return this.#director.shot;
  }

  /** Goes over to another shot. */
  setShot(shot: Shot): void {
    this.#director.setShot(shot);
  }

  /** Fits picture, arrangement and camera to the size of the canvas on the page; called by itself when that changes. */
  resize(): void {
    if (this.#resting) return;
    const { canvas } = this;
    const { renderer } = this.#drawing;
    const [width, height] = canvas.isConnected
      ? [canvas.clientWidth, canvas.clientHeight]
      : [canvas.width, canvas.height];
    this.#empty = width < 1 || height < 1;
    if (this.#empty) return;
    this.#drawnScale = this.#pace.scale;
    const ratio = Math.min(globalThis.devicePixelRatio || 1, this.#maxPixelRatio);
    renderer.setPixelRatio(ratio * this.#drawnScale);
    renderer.setSize(width, height, false);
    // A canvas that no style sizes takes the size of its own pixels, and would grow with every one of them.
    if (canvas.isConnected && (canvas.clientWidth !== width || canvas.clientHeight !== height)) {
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const aspect = width / height;
    if (aspect === this.camera.aspect && !Number.isNaN(this.#lastS)) return;
    this.duet.theatre = { ...arrangementFor(aspect), cheatM: CHEAT_M };
    this.#director.resize(aspect);
  }

  /** Puts another character in a person's place, which goes on with its life, and disposes of the one that stood there. */
  setCharacter(person: 0 | 1, character: Character): void {
    this.duet.setCharacter(person, character);
    if (this.#full && !this.#disposed) castShadows(character.vrm.scene);
  }

  /** Draws the moment `atSample` of the 16 kHz clock; `nowS` moves procedural life on and must not run back. */
  render(atSample: number, nowS = performance.now() / 1000): void {
    if (this.#lost || this.#disposed || this.#empty) return;
    this.duet.update(atSample, nowS, this.camera);
    const deltaS = Number.isNaN(this.#lastS) ? 0 : Math.max(0, nowS - this.#lastS);
    this.#lastS = nowS;
    this.#director.follow(deltaS);
    this.duet.middleInto(middle).setY(this.duet.floorM);
    this.#lights.aim(middle, SHADOWS_M + this.duet.spreadM / 2);
    this.#backdrop.face(this.camera.position, this.duet.facesInto(middle));
    this.#drawing.renderer.render(this.#scene, this.camera);
  }

  /**
   * What a headset needs to show this stage; an `XrView` takes it. Throws `unsupported` where WebGPU draws: headsets are
   * drawn for with WebGL 2, whatever runs the networks.
   */
  hostXr(): XrHost {
    if (this.#drawing.kind !== 'webgl')
      throw new EngineError('unsupported', 'the WebGPU renderer does not draw for headsets here', {
        hint: 'Leave out `renderer: "webgpu"`; the networks may run on WebGPU all the same.',
      });
    const objects = this.#backdrop.objects.children;
    return {
      renderer: this.renderer,
      scene: this.#scene,
      duet: this.duet,
      walls: objects.filter((part) => !part.receiveShadow),
      clock: () => this.#clock?.(performance.now()) ?? 0,
      follow: () => {
        this.duet.middleInto(middle).setY(this.duet.floorM);
        this.#lights.aim(middle, SHADOWS_M + this.duet.spreadM / 2);
      },
      face: (eye) => this.#backdrop.face(eye, this.duet.middleInto(middle).setY(this.duet.floorM)),
      rest: () => {
        this.#resting = true;
        this.#presentation.drop();
        void this.renderer.setAnimationLoop(null);
      },
      wake: () => {
        this.#resting = false;
        if (this.#disposed) return;
        this.resize();
        if (this.#clock) this.start(this.#clock, this.#onShown);
      },
    };
  }

  /** Draws from now on, as often as display and GPU allow, each picture for the moment at which it will be seen. */
  start(clock: Clock, onShown?: OnShown): void {
    this.#clock = clock;
    this.#onShown = onShown;
    if (this.#resting) return;
    const drawing = this.#drawing;
    let ageS = 0;
    void drawing.renderer.setAnimationLoop((nowMs) => {
      if (this.#pace.drawing) {
        this.#pace.poll(nowMs, this.#lost || drawing.isDrawn());
        if (!this.#pace.drawing) onShown?.(this.#presentation.end(nowMs), ageS);
      }
      if (!this.#pace.ready(nowMs)) return;
      if (this.#pace.scale !== this.#drawnScale) this.resize();
      this.#pace.begin(nowMs);
      this.render(clock(this.#presentation.begin(nowMs)));
      ageS = this.timeline.look.ageS;
      if (!this.#lost) drawing.mark();
    });
  }

  /** Stops the loop of {@link start}; the last picture stays. */
  stop(): void {
    this.#clock = undefined;
    void this.#drawing.renderer.setAnimationLoop(null);
  }

  /** Frees the characters, the room and the graphics context, and takes the canvas off the page. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.stop();
    this.#sizes.disconnect();
    this.#density?.removeEventListener('change', this.#densityChanged);
    this.canvas.removeEventListener('webglcontextlost', this.#contextLost);
    this.canvas.removeEventListener('webglcontextrestored', this.#contextRestored);
    this.#director.dispose();
    this.duet.dispose();
    this.#lights.dispose();
    this.#backdrop.dispose();
    this.#drawing.renderer.dispose();
    if (this.#ownsCanvas) this.canvas.remove();
  }

  /** A window may move to a monitor with other pixels without changing its size. */
  #watchDensity() {
    this.#density?.removeEventListener('change', this.#densityChanged);
    this.#density = globalThis.matchMedia?.(`(resolution: ${globalThis.devicePixelRatio || 1}dppx)`);
    this.#density?.addEventListener('change', this.#densityChanged);
  }

  readonly #densityChanged = () => {
    this.#watchDensity();
    this.resize();
  };

  readonly #contextLost = (event: Event) => {
    event.preventDefault();
    this.#lost = true;
    this.#losses++;
    this.#drawing.forget();
    // Three keeps the morph textures of a geometry, 14 MB of both faces, until it is disposed of; it is uploaded anew.
    this.#scene.traverse((object) => (object as Mesh).geometry?.dispose());
    this.#onLost?.(
      new EngineError('lost', 'the graphics context was lost', {
        hint: 'The picture returns by itself when the browser gives the context back; else reload the page.',
      }),
    );
  };

  /** All programs are compiled anew: beside the page, where the driver can, so that only the picture waits for them. */
  readonly #contextRestored = async () => {
    const losses = this.#losses;
    await this.renderer.compileAsync(this.#scene, this.camera).catch(() => undefined);
    if (losses === this.#losses) this.#lost = false;
  };
}

const canvasOf = ({ container }: StageOptions) =>
  container instanceof HTMLCanvasElement ? container : document.createElement('canvas');
