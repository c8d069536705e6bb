/** One graph of a piece of work and how often it runs there; sizes that the graph leaves open are `R`. */
export type Part = {
  readonly graph: string;
  readonly weights: string;
  readonly R: number;
  readonly runs: number;
  /** The outputs wanted; all of them unless said. */
  readonly fetch?: readonly string[];
};

/** An execution provider of onnxruntime-web and its threads (WebAssembly only). */
export type Provider = { readonly name: 'wasm' | 'webgpu'; readonly threads: number };

/** The median wall time of `n` rounds, GPU dispatches of a round, and how the sessions run. */
export type Timed = {
  readonly median_ms: number;
  readonly n: number;
  readonly dispatches: number;
  readonly how: string;
};

/** A worker with an onnxruntime-web of its own, so that one page can compare providers and thread counts. */
export interface OrtWorker {
  /** Takes a provider; throws when it does not run here. */
  open(provider: Provider): Promise<void>;
  /** Times rounds of `parts`, one after the other, all inputs and outputs where the provider wants them. */
  time(parts: readonly Part[], n: number, warmUp: number): Promise<Timed>;
}
