/** One measured line; `gflops` and `gbs` only where work and bytes are known. */
export type Row = {
  readonly kernel: string;
  readonly case: string;
  /** Microseconds of one dispatch, tick or block: the best of several runs. */
  readonly us: number;
  readonly gflops?: number;
  readonly gbs?: number;
  /** The adapter's name or the WebAssembly build. */
  readonly adapter: string;
  /** GPU timestamps, or the wall clock around submit and wait. */
  readonly clock: 'gpu' | 'wall';
};

/** Hands a row to `tools/bench.mjs`, which prints the table and writes the file. */
export function report(row: Row) {
  console.log(`@bench ${JSON.stringify(row)}`);
}
