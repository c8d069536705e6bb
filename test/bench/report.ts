/** A kernel at one size; `gflops` and `gbs` only where work and bytes are known. */
export type KernelRow = {
  readonly table: 'kernels';
  readonly kernel: string;
  readonly case: string;
  /** Microseconds of one dispatch: the best of several runs. */
  readonly us: number;
  readonly gflops?: number;
  readonly gbs?: number;
  readonly adapter: string;
  /** GPU timestamps, or the wall clock around submit and wait. */
  readonly clock: 'gpu' | 'wall';
};

/** A network's step or block on one engine: the median wall time of `n` runs. */
export type StepRow = {
  readonly table: 'steps';
  readonly network: string;
  readonly engine: 'wgsl' | 'ort-wasm';
  readonly threads: number;
  readonly median_ms: number;
  /** WGSL dispatches; 0 where there are none. */
  readonly dispatches: number;
  readonly n: number;
  readonly adapter: string;
};

/** Everything for both persons: the median wall time of a tick, and of a second of talk in seconds. */
export type PipelineRow = {
  readonly table: 'pipeline';
  readonly backend: 'webgpu' | 'wasm';
  readonly tick_ms: number;
  readonly rtf: number;
  readonly talk_s: number;
  /** GPU memory held, 0 on wasm. */
  readonly gpu_bytes: number;
  readonly adapter: string;
};

/** Hands a row to `tools/bench.mjs`, which prints the table and writes the file. */
export function report(row: KernelRow | StepRow | PipelineRow) {
  console.log(`@bench ${JSON.stringify(row)}`);
}
