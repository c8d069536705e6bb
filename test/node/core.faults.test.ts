import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { createCore, type EngineError } from '../../src/core.ts';

// What a core says when what it is made from is missing, half, wrong, or cannot run here; and that another try may do.
const RUNTIME = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');
const fetch = (name: string) => readFile(name.endsWith('.wasm') ? RUNTIME : `public/models/${name}`);

const failure = (work: Promise<unknown>): Promise<EngineError> =>
  work.then(
    () => expect.fail('nothing was thrown'),
    (error) => error,
  );

test('webgpu without a GPU says so', async () => {
  expect(await failure(createCore({ fetch, backend: 'webgpu' }))).toMatchObject({
    name: 'EngineError',
    kind: 'unsupported',
    message: expect.stringContaining('no WebGPU'),
    hint: expect.stringMatching(/wasm/),
  });
});

const FILES = [
  'speech-encoder.safetensors',
  'face.safetensors',
  'body-upper.safetensors',
  'speech-encoder.onnx',
  'face-prefix.onnx',
] as const;

test.each(FILES)(
  '%s missing, half or of noise is named, and another try goes through',
  async (file) => {
    const spoilt: Record<string, (bytes: Buffer) => Buffer | Promise<Buffer>> = {
      missing: () => Promise.reject(new Error('ENOENT: no such file')),
      half: (bytes) => bytes.subarray(0, bytes.length >> 1),
      noise: (bytes) => Buffer.from(bytes.map((byte, i) => byte ^ (i * 37))),
      empty: () => Buffer.alloc(0),
    };
    for (const [how, spoil] of Object.entries(spoilt)) {
      let healthy = false;
      const unsound = async (name: string) => {
        const bytes = await fetch(name);
        return name === file && !healthy ? spoil(bytes) : bytes;
      };
      const backend = file === 'face-prefix.onnx' ? 'wasm' : 'visemes';
      const error = await failure(createCore({ fetch: unsound, backend }));
      expect(error, how).toMatchObject({
        name: 'EngineError',
        kind: 'asset',
        hint: expect.stringMatching(/\.$/),
      });
      expect(error.message, how).toContain(file);
      healthy = true;
      if (how === 'half') (await createCore({ fetch: unsound, backend: 'visemes' })).dispose();
    }
  },
  60_000,
);
