import { afterEach, expect, test } from 'vitest';
import { blockLength, stampBlock } from '../../src/engine/audio/block.ts';
import type { Backend, BackendState, Tick, Tier } from '../../src/engine/backend/backend.ts';
import { isOutOfMemory } from '../../src/engine/backend/memory.ts';
import type { BackendChoice } from '../../src/engine/backend/open.ts';
import { Generator } from '../../src/engine/model/generator.ts';
import { EngineError } from '../../src/errors.ts';
import { Conversation } from '../../src/workers/conversation.ts';
import { CrashPolicy } from '../../src/workers/crash.policy.ts';
import { MOTION_BLOCK } from '../../src/workers/motion.block.ts';
import type { TakeOver, WorkerNews } from '../../src/workers/motion.protocol.ts';
import { makeStream, openReader, openWriter } from '../../src/workers/stream.ts';
import { TierPolicy } from '../../src/workers/tier.policy.ts';
import { Tiers } from '../../src/workers/tiers.ts';

const RATE = 16_000;
const HOP = 1600; // three ticks
const LOST = new EngineError('lost', 'The GPU device was lost before its result came back.');
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A machine whose tiers fail as a test likes: `fail` may throw in a tick, `openFails` while opening. */
function machine() {
  const opened: Tier[] = [];
  const alive = new Set<Tier>();
  const control = {
    opened,
    alive,
    auto: 'webgpu' as Tier,
    fail: undefined as ((tier: Tier) => unknown) | undefined,
    openFails: undefined as ((tier: Tier) => unknown) | undefined,
    async open(choice: BackendChoice) {
      const tier = choice === 'auto' ? control.auto : choice;
      opened.push(tier);
      const failure = control.openFails?.(tier);
      if (failure) throw failure;
      return {
        backend: backendOf(tier),
        lookahead: 2,
        info: { backend: tier, adapter: 'test', reason: 'asked for' },
      };
    },
  };
  function backendOf(tier: Tier): Backend {
    alive.add(tier);
    let ticks = 0;
    const state = (): BackendState => ({
      version: 1,
      counters: { ticks, frames: 0, lower: 0, upper: 0 },
      tensors: {},
    });
    return {
      info: { backend: tier, adapter: 'test', reason: 'test' },
      full: tier !== 'visemes',
      async tick(_, work): Promise<Tick> {
        const failure = control.fail?.(tier);
        if (failure) throw failure;
        ticks++;
        return {
          face: work.frame ? new Float32Array(102) : undefined,
          behaviour: work.frame && tier !== 'visemes' ? new Float32Array(48) : undefined,
          codes: undefined,
          turn: new Float32Array(2),
          body:
            work.body?.to === 4
              ? new Float32Array(16 * (work.body.network === 'lower' ? 27 : 47))
              : undefined,
          phones: new Float32Array(80),
          voicing: new Float32Array(2),
        };
      },
      setConditions: async () => undefined,
      encodeMotion: async () => ({ listener: new Uint16Array(0), speaker: new Uint16Array(0) }),
      save: async () => state(),
      async restore(saved) {
        ticks = saved.counters.ticks;
      },
      async reset() {
        ticks = 0;
      },
      dispose: () => void alive.delete(tier),
    };
  }
  return control;
}

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

