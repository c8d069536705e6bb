import { EngineError, invariant } from '../errors.ts';
import { tuningOf } from './gpu.ts';
import {
  type AnyKernel,
  dimsOf,
  isWritten,
  type Kernel,
  type Launch,
  type Tuning,
  type Uses,
} from './kernel.ts';
import type { Tensor } from './tensor.ts';

type Planned = {
  kernel: AnyKernel;
  label: string;
  tensors: Readonly<Record<string, Tensor>>;
  launch: Launch;
};
type Step = { pipeline: GPUComputePipeline; bindGroup: GPUBindGroup; grid: Launch['grid'] };

type OptionsArgument<Options> = object extends Options ? [options?: Options] : [options: Options];

/** Pipelines by name and constants, so that every plan of a device compiles a kernel once. */
const PIPELINES = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

/**
 * A fixed list of dispatches for one compute pass: `add` at load time, `compile` once, `encode` every frame.
 * `add` and `compile` may throw; `encode` of a compiled plan allocates nothing and cannot fail.
 */
export class Plan {
  readonly #device: GPUDevice;
  /** What the kernels are tuned to. */
  readonly tuning: Tuning;
  readonly #planned: Planned[] = [];
  #steps: readonly Step[] = [];

  /** Kernels are tuned to the device's adapter unless `tuning` says otherwise. */
  constructor(device: GPUDevice, tuning: Tuning = tuningOf(device)) {
    this.#device = device;
    this.tuning = tuning;
  }

  /** Dispatches per `encode`. */
  get dispatches(): number {
    return this.#planned.length;
  }

  /** Appends a dispatch; a tensor of another shape or type than the kernel's is a `bug`. */
  add<U extends Uses, Options>(
    kernel: Kernel<U, Options>,
    tensors: Readonly<Record<keyof U & string, Tensor>>,
    ...[options]: OptionsArgument<Options>
  ): this {
    const any = kernel as AnyKernel;
    const launch = any.launch(dimsOf(any, tensors), (options ?? {}) as never, this.tuning);
    refuseAliases(any, tensors);
    this.#planned.push({ kernel: any, label: labelOf(any, tensors), tensors, launch });
    return this;
  }

  /** Compiles all pipelines in parallel; a WGSL mistake is a `bug` with file, line and column. */
  async compile(): Promise<this> {
    this.#steps = await Promise.all(this.#planned.map((planned) => this.#prepare(planned)));
    return this;
  }

  /** Records every dispatch, in order; a `bug` when some of them are not compiled. */
  encode(pass: GPUComputePassEncoder) {
    invariant(this.#steps.length === this.#planned.length, 'plan: compile it before encode');
    for (const { pipeline, bindGroup, grid } of this.#steps) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    }
  }

  async #prepare({ kernel, label, tensors, launch }: Planned): Promise<Step> {
    const pipeline = await pipelineOf(this.#device, kernel, launch);
    const bindGroup = this.#device.createBindGroup({
      label,
      layout: pipeline.getBindGroupLayout(0),
      entries: Object.keys(kernel.tensors).map((name, binding) => {
        const { buffer, byteOffset, byteLength } = tensors[name];
        return { binding, resource: { buffer, offset: byteOffset, size: byteLength } };
      }),
    });
    return { pipeline, bindGroup, grid: launch.grid };
  }
}

const labelOf = (kernel: AnyKernel, tensors: Readonly<Record<string, Tensor>>) =>
  `${kernel.name}(${Object.keys(kernel.tensors).map((name) => `${name}: ${tensors[name].name}`)})`;

// WebGPU refuses such a dispatch only when it is submitted, without saying which one it was.
function refuseAliases(kernel: AnyKernel, tensors: Readonly<Record<string, Tensor>>) {
  const names = Object.keys(kernel.tensors);
  for (const name of names.filter((n) => isWritten(kernel.tensors[n]))) {
    const twin = names.find((n) => n !== name && tensors[n].buffer === tensors[name].buffer);
    if (twin)
      throw new EngineError('bug', `${kernel.name}: ${name} is written and shares a buffer with ${twin}`);
  }
}

function pipelineOf(device: GPUDevice, kernel: AnyKernel, launch: Launch) {
  const pipelines = PIPELINES.get(device) ?? new Map<string, Promise<GPUComputePipeline>>();
  PIPELINES.set(device, pipelines);
  const name = launch.variant ? `${kernel.name}.${launch.variant}` : kernel.name;
  const key = `${name} ${JSON.stringify(launch.constants)}`;
  const known = pipelines.get(key);
  if (known) return known;
  const pipeline = build(device, kernel, launch, { name, key });
  pipelines.set(key, pipeline);
  return pipeline;
}

async function build(
  device: GPUDevice,
  kernel: AnyKernel,
  launch: Launch,
  { name, key }: Record<'name' | 'key', string>,
) {
  const code = launch.variant ? kernel.variants?.[launch.variant] : kernel.wgsl;
  invariant(code !== undefined, `${kernel.name} has no variant ${launch.variant}`);
  device.pushErrorScope('validation'); // the pipeline's own error, below, says it all
  const module = device.createShaderModule({ label: name, code });
  device.popErrorScope().catch(() => null);
  const layout = device.createPipelineLayout({
    bindGroupLayouts: [
      device.createBindGroupLayout({
        label: kernel.name,
        entries: Object.values(kernel.tensors).map((use, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: isWritten(use) ? 'storage' : 'read-only-storage' },
        })),
      }),
    ],
  });
  try {
    return await device.createComputePipelineAsync({
      label: key,
      layout,
      compute: { module, entryPoint: 'main', constants: { ...launch.constants } },
    });
  } catch (cause) {
    const { messages } = await module.getCompilationInfo();
    const source = code.split('\n');
    const lines = messages.map(
      ({ lineNum, linePos, message }) =>
        `  ${name}.wgsl:${lineNum}:${linePos} ${message}\n    ${source[lineNum - 1]?.trim() ?? ''}`,
    );
    const text = [`${key} does not compile: ${(cause as Error).message}`, ...lines].join('\n');
    throw new EngineError('bug', text, { cause });
  }
}
