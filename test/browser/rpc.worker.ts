import { EngineError } from '../../src/errors.ts';
import { serve } from '../../src/workers/rpc.ts';
import { openReader, openWriter } from '../../src/workers/stream.ts';
import { readNumbered, writeNumbered } from './numbered.ts';
import type { TestWorker } from './rpc.protocol.ts';

serve<TestWorker>({
  add: (a, b) => a + b,
  fail() {
    throw new EngineError('asset', 'talker.safetensors is version 1, this engine reads version 2', {
      hint: 'Run `make model` again.',
    });
  },
  failPlain() {
    throw new TypeError('plain');
  },
  byteLength: (memory) => memory.byteLength,
  setFirst(memory, value) {
    new Float32Array(memory)[0] = value;
  },
  write: (end, seed, count) => writeNumbered(openWriter(end), seed, count),
  read: (end, seed, count) => readNumbered(openReader(end), seed, count),
});
