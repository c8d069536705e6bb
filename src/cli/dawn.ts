import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir, constants as os, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError } from '../errors.ts';

/** WebGPU in Node (Dawn's `webgpu` package), or why there is none. */
export type NodeGpu = { readonly gpu: GPU } | { readonly gpu: undefined; readonly why: string };

/** Opens WebGPU on a GPU of this machine; never on a driver that only pretends to be one. */
export async function hardwareGpu(): Promise<NodeGpu> {
  // Dawn takes half a second and complains on stderr where there is nothing to find.
  if (process.platform === 'linux' && !namedDriver() && !hasGpuDevice())
    return { gpu: undefined, why: 'this machine has no GPU' };
  try {
    return { gpu: await dawn() };
  } catch (error) {
    return { gpu: undefined, why: `the package webgpu does not load here (${(error as Error).message})` };
  }
}

/**
 * Opens WebGPU on a GPU of this machine, or else on the software Vulkan driver of a browser or of Mesa;
 * throws `unsupported` when there is neither.
 */
export async function anyGpu(): Promise<GPU> {
  const hardware = await hardwareGpu();
  if (hardware.gpu && (await hardware.gpu.requestAdapter().catch(() => null))) return hardware.gpu;
  for (const driver of softwareDrivers()) {
    process.env.VK_ICD_FILENAMES = driver; // read anew by every instance of the Vulkan loader
    process.env.XDG_RUNTIME_DIR ??= tmpdir(); // else the driver complains on stderr
    provideVulkanLoader(dirname(driver));
    const gpu = await dawn().catch(() => undefined);
    if (await gpu?.requestAdapter().catch(() => null)) return gpu as GPU;
  }
  const why = hardware.gpu ? 'no GPU adapter' : hardware.why;
  throw new EngineError('unsupported', `WebGPU cannot run: ${why}, and no software Vulkan driver was found`, {
    hint: 'Install Chromium (`npx playwright install chromium`) or Mesa (`apt-get install mesa-vulkan-drivers`), or use --backend wasm.',
  });
}

async function dawn(): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals); // GPUBufferUsage and the like
  return create([]);
}

/** True when the user has chosen a Vulkan driver. */
const namedDriver = () => Boolean(process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES);

function hasGpuDevice(): boolean {
  const renderNodes = list('/dev/dri').some((name) => name.startsWith('renderD'));
  return renderNodes || existsSync('/dev/nvidiactl') || existsSync('/dev/dxg');
}

/** Vulkan driver files of SwiftShader (it comes with every Chromium) and of Mesa's llvmpipe, best first. */
function softwareDrivers(): string[] {
  const { CHROME, PLAYWRIGHT_BROWSERS_PATH } = process.env;
  const playwright = PLAYWRIGHT_BROWSERS_PATH || join(homedir(), '.cache/ms-playwright');
  const downloads = list(playwright).filter((name) => name.startsWith('chromium'));
  const folders = [
    ...(CHROME && existsSync(CHROME) ? [dirname(realpathSync(CHROME))] : []),
    ...downloads.flatMap((name) =>
      list(join(playwright, name)).map((inner) => join(playwright, name, inner)),
    ),
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/opt/google/chrome',
    '/usr/lib64/chromium-browser',
  ];
  const mesa = '/usr/share/vulkan/icd.d';
  return [
    ...folders.map((folder) => join(folder, 'vk_swiftshader_icd.json')).filter((path) => existsSync(path)),
    ...list(mesa)
      .filter((name) => name.startsWith('lvp_icd'))
      .map((name) => join(mesa, name)),
  ];
}

const list = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);

/** Loads a browser's copy of the Vulkan loader, for machines that have none of their own. */
function provideVulkanLoader(folder: string) {
  const loader = join(folder, 'libvulkan.so.1');
  if (process.platform !== 'linux' || !existsSync(loader)) return;
  const RTLD_NODELETE = 0x1000; // keeps it loaded although Node finds that it is no Node module
  try {
    process.dlopen({ exports: {} }, loader, os.dlopen.RTLD_NOW | os.dlopen.RTLD_GLOBAL | RTLD_NODELETE);
  } catch {}
}
