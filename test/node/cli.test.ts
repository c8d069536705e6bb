import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MotionOptions, parseCommand, parseList } from '../../src/cli/arguments.ts';
import { generateMotion } from '../../src/cli/generate.ts';
import { type Engine, openEngine } from '../../src/cli/models.ts';
import { runMotion } from '../../src/cli/run.ts';
import { readSound } from '../../src/cli/sound.ts';
import type { MotionJson } from '../../src/engine/export/json.ts';
import { flac, syllables, wav } from '../sounds.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'duologue-cli-'));
const at = (name: string) => join(folder, name);
const save = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(at(name), bytes);
  return at(name);
};

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the real command line in a process of its own. */
async function motion(...args: string[]) {
  const child = spawn(process.execPath, ['tools/run.mjs', 'src/cli/motion.ts', ...args], { cwd: ROOT });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

const nothing = async () => undefined;
const failure = (args: string[]) => runMotion(args, nothing).catch((error: unknown) => error);

test('sound: every kind of wav and flac gives the same mono samples', async () => {
  const x = syllables(0.05, 48_000);
  const files: [string, Uint8Array, number][] = [
    ['8.wav', wav([x], { rateHz: 48_000, bits: 8 }), 1 / 100],
    ['16.wav', wav([x], { rateHz: 48_000 }), 1 / 30_000],
    ['24.wav', wav([x], { rateHz: 48_000, bits: 24 }), 1e-6],
    ['32.wav', wav([x], { rateHz: 48_000, bits: 32 }), 1e-7],
    ['f32.wav', wav([x], { rateHz: 48_000, bits: 32, float: true }), 0],
    ['f64.wav', wav([x], { rateHz: 48_000, bits: 64, float: true }), 0],
    ['ext.wav', wav([x, x, x], { rateHz: 48_000, bits: 24, extensible: true }), 1e-6],
    ['mono.flac', flac([x], 48_000), 1 / 30_000],
    ['stereo.flac', flac([x.map((v) => 2 * v), x.map(() => 0)], 48_000), 1 / 30_000],
  ];
  for (const [name, bytes, tolerance] of files) {
    const sound = await readSound(save(name, bytes));
    expect(sound.sampleRateHz, name).toBe(48_000);
    expect(sound.samples, name).toHaveLength(x.length);
    const worst = sound.samples.reduce((m, v, i) => Math.max(m, Math.abs(v - x[i])), 0);
    expect(worst, name).toBeLessThanOrEqual(tolerance);
  }
  const piped = wav([x], { rateHz: 8000 });
  piped.writeUInt32LE(0xffff_ffff, 4);
  piped.writeUInt32LE(0xffff_ffff, piped.length - 2 * x.length - 4);
  expect((await readSound(save('piped.wav', piped))).samples).toHaveLength(x.length);
});

test('sound: missing, empty, damaged and foreign files are told apart', async () => {
  const x = syllables(0.2, 16_000);
  const whole = wav([x], { rateHz: 16_000 });
  const packed = flac([x], 16_000);
  const damaged = Buffer.from(packed);
  damaged[packed.length - 1000] ^= 0xff;
  const cases: [string, Uint8Array | string | undefined, RegExp][] = [
    ['missing.wav', undefined, /missing\.wav: no such file/],
    ['empty.wav', '', /empty \(0 bytes\)/],
    ['text.wav', 'this is no sound', /expected wav or flac/],
    ['head.wav', whole.subarray(0, 30), /format chunk has/],
    ['cut.wav', whole.subarray(0, 3000), /cut off, \d+ bytes of sound of 6400/],
    ['silent.wav', wav([new Float32Array(0)], { rateHz: 16_000 }), /holds no sound/],
    ['slow.wav', wav([x], { rateHz: 4000 }), /4000 samples a second, expected 8000 to 192000/],
    ['cut.flac', packed.subarray(0, 5000), /no whole flac file: \d+ samples of 3200 decode/],
    ['damaged.flac', damaged, /no whole flac file: \d+ samples of 3200 decode/],
    ['head.flac', packed.subarray(0, 30), /no whole flac file/],
    ['noise.flac', Buffer.concat([packed.subarray(0, 42), Buffer.alloc(500, 7)]), /no whole flac file/],
  ];
  for (const [name, bytes, message] of cases) {
    if (bytes !== undefined) save(name, bytes);
    const error = await readSound(at(name)).catch((e: unknown) => e);
    expect(error, name).toMatchObject({ kind: 'asset', message: expect.stringMatching(message) });
    expect((error as { hint: string }).hint, name).toBeTruthy();
  }
});

test('arguments: defaults, everything given, and what makes no sense', () => {
  const defaults: MotionOptions = {
    backend: 'auto',
    steps: { face: 1, body: 4 },
    eta: 0,
    seed: 1,
    guidance: [1, 1],
    temperature: undefined,
    topK: undefined,
    style: [0, 0],
    emotion: [0, 0],
    action: [0, 0],
    relationship: 0,
    placement: 'vis-a-vis',
    chunk: Infinity,
    models: undefined,
  };
  expect(parseCommand(['a', 'b', '--out', 'o'])).toEqual({
    kind: 'job',
    job: { a: 'a', b: 'b', out: 'o' },
    options: defaults,
  });
  const given =
    '--backend wasm --steps 2 --eta 0.5 --seed 9 --style 1,3 --emotion fear,self --chunk 128 --models m ' +
    '--guidance 1.5,2 --temperature 0.5 --topk 8 --action walk,sit --relationship work --placement l';
  expect(parseCommand([...given.split(' '), '--list', 'l'])).toEqual({
    kind: 'list',
    list: 'l',
    options: {
      backend: 'wasm',
      steps: { face: 2, body: 2 },
      eta: 0.5,
      seed: 9,
      style: [1, 3],
      emotion: [2, 4],
      guidance: [1.5, 2],
      temperature: 0.5,
      topK: 8,
      action: [1, 2],
      relationship: 3,
      placement: 'l',
      chunk: 128,
      models: 'm',
    },
  });
  for (const line of [
    '',
    'a b',
    'a --out o',
    'a b c --out o',
    'a b --out o --steps 9',
    'a b --out o --steps x',
    'a b --out o --steps 1,9',
    'a b --out o --steps 1,2,3',
    'a b --out o --eta 2',
    'a b --out o --seed 1.5',
    'a b --out o --style 1',
    'a b --out o --style 1,4',
    'a b --out o --emotion joy,joy',
    'a b --out o --backend cpu',
    'a b --out o --chunk 0',
    'a b --out o --guidance 1,2,3',
    'a b --out o --guidance x',
    'a b --out o --temperature -1',
    'a b --out o --topk 0',
    'a b --out o --action run,stand',
    'a b --out o --relationship foes',
    'a b --out o --placement queue',
    'a b --out o --nonsense',
    'a b --out o --list l',
  ])
    expect(() => parseCommand(line.split(' ').filter(Boolean)), line).toThrow(
      expect.objectContaining({ kind: 'unsupported', hint: expect.any(String) }),
    );
  expect(parseList('a\tb\to\n\nc\t-\tp\r\n', 'l')).toEqual([
    { a: 'a', b: 'b', out: 'o' },
    { a: 'c', b: '-', out: 'p' },
  ]);
  for (const text of ['', 'a b o', 'a\tb', 'a\tb\to\nc\td\to'])
    expect(() => parseList(text, 'l')).toThrow(/^l/);
});

let engine: Engine;
const OPTIONS = (parseCommand(['a', 'b', '--out', 'o', '--backend', 'wasm']) as { options: MotionOptions })
  .options;

beforeAll(async () => {
  engine = await openEngine(OPTIONS);
}, 120_000);
afterAll(() => engine?.core.dispose());

/** Two voices of other rates and lengths. */
const VOICES = [
  { name: 'a', samples: syllables(1.4, 44_100), sampleRateHz: 44_100 },
  { name: 'b', samples: syllables(0.9, 48_000, 210), sampleRateHz: 48_000 },
] as const;

const worstOf = (a: Float32Array, b: Float32Array) =>
  a.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - b[i])),
    a.length === b.length ? 0 : Infinity,
  );

