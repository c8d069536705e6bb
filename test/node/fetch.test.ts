import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EngineError } from '../../src/errors.ts';
import { clearCache, isCached } from '../../src/workers/cache.ts';
import { Files, type FilesOptions } from '../../src/workers/fetch.ts';
import { MODEL_FILES } from '../../src/workers/manifest.ts';
import { Storage } from '../storage.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, file: Buffer | undefined) => void;

const hash = (bytes: ArrayBuffer | Buffer) =>
  createHash('sha256')
    .update(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes)
    .digest('hex');

let server: Server;
let base: string;
let storage: Storage;
let files: Map<string, Buffer>;
let asked: { name: string; range: string | undefined }[];
let answer: Answer;

const whole: Answer = (_, response, file) => {
  if (file) response.setHeader('content-length', file.length).end(file);
  else response.writeHead(404).end('no');
};
const sizes = { 'a.bin': 300_000, 'b.bin': 200_000, 'c.bin': 5 };
const list = () =>
  files.set(
    'manifest.json',
    Buffer.from(
      JSON.stringify({
        format: 1,
        files: Object.fromEntries(
          [...files]
            .filter(([name]) => name !== 'manifest.json')
            .map(([name, bytes]) => [name, { bytes: bytes.length, sha256: hash(bytes) }]),
        ),
      }),
    ),
  );

beforeEach(async () => {
  storage = new Storage();
  vi.stubGlobal('caches', storage);
  files = new Map(
    Object.entries(sizes).map(([name, size]) => [name, Buffer.alloc(size, name.charCodeAt(0))]),
  );
  list();
  asked = [];
  answer = whole;
  server = createServer((request, response) => {
    const name = request.url!.slice(1);
    asked.push({ name, range: request.headers.range });
    const file = files.get(name);
    if (name === 'manifest.json') whole(request, response, file);
    else answer(request, response, file);
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  base = `http://localhost:${(server.address() as AddressInfo).port}/`;
});

const unreachable = () =>
  new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });

afterEach(async () => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  await unreachable();
});

const patience = { stallMs: 300, retryMs: 10 };
const visit = (options: Partial<FilesOptions> = {}) => {
  const reports: [number, number][] = [];
  const onProgress = (loaded: number, total: number) => reports.push([loaded, total]);
  const expected = Object.keys(sizes);
  const files = new Files({ baseUrl: base, group: 'models', expected, onProgress, patience, ...options });
  return { files, reports };
};
/** A whole visit: everything is asked for, and kept. */
const load = async (options?: Partial<FilesOptions>) => {
  const { files, reports } = visit(options);
  const bytes = await Promise.all(Object.keys(sizes).map(files.get));
  await files.keep();
  return { bytes: bytes.map(hash), reports };
};
const names = () => asked.map(({ name }) => name).filter((name) => name !== 'manifest.json');
const shipped = () => Object.keys(sizes).map((name) => hash(files.get(name)!));
const failure = (work: Promise<unknown>): Promise<EngineError> =>
  work.then(
    () => expect.fail('nothing was thrown'),
    (error) => error,
  );
const TOTAL = 500_005;

const expectExact = (reports: readonly [number, number][]) => {
  expect(reports[0]).toEqual([0, TOTAL]);
  expect(reports.at(-1)).toEqual([TOTAL, TOTAL]);
  expect(reports.every(([, total]) => total === TOTAL)).toBe(true);
  expect(reports.every(([loaded], i) => i === 0 || loaded >= reports[i - 1][0])).toBe(true);
};

test('progress knows the total before the first byte, never falls, and ends at exactly the total', async () => {
  answer = (_, response, file) => {
    response.setHeader('content-length', file!.length);
    response.write(file!.subarray(0, 1000));
    setTimeout(() => response.end(file!.subarray(1000)), 50);
  };
  const { bytes, reports } = await load();
  expect(bytes).toEqual(shipped());
  expectExact(reports);
  expect(reports.length).toBeGreaterThan(2);
});