/** A talk on a {@link machine}, and a clock of its own for what the tiers decide. */
async function start(choice: BackendChoice, takeOver?: TakeOver) {
  const control = machine();
  const clock = { ms: 0 };
  const told: WorkerNews[] = [];
  const conditions = { style: [0, 1], facing: [1, 1], emotion: [0, 0] };
  const policy = new TierPolicy(() => clock.ms);
  const tiers = new Tiers(control.open, { backend: choice, conditions }, (news) => told.push(news), policy);
  await tiers.begin(takeOver);
  const sound = makeStream(blockLength(HOP), 64, { shared: false });
  const motion = makeStream(MOTION_BLOCK, 256, { shared: false });
  const generator = new Generator(tiers.now.backend, 2, 4);
  const slow = (tickMs: number) => tiers.slow(tickMs);
  const talk = new Conversation(generator, sound.reader, RATE, motion.writer, slow);
  const [writer, reader] = [openWriter(sound.writer), openReader(motion.reader)];
  const run = tiers.run(talk, takeOver);
  let failed: unknown;
  run.catch((error: unknown) => {
    failed = error;
  });
  running.push(async () => {
    await talk.stop();
    reader.close();
  });
  let frame = 0;
  const indices: number[] = [];
  const block = new Float32Array(MOTION_BLOCK);
  /** Speaks for so many tenths of a second, and takes what comes of it. */
  const speak = async (tenths: number) => {
    for (let i = 0; i < tenths; i++) {
      const piece = new Float32Array(blockLength(HOP));
      stampBlock(piece, frame, 3);
      writer.push(piece);
      frame += HOP;
      await new Promise((resolve) => setTimeout(resolve, 5));
      while (reader.pull(block)) indices.push(block[0]);
    }
  };
  /** Speaks until something is so. */
  const until = async (so: () => boolean) => {
    for (let i = 0; i < 600 && !so(); i++) await speak(1);
    expect(so()).toBe(true);
  };
  const tier = () => tiers.now.info.backend;
  return {
    ...control,
    control,
    clock,
    tiers,
    talk,
    told,
    speak,
    until,
    tier,
    indices,
    run,
    failed: () => failed,
  };
}

const infos = (told: readonly WorkerNews[]) => told.flatMap(({ info }) => (info ? [info.backend] : []));

test('a lost device: lips at once, the device again; the third time in a minute the next tier, and the page is told each time', async () => {
  const { control, tier, until, told, indices, alive } = await start('auto');
  expect(tier()).toBe('webgpu');
  for (const after of ['webgpu', 'webgpu', 'wasm'] as const) {
    await until(() => tier() === 'webgpu');
    const before = told.length;
    let lost = false;
    control.fail = (at) => {
      if (at !== 'webgpu' || lost) return undefined;
      lost = true;
      return LOST;
    };
    await until(() => lost && tier() === after);
    expect(infos(told.slice(before))).toEqual(['visemes', after]);
  }
  expect(indices.every((k, i) => i === 0 || k > indices[i - 1])).toBe(true);
  expect([...alive]).toEqual(['wasm']);
  expect(told.at(-1)?.info?.reason).toContain('was lost');
  expect(told.at(-1)?.best).toBe('webgpu');
});

test('no memory in a tick: one tier down, never the same again', async () => {
  const { control, tier, until, told, opened } = await start('auto');
  control.fail = (at) => (at === 'webgpu' ? new RangeError('Array buffer allocation failed') : undefined);
  await until(() => tier() === 'wasm');
  expect(infos(told)).toEqual(['webgpu', 'visemes', 'wasm']);
  expect(told.at(-1)?.info?.reason).toContain('webgpu ran out of memory: Array buffer allocation failed');
  expect(opened.filter((each) => each === 'webgpu')).toHaveLength(1);
  expect(told.at(-1)?.best).toBeUndefined();
});

test('no memory in WebAssembly: nothing more is opened in this worker, whose page is told', async () => {
  const { control, until, told, opened, failed } = await start('auto');
  control.openFails = (at) => (at === 'webgpu' ? new Error('no GPU') : undefined);
  let used = false;
  control.fail = (at) => (at === 'webgpu' ? LOST : used ? new Error('std::bad_alloc') : undefined);
  await until(() => infos(told).at(-1) === 'wasm');
  const before = opened.length;
  used = true;
  await until(() => failed() !== undefined);
  expect(failed()).toMatchObject({ message: 'std::bad_alloc' });
  expect(opened).toHaveLength(before);
});

test('no memory while opening what comes next: the tier below that', async () => {
  const { control, tier, until, told } = await start('webgpu');
  control.openFails = (at) => (at === 'wasm' ? new Error('std::bad_alloc') : undefined);
  let failing = true;
  control.fail = (at) => (failing && at === 'webgpu' ? new Error('out of memory') : undefined);
  await until(() => tier() === 'visemes');
  failing = false;
  expect(told.at(-1)?.info?.backend).toBe('visemes');
});