test('generator: chunks of 128, 1,000 and all samples give the same motion, and a second run too', async () => {
  const whole = await generateMotion([...VOICES], engine, OPTIONS);
  expect(whole.frames).toBe(43);
  expect(whole.durationS).toBeCloseTo(1.4);
  for (const chunk of [128, 1000, Infinity]) {
    const again = await generateMotion([...VOICES], engine, { ...OPTIONS, chunk });
    for (const p of [0, 1]) {
      for (const part of ['face', 'phones', 'voicing', 'turn'] as const)
        expect(
          worstOf(whole.persons[p][part], again.persons[p][part]),
          `${part} ${chunk}`,
        ).toBeLessThanOrEqual(1e-4);
      const [first, second] = [whole, again].map(({ persons }) => persons[p].whole);
      expect(first && second && worstOf(first.body, second.body), `body ${chunk}`).toBeLessThanOrEqual(1e-4);
      expect(second?.listener).toEqual(first?.listener);
      expect(second?.speaker).toEqual(first?.speaker);
    }
  }
  expect(whole.heldBodyFrames).toBe(0);
  expect(whole.persons[0].face.every((w) => w >= 0 && w <= 1)).toBe(true);
}, 120_000);

test('generator: the sound matters, and so does who makes it; NaN counts as silence', async () => {
  const [a, b] = VOICES;
  const { persons, nonFinite } = await generateMotion([a, b], engine, OPTIONS);
  expect(nonFinite).toBe(0);
  const swapped = await generateMotion([b, a], engine, OPTIONS);
  expect(worstOf(persons[0].phones, swapped.persons[1].phones)).toBeLessThanOrEqual(1e-4);
  expect(worstOf(persons[0].phones, persons[1].phones)).toBeGreaterThan(0.01);
  const broken = { ...b, samples: b.samples.map((x, i) => (i % 1000 === 0 ? Number.NaN : x)) };
  const whole = { ...b, samples: b.samples.map((x, i) => (i % 1000 === 0 ? 0 : x)) };
  const withNaN = await generateMotion([undefined, broken], engine, OPTIONS);
  const without = await generateMotion([undefined, whole], engine, OPTIONS);
  expect(withNaN.nonFinite).toBe(Math.ceil(b.samples.length / 1000));
  expect(withNaN.persons).toEqual(without.persons);
}, 120_000);