test('the second visit asks for the manifest alone, the third for nothing, and both count as the first did', async () => {
  await load();
  asked = [];
  const second = await load();
  expect(names()).toEqual([]);
  expect(second.bytes).toEqual(shipped());
  expectExact(second.reports);
  await unreachable();
  const third = await load();
  expect(third.bytes).toEqual(shipped());
  expectExact(third.reports);
});

test('a file asked for again, or while it is on its way, is not fetched or counted again', async () => {
  const { files, reports } = visit();
  const [one, two] = await Promise.all([files.get('a.bin'), files.get(`${base}a.bin?again`)]);
  expect(one).toBe(two);
  await files.keep();
  expect(hash(await files.get('a.bin'))).toBe(shipped()[0]);
  expect(names().sort()).toEqual(Object.keys(sizes));
  expectExact(reports);
});

test('a changed file is fetched anew and its old content dropped; the others are not fetched', async () => {
  await load();
  files.set('b.bin', Buffer.alloc(200_000, 9));
  list();
  asked = [];
  expect((await load()).bytes).toEqual(shipped());
  expect(names()).toEqual(['b.bin']);
  expect(storage.urls.filter((url) => url.includes('b.bin'))).toHaveLength(1);
  expect(storage.urls).toHaveLength(4); // three files and the manifest
});

test('an update that breaks off leaves the last visit whole for when there is no network', async () => {
  await load();
  const before = shipped();
  for (const name of Object.keys(sizes)) files.set(name, Buffer.alloc(50, name));
  list();
  answer = (request, response, file) => {
    if (request.url === '/b.bin') request.socket.destroy();
    else whole(request, response, file);
  };
  const { files: half } = visit();
  await failure(half.get('b.bin'));
  await half.keep();
  await unreachable();
  expect((await load()).bytes).toEqual(before);
});

test('a file that is damaged once is fetched again; twice, it is named with what came and what should have', async () => {
  const damaged = Buffer.alloc(200_000, 1);
  let times = 1;
  answer = (request, response, file) =>
    whole(request, response, request.url === '/b.bin' && times-- > 0 ? damaged : file);
  const { bytes, reports } = await load();
  expect(bytes).toEqual(shipped());
  expectExact(reports);
  expect(names().filter((name) => name === 'b.bin')).toHaveLength(2);
  await clearCache();
  times = 9;
  asked = [];
  const error = await failure(visit().files.get('b.bin'));
  expect(error).toBeInstanceOf(EngineError);
  expect(error.kind).toBe('asset');
  expect(error.message).toContain('/b.bin is damaged');
  expect(error.message).toContain(hash(damaged));
  expect(error.message).toContain(hash(files.get('b.bin')!));
  expect(error.hint).toContain('npm run manifest');
  expect(names().filter((name) => name === 'b.bin')).toHaveLength(2);
  expect(storage.urls.filter((url) => url.includes('b.bin'))).toEqual([]);
});

test('half a file is told by its size', async () => {
  answer = (request, response, file) => whole(request, response, file?.subarray(0, file.length >> 1));
  const { message } = await failure(visit().files.get('a.bin'));
  expect(message).toContain('/a.bin is damaged: it has 150000 bytes, expected 300000 bytes');
});

test('damage in the cache is found, and mended from the server', async () => {
  await load();
  for (const entries of storage.caches.values())
    for (const [url, bytes] of entries) if (url.includes('a.bin')) bytes[7] ^= 1;
  asked = [];
  expect((await load()).bytes).toEqual(shipped());
  expect(names()).toEqual(['a.bin']);
  asked = [];
  expect((await load()).bytes).toEqual(shipped());
  expect(names()).toEqual([]);
});

/** Sends a part of the file and dies, at the first request for it only. */
const dieOnce =
  (ranges: boolean): Answer =>
  (request, response, file) => {
    if (request.url !== '/a.bin') return whole(request, response, file);
    if (names().filter((name) => name === 'a.bin').length === 1) {
      response.setHeader('content-length', file!.length).write(file!.subarray(0, 100_000));
      setTimeout(() => request.socket.destroy(), 50);
      return;
    }
    const from = ranges ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
    if (from > 0)
      response.writeHead(206, { 'content-range': `bytes ${from}-${file!.length - 1}/${file!.length}` });
    response.end(file!.subarray(from));
  };