test('another failure: the tier is opened anew once, then the one below, then whoever runs the worker is told', async () => {
  const { control, tier, until, opened, failed } = await start('wasm');
  const broken = new TypeError('x is not a function');
  let fails = 0;
  control.fail = (at) => (at === 'wasm' && fails++ < 1 ? broken : undefined);
  await until(() => fails > 1 && tier() === 'wasm');
  expect(opened).toEqual(['wasm', 'visemes', 'wasm']);
  control.fail = (at) => (at === 'wasm' ? broken : undefined);
  await until(() => tier() === 'visemes');
  control.fail = () => broken;
  await until(() => failed() !== undefined);
  expect(failed()).toBe(broken);
  expect(opened.filter((each) => each === 'visemes').length).toBeLessThanOrEqual(3);
});

test('what a machine could not keep up with is tried again after 30 s, then later each time that it does not last', async () => {
  const { clock, tiers, tier, until, speak, control } = await start('auto');
  control.auto = 'wasm';
  await tiers.choose('auto');
  await speak(3);
  const tries: number[] = [];
  for (let fall = 0; fall < 6; fall++) {
    tiers.slow(70);
    await until(() => tier() === 'visemes');
    expect(tiers.now.info.reason).toContain('wasm could not keep up: a tick took 70 ms');
    const fellMs = clock.ms;
    while (tier() === 'visemes') {
      clock.ms += SECOND;
      await speak(1);
      tiers.look();
      await speak(1);
      if (clock.ms - fellMs > 20 * MINUTE) throw new Error('it is never tried again');
    }
    tries.push((clock.ms - fellMs) / SECOND);
    clock.ms += 5 * SECOND; // then the trial shows that it is still too slow
  }
  expect(tries).toEqual([30, 60, 120, 240, 480, 480]);
  // once it has lasted, the next fall is the first again
  clock.ms += 6 * MINUTE;
  tiers.slow(70);
  await until(() => tier() === 'visemes');
  const fellMs = clock.ms;
  while (tier() === 'visemes') {
    clock.ms += SECOND;
    await speak(1);
    tiers.look();
    await speak(1);
  }
  expect((clock.ms - fellMs) / SECOND).toBe(30);
}, 60_000);

test('nothing better is tried on a page that nobody sees, without motion, or against the user’s choice', async () => {
  const { clock, tiers, tier, until, speak, opened } = await start('auto');
  tiers.slow(50);
  await until(() => tier() === 'wasm');
  const before = opened.length;
  clock.ms += 10 * MINUTE;
  tiers.setVisible(false);
  await speak(2);
  tiers.look();
  tiers.setVisible(true);
  tiers.look(); // no frame since the last look
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(opened.length).toBe(before);
  await speak(2);
  tiers.look();
  await until(() => tier() === 'webgpu');
  tiers.slow(50);
  await until(() => tier() === 'wasm');
  const chosen = tiers.choose('wasm');
  await speak(3);
  await chosen;
  const count = opened.length;
  clock.ms += 60 * MINUTE;
  await speak(2);
  tiers.look();
  await speak(2);
  expect(opened.length).toBe(count);
});

test('after a crash: lips, then what ran before, and what was better is not forgotten', async () => {
  const takeOver = { tier: 'wasm', why: 'the motion worker closed', best: 'webgpu' } as const;
  const { tier, until, told, clock, tiers, speak, control, talk } = await start('auto', takeOver);
  expect(tier()).toBe('visemes');
  expect(told.find(({ info }) => info)).toMatchObject({ goal: 'wasm', best: 'webgpu' });
  const framesBefore: number[] = [];
  control.openFails = () => void framesBefore.push(talk.stats.frames);
  await until(() => tier() === 'wasm');
  expect(framesBefore).toHaveLength(1);
  expect(framesBefore[0], 'lips move before anything else takes the processors').toBeGreaterThan(0);
  expect(told.at(-1)?.info?.reason).toContain('the motion worker closed; another one took over');
  clock.ms += MINUTE;
  await speak(2);
  tiers.look();
  await until(() => tier() === 'webgpu');
});