test('generator: frames 0 … floor(duration · 30)', async () => {
  for (const [samples, frames] of [
    [1, 1],
    [533, 1],
    [534, 2],
    [1600, 4],
  ]) {
    const sound = { name: 'x', samples: new Float32Array(samples), sampleRateHz: 16_000 };
    const { persons, ...motion } = await generateMotion([sound, undefined], engine, OPTIONS);
    expect(motion.frames, `${samples}`).toBe(frames);
    expect(persons[1].face).toHaveLength(frames * 51);
  }
}, 120_000);

test('command line: writes five files that agree with each other', async () => {
  const a = save('talk.wav', wav([syllables(0.4, 8000)], { rateHz: 8000, bits: 24 }));
  const b = save('reply.flac', flac([syllables(0.2, 44_100), syllables(0.2, 44_100)], 44_100));
  const run = await motion(
    a,
    b,
    '--out',
    at('one/deep'),
    '--backend',
    'wasm',
    '--seed',
    '5',
    '--style',
    '1,2',
  );
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  expect(run.stdout).toMatch(/backend {2}wasm on onnxruntime-web .*asked for/);
  expect(run.stdout).toMatch(/voice B {2}reply\.flac {2}0\.20 s at 44100 Hz, then silence for 0\.20 s/);
  expect(run.stdout).toMatch(/motion {3}13 frames, 0\.40 s/);
  expect(run.stdout).toMatch(/real-time factor \d/);
  expect(readdirSync(at('one/deep')).toSorted()).toEqual([
    'a.arkit.csv',
    'a.bvh',
    'b.arkit.csv',
    'b.bvh',
    'motion.json',
  ]);
  expect(run.stdout).toMatch(
    /bodies {3}feet slide \d+\.\d\d cm\/s, the two never closer than \d\.\d\d m, 0\.00 % .* 0 frames held/,
  );
  const json = JSON.parse(readFileSync(at('one/deep/motion.json'), 'utf8')) as MotionJson;
  expect(json).toMatchObject({
    frames: 13,
    frameRateHz: 30,
    version: 2,
    source: {
      sampler: {
        steps: { face: 1, body: 4 },
        eta: 0,
        seed: 5,
        guidance: { face: 1, body: 1 },
        codes: { temperature: expect.any(Number), topK: expect.any(Number) },
      },
      placement: 'vis-a-vis',
    },
  });
  expect(json.persons.map(({ body }) => [body?.length, body?.[0].length])).toEqual([
    [13, 75],
    [13, 75],
  ]);
  expect(json.persons.map(({ sound, style }) => [sound, style])).toEqual([
    ['talk.wav', 1],
    ['reply.flac', 2],
  ]);
  for (const [p, name] of ['a', 'b'].entries()) {
    const [header, ...rows] = readFileSync(at(`one/deep/${name}.arkit.csv`), 'utf8')
      .trimEnd()
      .split('\n');
    expect(rows).toHaveLength(13);
    const column = header.split(',').indexOf('JawOpen');
    const channel = json.channels.indexOf('jawOpen');
    rows.forEach((row, k) => {
      expect(Number(row.split(',')[column])).toBeCloseTo(json.persons[p].face[k][channel], 4);
    });
  }
}, 120_000);

