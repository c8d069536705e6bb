import { EngineError } from '../errors.ts';
import type { Tuning } from './kernel.ts';

/** Features used where they are there; no result depends on them. */
const WANTED = ['subgroups', 'shader-f16', 'timestamp-query'] as const satisfies readonly GPUFeatureName[];

/** A feature that a kernel or the bench may use when the adapter has it. */
export type GpuFeature = (typeof WANTED)[number];

/** The device, what it can do, and the news that it was lost. */
export type Gpu = {
  readonly device: GPUDevice;
  /** The adapter in words, for reports: `nvidia ampere`, `Google SwiftShader …`. */
  readonly adapterName: string;
  /** True when a CPU pretends to be a GPU: correct, but far too slow for real time. */
  readonly software: boolean;
  readonly features: ReadonlySet<GpuFeature>;
  /** Settles with an error of kind `lost` when the device goes away; never after `dispose`. */
  readonly lost: Promise<EngineError>;
  dispose(): void;
};

/**
 * `onError` hears of errors that no call returns: a dispatch refused by validation, memory used up. `tuning` overrules
 * what the adapter suggests, so that a CPU can try what a GPU would run.
 */
export type GpuOptions = {
  readonly powerPreference?: GPUPowerPreference;
  readonly onError?: (error: EngineError) => void;
  readonly tuning?: Partial<Tuning>;
  /**
   * Takes products in halves where the adapter has `shader-f16` and a trial agrees to 2e-3. Off by default: layer by layer
   * the rounding grows, to 0.035 of an ARKit weight at worst in a face block, 0.008 on average of a frame's worst channel.
   */
  readonly halves?: boolean;
};

type Origin = { readonly gpu: GPU; readonly tuning: Tuning };

// Also keeps the GPU object alive as long as its device: in Node it is the engine itself.
const ORIGINS = new WeakMap<GPUDevice, Origin>();

const PLAIN: Tuning = { software: false, subgroups: false, f16: false };

/** What kernels are tuned to on a device of {@link openGpu}. */
export const tuningOf = (device: GPUDevice) => ORIGINS.get(device)?.tuning ?? PLAIN;

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render|warp/i;

/** Opens a device of `gpu` (the browser's, or that of Node's `webgpu` package); throws `unsupported` when there is none. */
export async function openGpu(
  gpu: GPU | undefined = globalThis.navigator?.gpu,
  { powerPreference = 'high-performance', onError, tuning, halves }: GpuOptions = {},
): Promise<Gpu> {
  const hint = 'Use Chrome 113+, Edge 113+ or Safari 26+ on a secure page, or choose the wasm backend.';
  if (!gpu) throw new EngineError('unsupported', 'This browser has no WebGPU.', { hint });
  const adapter = await gpu.requestAdapter({ powerPreference }).catch(() => null);
  if (!adapter) throw new EngineError('unsupported', 'WebGPU is here, but no adapter is.', { hint });
  const { info } = adapter;
  const adapterName = info.description || [info.vendor, info.architecture, info.device].join(' ').trim();
  const features = new Set(WANTED.filter((feature) => adapter.features.has(feature)));
  const device = await adapter.requestDevice({ requiredFeatures: [...features] }).catch((cause: unknown) => {
    throw new EngineError('unsupported', `The adapter ${adapterName} gave no device.`, { hint, cause });
  });
  const words = `${adapterName} ${info.vendor} ${info.architecture} ${info.device}`;
  const software = info.isFallbackAdapter === true || SOFTWARE.test(words);
  const suggested = { software, subgroups: features.has('subgroups'), f16: false };
  ORIGINS.set(device, { gpu, tuning: { ...suggested, ...tuning } });
  if (halves && features.has('shader-f16')) {
    const { f16Agrees } = await import('./f16.ts'); // it has plans, which are tuned here
    const f16 = await f16Agrees(device);
    ORIGINS.set(device, { gpu, tuning: { ...suggested, ...tuning, f16 } });
  }
  device.addEventListener('uncapturederror', ({ error }) =>
    onError?.(new EngineError('bug', `GPU: ${error.message}`, { cause: error })),
  );
  return {
    device,
    adapterName: adapterName || 'unknown adapter',
    software,
    features,
    lost: new Promise((resolve) => {
      void device.lost.then(({ reason, message }) => {
        if (reason !== 'destroyed') resolve(new EngineError('lost', `The GPU device was lost: ${message}`));
      });
    }),
    dispose: () => device.destroy(),
  };
}
