import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const { errors, kernels, engine, motion } = {
  errors: 'src/errors.ts',
  kernels: 'src/kernels/',
  engine: 'src/engine/',
  motion: 'src/engine/motion.ts',
};

/**
 * Who may import what. The longest prefix that fits is a file's layer, and a layer may import itself; `npm:` entries
 * are packages, `node:` Node's own, `!` forbids. There are no exceptions: change the table or change the code.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'src/errors.ts': [],
  'src/kernels/': [errors],
  'src/engine/motion.ts': [errors],
  'src/engine/checks.ts': [errors, 'src/engine/backend/open.ts', 'src/engine/body/placement.ts'],
  'src/engine/person.ts': [
    errors,
    'src/engine/backend/backend.ts',
    'src/engine/backend/conditions.ts',
    'src/engine/checks.ts',
  ],
  'src/engine/visemes.ts': [errors],
  'src/engine/timeline.ts': [errors, motion],
  'src/engine/wire.ts': [errors, motion],
  'src/engine/audio/': [errors, motion],
  'src/engine/model/': [errors, kernels, motion, 'src/engine/audio/'],
  'src/engine/model/generator.ts': [
    errors,
    motion,
    'src/engine/backend/backend.ts',
    'src/engine/body/',
    'src/engine/model/',
  ],
  'src/engine/model/scheduler.ts': [motion, 'src/engine/backend/backend.ts'],
  'src/engine/backend/': [
    errors,
    kernels,
    motion,
    'src/engine/visemes.ts',
    'src/engine/audio/',
    'src/engine/model/',
  ],
  'src/engine/backend/wasm.': [
    errors,
    kernels,
    motion,
    'src/engine/model/',
    'src/engine/backend/',
    'npm:onnxruntime-web',
  ],
  'src/engine/body/': [errors, motion],
  'src/engine/core/': [
    errors,
    motion,
    'src/engine/checks.ts',
    'src/engine/person.ts',
    'src/engine/audio/',
    'src/engine/backend/',
    'src/engine/body/placement.ts',
    'src/engine/model/',
  ],
  'src/engine/export/': [errors, motion, 'src/engine/visemes.ts', 'src/engine/body/'],
  'src/engine/stage/': [
    errors,
    motion,
    'src/engine/timeline.ts',
    'src/engine/body/',
    'npm:three',
    'npm:@pixiv/three-vrm',
  ],
  'src/workers/': [errors, kernels, engine, '!src/engine/stage/', 'npm:comlink'],
  'src/live/': [
    errors,
    motion,
    'src/engine/timeline.ts',
    'src/engine/wire.ts',
    'src/engine/audio/',
    'src/workers/',
  ],
  'src/cli/': [
    errors,
    kernels,
    engine,
    '!src/engine/stage/',
    'npm:webgpu',
    'npm:audio-decode',
    'node:',
    'public/models',
  ],
  'src/context.keeper.ts': [errors, 'src/voices.ts'],
  'src/both.ts': [
    errors,
    engine,
    '!src/engine/stage/',
    'src/frames.ts',
    'src/stats.ts',
    'src/talk.options.ts',
    'src/workers/',
  ],
  'src/core.ts': [
    engine,
    '!src/engine/stage/',
    'src/both.ts',
    'src/events.ts',
    'src/live/',
    'src/talk.ts',
    'src/unseen.ts',
  ],
  'src/index.ts': ['src/', '!src/cli/'],
  'src/duologue.ts': ['src/', '!src/cli/', 'npm:three'],
  'src/events.ts': [errors, engine, 'src/live/', 'src/stats.ts', 'src/talk.options.ts', 'src/workers/'],
  'src/frames.ts': [errors, 'src/workers/'],
  'src/headset.ts': [errors, engine, 'src/events.ts', 'src/seen.ts', 'npm:three'],
  'src/heard.ts': [engine, '!src/engine/stage/', 'src/lateness.ts', 'src/workers/'],
  'src/lateness.ts': [],
  'src/opening.ts': [engine, '!src/engine/stage/', 'src/talk.options.ts', 'src/workers/'],
  'src/options.ts': [errors, engine, 'src/talk.options.ts', 'npm:three'],
  'src/seen.ts': [errors, engine, 'src/options.ts', 'npm:three'],
  'src/skew.ts': [],
  'src/speech.ts': [engine, 'src/events.ts', 'src/workers/'],
  'src/stats.ts': [engine],
  'src/talk.options.ts': [errors, engine, '!src/engine/stage/', 'src/workers/'],
  'src/talk.ts': ['src/', '!src/cli/', '!src/engine/stage/', '!src/options.ts', '!src/seen.ts'],
  'src/unseen.ts': [
    engine,
    '!src/engine/stage/',
    'src/heard.ts',
    'src/opening.ts',
    'src/talk.options.ts',
    'src/talk.ts',
    'src/voices.ts',
    'src/workers/',
  ],
  'src/voices.ts': [errors, engine, 'src/heard.ts', 'src/live/', 'src/workers/'],
  'demo/': ['src/index.ts'],
  // A page that has a scene of its own.
  'demo/latency/': ['src/index.ts', 'npm:three'],
};

/** Words that a layer's code (comments aside) never says; a longer prefix does not lift a shorter one's ban. */
const NEVER_SAYS: Readonly<Record<string, RegExp>> = {
  'src/kernels/': /\b(audio|avatar|bone|mel|document|Worker)\b/,
  'src/engine/': /\b(Worker|AudioWorklet\w*|SharedArrayBuffer)\b/,
  'src/engine/audio/': /\b(document|GPU\w*)\b/,
  'src/engine/model/': /\bdocument\b/,
  'src/engine/backend/': /\bdocument\b/,
  'src/engine/body/': /\b(document|GPU\w*)\b/,
  'src/engine/export/': /\b(document|GPU\w*)\b/,
  'src/workers/': /\bdocument\b/,
  'src/cli/': /\bdocument\b/,
};

