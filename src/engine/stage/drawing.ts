import { type Camera, type Scene, WebGLRenderer } from 'three';
import { EngineError } from '../../errors.ts';

/** What draws the picture. */
export type RendererChoice = 'webgl' | 'webgpu';

/** How much light and shadow a picture may cost; `auto` is high on a real GPU. */
export type Quality = 'auto' | 'high' | 'low';

/** What a stage asks of a renderer; three's WebGLRenderer and WebGPURenderer both have it. */
export type Renderer = {
  toneMapping: number;
  toneMappingExposure: number;
  readonly shadowMap: { enabled: boolean; type: number };
  setPixelRatio(ratio: number): void;
  setSize(width: number, height: number, style?: boolean): void;
  setClearColor(colour: number, alpha?: number): void;
  setAnimationLoop(loop: ((timeMs: number) => void) | null): unknown;
  render(scene: Scene, camera: Camera): unknown;
  dispose(): void;
};

/** A renderer at work on a canvas. */
export type Drawing = {
  readonly kind: RendererChoice;
  readonly renderer: Renderer;
  /** Whether it runs on the processor, where each picture takes what the networks need. */
  readonly software: boolean;
  /** Marks the picture that was just given to the GPU; {@link isDrawn} tells when it is done. */
  mark(): void;
  isDrawn(): boolean;
  /** The context is gone: nothing that was marked will be done. */
  forget(): void;
};

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Opens three's WebGLRenderer; throws `unsupported` where the browser has no WebGL 2. */
export function openWebgl(
  canvas: HTMLCanvasElement,
  alpha = false,
): Drawing & { readonly renderer: WebGLRenderer } {
  const software = isSoftware();
  const renderer = makeWebgl(canvas, alpha, !software);
  let fence: WebGLSync | null = null;
  const context = () => renderer.getContext() as WebGL2RenderingContext;
  return {
    kind: 'webgl',
    renderer,
    software,
    mark() {
      const gl = context();
      fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
      gl.flush();
    },
    isDrawn() {
      const gl = context();
      if (!fence) return true;
      if (gl.getSyncParameter(fence, gl.SYNC_STATUS) === gl.UNSIGNALED) return false;
      gl.deleteSync(fence);
      fence = null;
      return true;
    },
    forget() {
      fence = null;
    },
  };
}

/** What will draw where `choice` was asked for, and why it is something else. */
export async function chooseRenderer(
  choice: RendererChoice,
): Promise<{ readonly renderer: RendererChoice; readonly reason: string }> {
  if (choice === 'webgl') return { renderer: 'webgl', reason: '' };
  if (!navigator.gpu) return { renderer: 'webgl', reason: 'this browser has no WebGPU' };
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  if (!adapter) return { renderer: 'webgl', reason: 'WebGPU has no adapter here' };
  return { renderer: 'webgpu', reason: '' };
}

/** Opens three's WebGPURenderer, whose code is fetched only now; ask {@link chooseRenderer} first. */
export async function openWebgpu(canvas: HTMLCanvasElement, alpha: boolean): Promise<Drawing> {
  const { info } = (await navigator.gpu.requestAdapter()) ?? {};
  const software = SOFTWARE.test(`${info?.vendor} ${info?.architecture} ${info?.description}`);
  try {
    const { WebGPURenderer } = await import('three/webgpu');
    const renderer = new WebGPURenderer({ canvas, alpha, antialias: !software });
    await renderer.init();
    const { device } = renderer.backend as unknown as { device?: GPUDevice };
    if (!device) throw new Error('it came up without a device');
    let waiting = false;
    return {
      kind: 'webgpu',
      renderer,
      software,
      mark() {
        waiting = true;
        void device.queue.onSubmittedWorkDone().then(() => {
          waiting = false;
        });
      },
      isDrawn: () => !waiting,
      forget() {
        waiting = false;
      },
    };
  } catch (cause) {
    // A canvas that has given out one kind of context gives no other.
    throw new EngineError('unsupported', `the WebGPU renderer does not start: ${cause}`, {
      hint: 'Leave out `renderer: "webgpu"` to draw with WebGL 2.',
      cause,
    });
  }
}

function isSoftware(): boolean {
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return false;
  // Browsers say so only in the name: `failIfMajorPerformanceCaveat` gives a context on SwiftShader all the same.
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return SOFTWARE.test(name);
}

function makeWebgl(canvas: HTMLCanvasElement, alpha: boolean, antialias: boolean): WebGLRenderer {
  try {
    return new WebGLRenderer({ canvas, alpha, antialias, powerPreference: 'high-performance' });
  } catch (cause) {
    throw new EngineError('unsupported', 'this browser gives no WebGL 2, so there is no picture', {
      hint: 'Switch on hardware acceleration, or use a current Chrome, Edge, Firefox or Safari.',
      cause,
    });
  }
}
