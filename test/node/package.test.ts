import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';

// The npm package as it is published, built into a folder of its own, whose imports resolve as a user's would.
const OUT = `dist/package-${process.pid}`;
const run = promisify(execFile);
const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const built = (file: string) => file.replace('./dist/lib/', `${OUT}/`);

beforeAll(async () => {
  await build({ configFile: 'vite.lib.config.ts', logLevel: 'error', build: { outDir: OUT } });
  await run('npx', ['tsc', '-p', 'tsconfig.lib.json', '--outDir', `${OUT}/types`]);
}, 180_000);
afterAll(() => rmSync(OUT, { recursive: true, force: true }));

/** What a built file imports: addresses of chunks, and names of packages. */
const importsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`]+)["'`]/g)].map(
    ([, spec]) => spec,
  );

/** All files that a built file loads at some time in the same thread, and the packages among them. */
function reached(entry: string) {
  const files = new Set<string>();
  const packages = new Set<string>();
  const follow = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const spec of importsOf(file))
      if (spec.startsWith('.')) follow(path.posix.join(path.posix.dirname(file), spec));
      else packages.add(spec);
  };
  follow(entry);
  return { files: [...files], packages: [...packages] };
}

test('everything that package.json exports is there, with types', () => {
  const files = ['.', './core'].flatMap((entry) => Object.values<string>(exports[entry]));
  files.push(exports['./models/ort-wasm-simd-threaded.wasm']);
  expect(files.map(built).filter((file) => !existsSync(file))).toEqual([]);
  expect(readdirSync(`${OUT}/assets`).filter((name) => name.endsWith('.wasm'))).toHaveLength(1);
});

test('the core holds nothing of three.js, and is small', () => {
  const { files, packages } = reached(built(exports['./core'].default));
  expect(packages.filter((name) => /three/.test(name))).toEqual([]);
  for (const file of files)
    expect(readFileSync(file, 'utf8'), file).not.toMatch(
      /WebGLRenderer|BufferGeometry|VRMLoaderPlugin|Object3D/,
    );
  const all = reached(built(exports['.'].default));
  expect(all.packages.filter((name) => /three/.test(name)).length).toBeGreaterThan(2);
});

test('both entries are imported where there is no window, and the core runs there', async () => {
  const program = `
    for (const name of ['window', 'document', 'self', 'Worker', 'AudioContext'])
      if (name in globalThis) throw new Error(name + ' is here: this is no test');
    const { readFile } = await import('node:fs/promises');
    const { createDuologue } = await import('./${built(exports['.'].default)}');
    const { createCore } = await import('./${built(exports['./core'].default)}');
    const folder = (name) => (name.endsWith('.wasm') ? './${OUT}/assets/' : './public/models/') + name;
    const core = await createCore({ backend: 'visemes', fetch: (name) => readFile(folder(name)) });
    core.pushSilence(0, 0.2);
    core.finish();
    let frames = 0;
    for await (const { face } of core.frames()) frames += face.length / 102;
    core.dispose();
    console.log(typeof createDuologue, frames, core.info.backend);
  `;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program]);
  expect([stdout.trim(), stderr]).toEqual(['function 7 visemes', '']);
}, 60_000);

test('the types of the core need no types of three.js, and say what is wrong', async () => {
  const folder = `${OUT}/types`;
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.d.ts'),
  );
  expect(names.length).toBeGreaterThan(10);
  const seen = new Set<string>();
  const follow = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const spec of importsOf(file)) {
      expect(spec, file).not.toMatch(/^(three|@pixiv)/);
      if (spec.startsWith('.'))
        follow(path.posix.join(path.posix.dirname(file), spec.replace(/\.[jt]s$/, '.d.ts')));
    }
  };
  follow(built(exports['./core'].types));
  const check = async (line: string) => {
    writeFileSync(`${OUT}/consumer.ts`, `import { createCore } from './types/core';\n${line}\n`);
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'esnext',
      '--moduleResolution',
      'bundler',
    ];
    const { stdout } = await run('npx', [
      'tsc',
      ...flags,
      '--target',
      'esnext',
      '--types',
      '@webgpu/types',
      '--ignoreConfig',
      `${OUT}/consumer.ts`,
    ]).catch((error: { stdout: string }) => error);
    return stdout;
  };
  const call = 'const core = await createCore({ fetch: async () => new Uint8Array(1)';
  expect(await check(`${call} });\ncore.pushSamples(0, new Float32Array(9), 48_000);\nexport {};`)).toBe('');
  expect(await check(`${call}, backend: 'cuda' });\nexport { core };`)).toMatch(/'"cuda"' is not assignable/);
}, 120_000);

/** Names that an entry exports, with the file of types that declares each. */
function exported(entry: string): { name: string; file: string }[] {
  const source = readFileSync(entry, 'utf8');
  const own = [...source.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g)].flatMap(
    ([, names, spec]) =>
      names
        .split(',')
        .map((name) => name.replace('type ', '').trim())
        .filter(Boolean)
        .map((name) => ({ name, file: path.posix.join(`${OUT}/types`, spec.replace(/\.ts$/, '.d.ts')) })),
  );
  const whole = [...source.matchAll(/export \* from '([^']+)'/g)];
  return [...own, ...whole.flatMap(([, spec]) => exported(path.posix.join(path.posix.dirname(entry), spec)))];
}

test('every export of the door, and every member of its classes, says what it is', () => {
  const names = ['src/index.ts', 'src/core.ts'].flatMap(exported);
  expect(names.length).toBeGreaterThan(80);
  const silent: string[] = [];
  for (const { name, file } of names) {
    const lines = readFileSync(file, 'utf8').split('\n');
    const at = lines.findIndex((line) =>
      new RegExp(`^export (declare )?(abstract )?(class|function|const|type|interface) ${name}\\b`).test(
        line,
      ),
    );
    if (at < 0 || !lines[at - 1].endsWith('*/')) silent.push(name);
    if (!/ class /.test(lines[at] ?? '')) continue;
    const end = lines.indexOf('}', at);
    let before = '';
    for (let i = at + 1; i < end; i++) {
      const line = lines[i];
      const member = /^ {4}(?:readonly |get |static |abstract )*(\w+|\[[\w.]+\])[?!]?[(<:]/.exec(line)?.[1];
      // Of overloads the first speaks; iterators, `using` and the constructor of a class are the language's own.
      const plain = member && !/^(constructor|next|return|\[Symbol\.asyncIterator\])$/.test(member);
      if (plain && !lines[i - 1].endsWith('*/') && member !== before) silent.push(`${name}.${member}`);
      if (member) before = member;
    }
  }
  expect(silent).toEqual([]);
});
