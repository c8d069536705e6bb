import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { WASM_GRAPHS } from '../../src/engine/backend/wasm.ts';
import { difference, MODEL_FILES, parseManifest, RUNTIME_NAME } from '../../src/workers/manifest.ts';
import { manifestOf, SHIPPED } from '../../tools/manifest.ts';

const shipped = parseManifest(readFileSync(`${SHIPPED}/manifest.json`, 'utf8'), 'manifest.json');

test('the manifest lists the model files as they are', () => {
  const { files } = manifestOf(SHIPPED);
  const stale = [...new Set([...Object.keys(files), ...Object.keys(shipped.files)])].filter(
    (name) => JSON.stringify(files[name]) !== JSON.stringify(shipped.files[name]),
  );
  expect(stale, 'public/models/manifest.json is stale for these files: run npm run manifest').toEqual([]);
});

test('every file that a tier loads is listed, and every listed network is loaded by one', () => {
  const networks = Object.keys(shipped.files).filter((name) => /\.(safetensors|onnx|wasm)$/.test(name));
  expect([...MODEL_FILES].sort()).toEqual(networks.sort());
  const graphs = MODEL_FILES.filter((name) => name.endsWith('.onnx'));
  expect(graphs.sort()).toEqual(WASM_GRAPHS.map((name) => `${name}.onnx`).sort());
  expect(MODEL_FILES).toContain(RUNTIME_NAME);
});

test.each([
  ['<!doctype html>', /manifest\.json is no manifest of model files: it is not JSON \(15 characters\)/],
  ['{"format":2,"files":{}}', /its format is 2, expected 1/],
  ['null', /its format is undefined, expected 1/],
  ['{"format":1,"files":{"a.onnx":{"bytes":3}}}', /a\.onnx is listed as {"bytes":3}, expected its bytes/],
])('a manifest that is none is told from one: %s', (text, message) => {
  expect(() => parseManifest(text, 'manifest.json')).toThrow(message);
});

test('content is told by its digest; where the browser computes none, by its size alone', async () => {
  const file = new TextEncoder().encode('abc').buffer;
  const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'; // FIPS 180-4, its first example
  expect(await difference(file, { bytes: 3, sha256 })).toBeUndefined();
  const other = { bytes: 3, sha256: sha256.replace('b', 'c') };
  expect(await difference(file, other)).toBe(`its SHA-256 is ${sha256}, expected ${other.sha256}`);
  vi.stubGlobal('crypto', {});
  expect(await difference(file, other)).toBeUndefined();
  expect(await difference(file, { bytes: 4, sha256 })).toBe('it has 3 bytes, expected 4 bytes');
  vi.unstubAllGlobals();
});