test('command line: a list makes every conversation as it would be alone', async () => {
  const a = save('first.wav', wav([syllables(0.3, 16_000)], { rateHz: 16_000 }));
  const b = save('second.wav', wav([syllables(0.2, 16_000, 200)], { rateHz: 16_000 }));
  const list = save('list.tsv', `${a}\t-\t${at('l1')}\n${b}\t${a}\t${at('l2')}\n`);
  await runMotion(['--list', list, '--backend', 'wasm'], nothing);
  await runMotion([b, a, '--out', at('alone'), '--backend', 'wasm'], nothing);
  const read = (out: string) => readFileSync(join(at(out), 'motion.json'), 'utf8');
  expect(read('l2')).toBe(read('alone'));
  expect(JSON.parse(read('l1')).persons[1]).toMatchObject({ sound: 'silence', durationS: 0 });
}, 120_000);

test('command line: lips alone where asked for: no bodies, and it says so', async () => {
  const a = save('lips.wav', wav([syllables(0.2, 16_000)], { rateHz: 16_000 }));
  let said = '';
  await runMotion([a, '-', '--out', at('lips'), '--backend', 'visemes'], (line) => {
    said += `${line}\n`;
  });
  expect(said).toMatch(/^bodies {3}none: this backend has lips alone$/m);
  expect(readdirSync(at('lips')).toSorted()).toEqual(['a.arkit.csv', 'b.arkit.csv', 'motion.json']);
  const json = JSON.parse(readFileSync(join(at('lips'), 'motion.json'), 'utf8')) as MotionJson;
  expect(json.bodyChannels).toEqual([]);
  expect(json.persons.map(({ body, turn }) => [body, turn.length])).toEqual([
    [undefined, 7],
    [undefined, 7],
  ]);
}, 120_000);

test('command line: webgpu and wasm agree, and auto says why it chose', async () => {
  const a = save('hum.wav', wav([syllables(0.1, 16_000)], { rateHz: 16_000 }));
  const read = (out: string) => JSON.parse(readFileSync(join(at(out), 'motion.json'), 'utf8')) as MotionJson;
  const run = await motion(a, '-', '--out', at('webgpu'), '--backend', 'webgpu', '--eta', '0.5');
  expect(run.stdout + run.stderr).toMatch(/^backend {2}webgpu on \S.* \(asked for\)$/m);
  expect(run.code).toBe(0);
  await runMotion([a, '-', '--out', at('wasm'), '--backend', 'wasm', '--eta', '0.5'], nothing);
  for (const [p, person] of read('webgpu').persons.entries()) {
    expect(person.face).toHaveLength(4);
    const other = read('wasm').persons[p].face;
    expect(
      worstOf(Float32Array.from(person.face.flat()), Float32Array.from(other.flat())),
    ).toBeLessThanOrEqual(2e-3);
  }
  let said = '';
  await runMotion([a, '-', '--out', at('auto')], (line) => {
    said += `${line}\n`;
  });
  expect(said).toMatch(
    /^backend {2}(wasm|webgpu) on .+ \((this machine has no GPU|.*adapter.*|.*GPU is here.*)\)$/m,
  );
}, 300_000);

test('command line: an error is one line on stderr, another exit code, and no file', async () => {
  const good = save('good.wav', wav([syllables(0.1, 16_000)], { rateHz: 16_000 }));
  const run = await motion(good, save('broken.wav', 'RIFFxxxxWAVEfmt '), '--out', at('none'));
  expect(run.code).toBe(1);
  expect(run.stdout).toBe('');
  expect(run.stderr).toMatch(/^motion: .*broken\.wav is no whole wav file: .*\n$/);
  const cases: [string[], RegExp][] = [
    [[good, good, '--out', good], /good\.wav is no folder/],
    [[good, good, '--out', join(good, 'x')], /good\.wav is no folder/],
    [['-', '-', '--out', at('none')], /both sounds are silence/],
    [[good, good, '--out', at('none'), '--models', folder], /speech-encoder\.\w+: no such file/],
    [['--list', at('nowhere.tsv')], /nowhere\.tsv cannot be read/],
  ];
  for (const [args, message] of cases)
    expect(await failure([...args, '--backend', 'wasm']), args.join(' ')).toMatchObject({
      name: 'EngineError',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  expect(readdirSync(folder)).not.toContain('none');
}, 120_000);