test.each([
  ['goes on where it broke off', true],
  ['begins anew where the server knows no ranges', false],
])('a transfer that breaks off %s', async (_, ranges) => {
  answer = dieOnce(ranges);
  const { bytes, reports } = await load();
  expect(bytes).toEqual(shipped());
  expectExact(reports);
  expect(asked.filter(({ name }) => name === 'a.bin').map(({ range }) => range)).toEqual([
    undefined,
    'bytes=100000-',
  ]);
});

test('a network that is gone is said with how far it came', async () => {
  answer = (request, response, file) => {
    if (request.headers.range) return request.socket.destroy();
    response.setHeader('content-length', file!.length).write(file!.subarray(0, 1000));
    setTimeout(() => request.socket.destroy(), 30);
  };
  const broken = await failure(visit().files.get('a.bin'));
  expect(broken.message).toMatch(/\/a\.bin cannot be read: .* after 1000 bytes, at the second try too/);
  expect(broken.hint).toContain('Check the network');
  await unreachable();
  const gone = await failure(visit().files.get('a.bin'));
  expect(gone).toBeInstanceOf(EngineError);
  expect(gone.message).toMatch(/manifest\.json cannot be read: the network failed/);
});

test('a server that stalls gives an error in time, and waiting for a connection is no stall', async () => {
  answer = (_, response, file) => {
    response.setHeader('content-length', file!.length).write(file!.subarray(0, 4));
  };
  const begun = performance.now();
  const { message } = await failure(visit().files.get('a.bin'));
  expect(message).toMatch(/nothing came for 0\.3 s after 4 bytes, at the second try too/);
  expect(performance.now() - begun).toBeLessThan(2 * (patience.stallMs + patience.retryMs) + 500);
  // Each file takes most of the patience, and twelve of them have four connections.
  let [open, most] = [0, 0];
  answer = (request, response, file) => {
    most = Math.max(most, ++open);
    response.on('close', () => open--);
    setTimeout(() => whole(request, response, file), 200);
  };
  const many = Array.from({ length: 12 }, (_, i) => `${i}.bin`);
  for (const name of many) files.set(name, Buffer.from(name));
  list();
  const { files: queue } = visit({ expected: many });
  expect(await Promise.all(many.map(async (name) => Buffer.from(await queue.get(name)).toString()))).toEqual(
    many,
  );
  expect(most).toBe(4);
});

test('a folder without a manifest is loaded unchecked, counted as the server announces, and not kept', async () => {
  const said = vi.spyOn(console, 'info').mockImplementation(() => undefined);
  files.delete('manifest.json');
  const { bytes, reports } = await load();
  expect(bytes).toEqual(shipped());
  expect(reports.at(-1)).toEqual([TOTAL, TOTAL]);
  expect(reports.every(([loaded, total], i) => loaded <= total && loaded >= (reports[i - 1]?.[0] ?? 0))).toBe(
    true,
  );
  expect(storage.urls).toEqual([]);
  expect(said.mock.calls.flat().join()).toContain('manifest.json');
});

test('a full cache, and none at all, change nothing but the next visit', async () => {
  storage.room = 1000;
  expect((await load()).bytes).toEqual(shipped());
  expect(storage.urls.filter((url) => url.includes('manifest'))).toEqual([]);
  vi.stubGlobal('caches', { open: () => Promise.reject(new DOMException('private', 'SecurityError')) });
  expect((await load()).bytes).toEqual(shipped());
  vi.stubGlobal('caches', undefined);
  expect((await load()).bytes).toEqual(shipped());
});

test('the old content makes room for the new where there is too little', async () => {
  await load();
  storage.room = 520_000;
  files.set('a.bin', Buffer.alloc(300_000, 3));
  list();
  await load();
  asked = [];
  expect((await load()).bytes).toEqual(shipped());
  expect(names()).toEqual([]);
});