const IMPORT = /(?:\bfrom|\bimport|new URL)\s*\(?\s*['"]([^'"]+)['"]/g;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g;

const layerOf = (file: string) =>
  Object.keys(LAYERS)
    .filter((prefix) => file.startsWith(prefix))
    .sort((a, b) => b.length - a.length)
    .at(0);

/** `src/kernels/gpu.ts`, `npm:three/addons/…` or `node:fs`. */
function targetOf(file: string, spec: string) {
  const plain = spec.replace(/\?.*$/, '');
  if (plain.startsWith('.')) return path.posix.join(path.posix.dirname(file), plain);
  return plain.startsWith('node:') ? plain : `npm:${plain}`;
}

/** What is wrong with an import, or undefined. */
function objection(file: string, spec: string): string | undefined {
  const layer = layerOf(file);
  if (!layer) return `${file} belongs to no layer`;
  const target = targetOf(file, spec);
  const matches = (rule: string) =>
    rule.startsWith('npm:') ? target === rule || target.startsWith(`${rule}/`) : target.startsWith(rule);
  const rules = [layer, ...LAYERS[layer]];
  const forbidden = rules.some((rule) => rule.startsWith('!') && matches(rule.slice(1)));
  return !forbidden && rules.some(matches) ? undefined : `${layer} may not import ${target}`;
}

const files = ['src', 'demo'].flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((file) => path.posix.join(root, file.replaceAll('\\', '/')))
    .filter((file) => /\.(ts|mjs|js|wgsl)$/.test(file)),
);

test.each(files)('%s keeps to its layer', (file) => {
  const layer = layerOf(file);
  expect(layer, `${file} belongs to no layer`).toBeDefined();
  const code = readFileSync(file, 'utf8').replace(COMMENT, '');
  const specs = [...code.matchAll(IMPORT)].map(([, spec]) => spec);
  expect(specs.map((spec) => objection(file, spec)).filter(Boolean)).toEqual([]);
  if (!file.endsWith('.ref.ts'))
    expect(
      specs.filter((spec) => spec.endsWith('.ref.ts')),
      'references are for tests',
    ).toEqual([]);
  for (const [prefix, words] of Object.entries(NEVER_SAYS))
    if (file.startsWith(prefix)) expect(code.match(words)?.[0], `${prefix} never says this`).toBeUndefined();
});

/** Every file that a file imports in the end, types too, and every package. */
function reachedFrom(entry: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const follow = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    if (!/^src\/.*\.ts$/.test(file)) return;
    const code = readFileSync(file, 'utf8').replace(COMMENT, '');
    for (const [, spec] of code.matchAll(IMPORT)) follow(targetOf(file, spec));
  };
  follow(entry);
  return reached;
}

test('nothing of a picture is reached from the core, nor of a page from its engine', () => {
  const pictures = (entry: string) =>
    [...reachedFrom(entry)].filter((file) => /^npm:(three|@pixiv)|^src\/engine\/stage\//.test(file));
  expect(pictures('src/core.ts')).toEqual([]);
  expect(pictures('src/index.ts').length).toBeGreaterThan(20);
  const engine = reachedFrom('src/engine/core/open.ts');
  expect([...engine].filter((file) => /^src\/(?!engine\/|kernels\/|errors\.ts)/.test(file))).toEqual([]);
  expect(engine).toContain('src/engine/backend/wasm.ts');
});

test('the law itself: what it forbids, what it allows', () => {
  expect(objection('src/helpers/math.ts', '../errors.ts')).toMatch('belongs to no layer');
  expect(objection('src/engine/loose.ts', '../errors.ts')).toMatch('belongs to no layer');
  expect(objection('src/kernels/gpu.ts', '../engine/motion.ts')).toMatch(
    'may not import src/engine/motion.ts',
  );
  expect(objection('src/engine/audio/levels.ts', 'three')).toMatch('may not import npm:three');
  expect(objection('src/engine/stage/stage.ts', 'three-stdlib')).toMatch('may not import npm:three-stdlib');
  expect(objection('src/engine/backend/webgpu.ts', 'onnxruntime-web/wasm')).toMatch('may not import');
  expect(objection('src/workers/rpc.ts', '../engine/stage/stage.ts')).toMatch('may not import');
  expect(objection('src/index.ts', './cli/motion.ts')).toMatch('may not import');
  expect(objection('demo/main.ts', '../src/engine/motion.ts')).toMatch('may not import');
  expect(objection('src/engine/backend/wasm.session.ts', 'onnxruntime-web/wasm')).toBeUndefined();
  expect(objection('src/engine/stage/character.ts', 'three/addons/loaders/GLTFLoader.js')).toBeUndefined();
  expect(objection('src/workers/capture.ts', './capture.worklet.ts?worker&url')).toBeUndefined();
  expect(objection('demo/main.ts', './style.css')).toBeUndefined();
});
