import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect, test, vi } from 'vitest';
import { createCore } from '../../src/core.ts';

// In a file of its own: what onnxruntime-web found once it keeps.
const RUNTIME = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');
const fetch = (name: string) => readFile(name.endsWith('.wasm') ? RUNTIME : `public/models/${name}`);

test.each(['auto', 'wasm', 'visemes'] as const)(
  '%s without WebAssembly says so',
  async (backend) => {
    vi.stubGlobal('WebAssembly', undefined);
    await expect(createCore({ fetch, backend })).rejects.toThrow(
      expect.objectContaining({
        name: 'EngineError',
        kind: 'unsupported',
        message: expect.stringContaining('WebAssembly does not run here'),
        hint: expect.stringContaining('Use a browser'),
      }),
    );
  },
  60_000,
);
