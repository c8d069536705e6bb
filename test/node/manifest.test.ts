import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WASM_GRAPHS } from '../../src/engine/backend/wasm.ts';
import { MODEL_FILES, parseManifest, RUNTIME_NAME } from '../../src/workers/manifest.ts';
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