test('after a crash, where nothing sounds: what ran before, without waiting for lips that do not move', async () => {
  const { tier } = await start('auto', { tier: 'wasm', why: 'the motion worker closed' });
  await expect.poll(tier, { timeout: 10_000 }).toBe('wasm');
});

test('after crashes had led to a lower tier, the better one is tried again, later each time', async () => {
  for (const [falls, patienceMs] of [
    [1, 60 * SECOND],
    [3, 4 * MINUTE],
    [9, 8 * MINUTE],
  ] as const) {
    const takeOver = { tier: 'visemes', why: 'the motion worker failed', best: 'wasm', falls } as const;
    const { tiers, clock, speak, until, tier } = await start('auto', takeOver);
    clock.ms += patienceMs - 1;
    await speak(3);
    tiers.look();
    await speak(3);
    expect(tier()).toBe('visemes');
    clock.ms += 1;
    await speak(3);
    tiers.look();
    await until(() => tier() === 'wasm');
  }
});

test('crashes: the same tier twice, a lower one the third time in a minute, and the end of those who never begin', () => {
  const clock = { ms: 0 };
  const policy = new CrashPolicy(() => clock.ms);
  const lived = (tier: Tier, livedMs: number) => policy.after({ tier, livedMs, outOfMemory: false });
  expect(lived('wasm', 9000)).toEqual({ tier: 'wasm', waitMs: 0 });
  expect(lived('wasm', 9000)).toEqual({ tier: 'wasm', waitMs: 0 });
  expect(lived('wasm', 9000)).toEqual({ tier: 'visemes', waitMs: 0 });
  clock.ms += 2 * MINUTE;
  // lips that crash now and then go on for ever
  for (let i = 0; i < 20; i++) expect(lived('visemes', 3000)).toEqual({ tier: 'visemes', waitMs: 0 });
  clock.ms += 2 * MINUTE;
  expect(lived('visemes', 0)).toEqual({ tier: 'visemes', waitMs: 250 });
  expect(lived('visemes', 0)).toEqual({ tier: 'visemes', waitMs: 500 });
  expect(lived('visemes', 0)).toEqual({ tier: 'visemes', waitMs: 1000 });
  expect(lived('visemes', 0)).toBeUndefined();
  policy.clear();
  expect(policy.after({ tier: 'webgpu', livedMs: 9000, outOfMemory: true })?.tier).toBe('wasm');
  expect(lived('visemes', 0)?.waitMs).toBe(250);
});

test('a worker whose code the network does not give is no crash: it is tried for minutes, and the tier stays', () => {
  const policy = new CrashPolicy(() => 0);
  const unreached = { tier: 'wasm', livedMs: 0, outOfMemory: false, unreached: true } as const;
  let waitedMs = 0;
  for (let next = policy.after(unreached); next; next = policy.after(unreached)) {
    expect(next.tier).toBe('wasm');
    expect(next.waitMs).toBeLessThanOrEqual(10_000);
    waitedMs += next.waitMs;
  }
  expect(waitedMs).toBeGreaterThan(240_000);
  expect(waitedMs).toBeLessThan(360_000);
  // one that came, and crashed, begins the count anew
  expect(policy.after({ ...unreached, unreached: false })?.waitMs).toBe(250);
  expect(policy.after(unreached)).toEqual({ tier: 'wasm', waitMs: 250 });
});

test('what says that memory is used up, and what does not', () => {
  const inner = new EngineError('lost', 'gone', { cause: new Error('Out of memory') });
  for (const error of [
    new RangeError('Array buffer allocation failed'),
    new RangeError('WebAssembly.Memory.grow(): Unable to grow memory'),
    new RangeError('WebAssembly.Memory(): could not allocate memory'),
    new Error('failed to call OrtRun(). std::bad_alloc'),
    new Error('Aborted(OOM)'),
    inner,
  ])
    expect(isOutOfMemory(error), String(error)).toBe(true);
  for (const error of [
    LOST,
    new RangeError('Invalid array length'),
    new Error('no room at the inn'),
    undefined,
  ])
    expect(isOutOfMemory(error), String(error)).toBe(false);
});
