import type { StreamEnd, StreamStats } from '../../src/workers/stream.ts';

/** What the tests ask of their worker. */
export interface TestWorker {
  add(a: number, b: number): number;
  fail(): void;
  failPlain(): void;
  byteLength(memory: ArrayBuffer): number;
  setFirst(memory: SharedArrayBuffer, value: number): void;
  /** Pushes `count` numbered blocks in seeded bursts, each until it is taken. */
  write(end: StreamEnd, seed: number, count: number): Promise<StreamStats>;
  /** Pulls blocks in seeded bursts until `count` came; returns how many were whole and in order. */
  read(end: StreamEnd, seed: number, count: number): Promise<number>;
}
