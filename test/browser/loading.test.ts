import { beforeEach, expect, test } from 'vitest';
import { clearCache, isCached } from '../../src/workers/cache.ts';
import { Loading } from '../../src/workers/loading.ts';
import { type Manifest, RUNTIME_NAME } from '../../src/workers/manifest.ts';
import type { MotionWorker } from '../../src/workers/motion.protocol.ts';
import { connect, moving } from '../../src/workers/rpc.ts';

// The motion worker and the page load the shipped files together, with the browser's own cache and digest.
const BASE = new URL('/models/', location.href).href;
const CAST = ['/models/ada.vrm', new URL('/models/bo.vrm', location.href)];
const cast = CAST.map((source) => new URL(source, location.href).href);
const CACHE = 'duologue-files-1';

const manifest: Manifest = await (await fetch(`${BASE}manifest.json`)).json();
const total = Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0);

/** Loads everything as `createDuologue` does; gives every report, and what the page was told at the end. */
async function load() {
  const reports: [number, number][] = [];
  const worker = new Worker(new URL('./mortal.worker.ts', import.meta.url), { type: 'module' });
  const motion = connect<MotionWorker>(worker);
  const loading = new Loading({
    modelBaseUrl: BASE,
    pageUrl: location.href,
    characters: CAST,
    onProgress: (...report) => reports.push(report),
  });
  const request = {
    modelBaseUrl: BASE,
    backend: 'wasm' as const,
    sampler: { steps: 2, eta: 0, seed: 3 },
    conditions: { style: [0, 1], facing: [1, 1], emotion: [0, 0] },
    placement: 'vis-a-vis' as const,
    progress: loading.port,
  };
  const begun = performance.now();
  try {
    const networks = motion.load(moving(request, [loading.port]));
    const [info, ...files] = await Promise.all([networks, ...CAST.map((source) => loading.bring(source))]);
    const ms = performance.now() - begun;
    loading.finish();
    await expect.poll(() => isCached(BASE, cast), { timeout: 20_000 }).toBe(true);
    return { info, files, reports, ms };
  } finally {
    worker.terminate();
  }
}

const expectExact = (reports: readonly [number, number][]) => {
  expect(reports[0]).toEqual([0, total]);
  expect(reports.at(-1)).toEqual([total, total]);
  expect(reports.every(([, all]) => all === total)).toBe(true);
  expect(reports.every(([loaded], i) => i === 0 || loaded > reports[i - 1][0])).toBe(true);
};

beforeEach(clearCache);

test('worker and page count every byte of every file; the next visit has them from the cache', {
  timeout: 180_000,
}, async () => {
  expect(await isCached(BASE)).toBe(false);
  const cold = await load();
  expect(cold.info.backend).toBe('wasm');
  expectExact(cold.reports);
  expect(cold.files.map((file) => file instanceof File && [file.name, file.size])).toEqual(
    ['ada.vrm', 'bo.vrm'].map((name) => [name, manifest.files[name].bytes]),
  );
  const warm = await load();
  expectExact(warm.reports);
  console.log(`everything loaded: ${cold.ms.toFixed(0)} ms cold, ${warm.ms.toFixed(0)} ms warm`);
  await clearCache();
  expect(await isCached(BASE, cast)).toBe(false);
});

test('what the cache holds of the right size and the wrong content is found and mended', {
  timeout: 120_000,
}, async () => {
  await load();
  const cache = await caches.open(CACHE);
  const key = `${BASE}${RUNTIME_NAME}?sha256=${manifest.files[RUNTIME_NAME].sha256}`;
  const bytes = new Uint8Array(await (await cache.match(key))!.arrayBuffer());
  bytes.fill(0, 1000, 2000);
  await cache.put(key, new Response(bytes));
  const { info, reports } = await load();
  expect(info.backend).toBe('wasm');
  expectExact(reports);
  const mended = async () => {
    const kept = await (await cache.match(key))!.arrayBuffer();
    return new Uint8Array(kept).subarray(1000, 2000).some(Boolean);
  };
  await expect.poll(mended, { timeout: 20_000 }).toBe(true);
});

test('what is no address on the web is here already', async () => {
  const blob = new Blob(['x']);
  const address = URL.createObjectURL(blob);
  const reports: [number, number][] = [];
  const loading = new Loading({
    modelBaseUrl: BASE,
    pageUrl: location.href,
    characters: [blob, address],
    onProgress: (...report) => reports.push(report),
  });
  expect(await loading.bring(blob)).toBe(blob);
  expect(await loading.bring(address)).toBe(address);
  loading.port.postMessage([5, 5]);
  await expect.poll(() => reports.at(-1)).toEqual([5, 5]);
});