test('a missing file harms only who asks for it', async () => {
  files.delete('b.bin');
  const { files: some, reports } = visit();
  expect(hash(await some.get('a.bin'))).toBe(hash(files.get('a.bin')!));
  await some.settled();
  const [loaded, total] = reports.at(-1)!;
  expect([loaded, total]).toEqual([300_005, 300_005]);
  const { message, hint } = await failure(some.get('b.bin'));
  expect(message).toContain('/b.bin cannot be read: the server answered 404');
  expect(hint).toContain('modelBaseUrl');
  const { files: cast } = visit({ group: 'characters', expected: [] });
  const nobody = await failure(cast.get(`${base}nobody.vrm`));
  expect(nobody.message).toContain('The character /nobody.vrm cannot be read: the server answered 404');
});

test('isCached says when the network is not needed any more, clearCache makes it so that it is', async () => {
  for (const name of [...MODEL_FILES, 'ada.vrm']) files.set(name, Buffer.from(name));
  list();
  expect(await isCached(base)).toBe(false);
  const models = visit({ expected: MODEL_FILES }).files;
  await models.keep();
  const cast = [`${base}ada.vrm`];
  expect(await isCached(base)).toBe(true);
  expect(await isCached(base, cast)).toBe(false);
  const characters = visit({ group: 'characters', expected: cast }).files;
  await characters.keep();
  expect(await isCached(base, cast)).toBe(true);
  expect(await isCached(base, ['http://elsewhere.test/ada.vrm'])).toBe(false);
  const face = storage.urls.find((url) => url.includes('/face.onnx'))!;
  for (const entries of storage.caches.values()) entries.delete(face);
  expect(await isCached(base)).toBe(false);
  storage.caches.set('of somebody else', new Map());
  await clearCache();
  expect([...storage.caches.keys()]).toEqual(['of somebody else']);
  expect(await isCached(base, cast)).toBe(false);
});

test('when the network is back, the same files are asked for again, and only those that are missing', async () => {
  const { files, reports } = visit();
  const gone = new Set(['/a.bin', '/c.bin']);
  answer = (request, response, file) =>
    gone.has(request.url!) ? request.socket.destroy() : whole(request, response, file);
  const { message, hint } = await failure(files.get('a.bin'));
  expect(message).toMatch(/\/a\.bin cannot be read: the network failed, at the second try too/);
  expect(hint).toContain('Check the network');
  await files.settled();
  gone.clear();
  asked = [];
  expect(await Promise.all(Object.keys(sizes).map(async (name) => hash(await files.get(name))))).toEqual(
    shipped(),
  );
  expect(names().sort()).toEqual(['a.bin', 'c.bin']);
  expect(reports.at(-1)).toEqual([TOTAL, TOTAL]);
});

test('no memory for a file is told as that, and not as a file that is missing', async () => {
  const Real = Uint8Array;
  vi.stubGlobal(
    'Uint8Array',
    new Proxy(Real, {
      construct(target, args, as) {
        if (args[0] === sizes['a.bin']) throw new RangeError('Array buffer allocation failed');
        return Reflect.construct(target, args, as);
      },
    }),
  );
  const error = await failure(visit().files.get('a.bin'));
  expect(error).toMatchObject({ name: 'EngineError', kind: 'unsupported' });
  expect(error.message).toContain('There is not enough memory for /a.bin');
  expect(error.hint).toContain('Close other tabs');
});

test('an insecure page says so, checks what it can, and keeps nothing', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  vi.stubGlobal('isSecureContext', false);
  vi.stubGlobal('caches', undefined);
  vi.stubGlobal('crypto', {}); // browsers keep `subtle` from insecure pages
  const { bytes, reports } = await load();
  expect(bytes).toEqual(shipped());
  expectExact(reports);
  expect(said.mock.calls.flat().join()).toContain('not secure');
  answer = (request, response, file) => whole(request, response, file?.subarray(1));
  expect((await failure(visit().files.get('a.bin'))).message).toContain(
    'it has 299999 bytes, expected 300000',
  );
});
