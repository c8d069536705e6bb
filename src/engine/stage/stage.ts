import { LinearToneMapping, PerspectiveCamera, Scene, WebGLRenderer } from 'three';
import { EngineError } from '../../errors.ts';
import type { Timeline } from '../timeline.ts';
import { type Backdrop, makeBackdrop } from './backdrop.ts';
import type { Character } from './character.ts';
import { Duet, type DuetOptions } from './duet.ts';
import { frameInto, type Placement, placementFor } from './framing.ts';
import { Pace } from './pace.ts';
import type { Intensity } from './puppet.ts';

/** What a stage is made from. */
export type StageOptions = DuetOptions & {
  /** The stage fills this element with its canvas and follows its size; or it draws on a canvas it is given. */
  readonly container: HTMLElement | HTMLCanvasElement;
  /** Upper bound of drawn pixels per CSS pixel, default 2. */
  readonly maxPixelRatio?: number;
  /** Hears of a lost graphics context (`lost`); the stage goes on by itself when the browser restores it. */
  readonly onLost?: (error: EngineError) => void;
};

/** Hips of someone who sits are so much lower, as a share of their height standing. */
const SEATED_LOWER = 1 - 0.55 / 0.82;
/** The camera follows people who sit down this slowly. */
const CAMERA_S = 0.8;
// As on a theatre stage: looking a forearm's length before the partner keeps both faces open to the viewer.
const CHEAT_M = 0.32;
/** What the stage's own distances are made for. */
const FACE_TO_FACE_M = 1.2;

/** Two characters face to face in a lit room; shows the timeline and adds procedural life. Allocates nothing per frame. */
export class Stage {
  readonly canvas: HTMLCanvasElement;
  readonly renderer: WebGLRenderer;
  readonly camera = new PerspectiveCamera();
  readonly #scene = new Scene();
  readonly #backdrop: Backdrop;
  readonly #duet: Duet;
  readonly #maxPixelRatio: number;
  readonly #sizes: ResizeObserver;
  readonly #ownsCanvas: boolean;
  readonly #onLost: ((error: EngineError) => void) | undefined;
  #placement: Placement = placementFor(1);
  #aspect = 1;
  /** How far the two have sat down, as the camera sees it. */
  #sitting = 0;
  #lastS = Number.NaN;
  readonly #pace: Pace;
  #drawnScale = 1;
  #fence: WebGLSync | null = null;
  #lost = false;
  #disposed = false;

  /** Throws `unsupported` where the browser has no WebGL 2. */
  constructor({ container, maxPixelRatio = 2, onLost, ...people }: StageOptions) {
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
    this.#duet = new Duet(people);
    this.#scene.add(this.#duet.group);
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
    const [a, b] = this.#duet.home;
    const asked = placementFor(aspect);
    const squeeze = asked.separationM / FACE_TO_FACE_M;
    this.#placement = { ...asked, separationM: squeeze * (b.x - a.x) };
    this.#duet.theatre = { squeeze, openRad: asked.openRad, cheatM: CHEAT_M };
    this.#frame();
  }

  /** The two people on the stage. */
  get duet(): Duet {
    return this.#duet;
  }

  /** What the stage shows. */
  get timeline(): Timeline {
    return this.#duet.timeline;
  }

  /** The two on the stage. */
  get characters(): readonly [Character, Character] {
    return this.#duet.characters;
  }

  /** How much of the networks' motion the persons show; may be set at any time. */
  get intensity(): Intensity {
    return this.#duet.intensity;
  }

  set intensity(intensity: Intensity) {
    this.#duet.intensity = intensity;
  }

  /** Puts another character in a person's place, which goes on with its life, and disposes of the one that stood there. */
  setCharacter(person: 0 | 1, character: Character): void {
    this.#duet.setCharacter(person, character);
    if (!this.#disposed) this.#frame();
  }

  #frame() {
    const [a, b] = this.#duet.characters;
    const lower = SEATED_LOWER * this.#sitting;
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
    this.#duet.update(atSample, nowS, this.camera);
    this.#follow(Number.isNaN(this.#lastS) ? 0 : Math.max(0, nowS - this.#lastS));
    this.#lastS = nowS;
    this.renderer.render(this.#scene, this.camera);
  }

  /** The camera goes down with those who sit. */
  #follow(deltaS: number) {
    const { sitting } = this.#duet;
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
    this.#duet.dispose();
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
