/** A kernel at one size; `gflops` and `gbs` only where work and bytes are known. */
export type KernelRow = {
  readonly table: 'kernels';
  readonly kernel: string;
  readonly case: string;
  /** Microseconds of one dispatch: the best of several runs. */
  readonly us: number;
  readonly gflops?: number;
  readonly gbs?: number;
  /** Share of the bandwidth that copying a large buffer reaches on this adapter; on a real GPU only. */
  readonly bandwidth_share?: number;
  readonly adapter: string;
  /** GPU timestamps, or the wall clock around submit and wait. */
  readonly clock: 'gpu' | 'wall';
};

/** How large a network is: all numbers in its weight file. */
export type NetworkRow = {
  readonly table: 'networks';
  readonly network: string;
  readonly parameters: number;
  readonly bytes: number;
};

/** A network's step or block on one engine: the median wall time of `n` runs. */
export type StepRow = {
  readonly table: 'steps';
  readonly network: string;
  readonly engine: 'wgsl' | 'ort-webgpu' | 'ort-wasm';
  /** Threads of WebAssembly; 0 on a GPU. */
  readonly threads: number;
  readonly median_ms: number;
  /** Dispatches on the GPU; 0 where there are none. */
  readonly dispatches: number;
  readonly n: number;
  readonly adapter: string;
  /** How the engine ran, and whether the time is a sum of its parts' medians. */
  readonly how: string;
};

/** Everything for both persons: wall time of a second of talk in seconds, and the median of a tick. */
export type PipelineRow = {
  readonly table: 'pipeline';
  readonly backend: 'webgpu' | 'wasm';
  readonly rtf: number;
  readonly talk_s: number;
  readonly tick_ms: number;
  /** GPU memory held, 0 on wasm. */
  readonly gpu_bytes: number;
  readonly adapter: string;
};

/** What a second of talk costs when the talk has lasted `talk_s`, and the memory then held. */
export type GrowthRow = {
  readonly table: 'growth';
  readonly talk_s: number;
  readonly ms_per_s: number;
  readonly gpu_bytes: number;
  /** All memory of the page, its workers and WebAssembly, where the browser tells; else the JavaScript heap. */
  readonly js_bytes: number;
  readonly backend: 'webgpu' | 'wasm';
  /** What ran, and how the talk came to be that long. */
  readonly how: string;
};

/** What a picture of both characters costs the main thread, without drawing. */
export type MainThreadRow = {
  readonly table: 'main-thread';
  readonly what: string;
  readonly frames: number;
  readonly median_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
  readonly mean_ms: number;
  /** JavaScript memory that a picture leaves to be collected; undefined where the browser does not tell. */
  readonly garbage_bytes: number | undefined;
};

/** Hands a row to `tools/bench.mjs`, which prints the table and writes the file. */
export function report(row: KernelRow | NetworkRow | StepRow | PipelineRow | GrowthRow | MainThreadRow) {
  console.log(`@bench ${JSON.stringify(row)}`);
}
