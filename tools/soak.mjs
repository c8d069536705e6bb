// Lets two voices talk for an hour in the built demo, in real time, and says whether anything grows, drifts, hangs or
// breaks: `npm run soak -- [--minutes 60] [--faults] [--tier auto|webgpu|wasm|visemes] [--json FILE]`. With --faults
// something breaks every 10 to 20 s. The machine should have nothing else to do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { build } from 'vite';
import { FAULTS, processes, undergo } from '../test/faults/faults.ts';
import { breakable, openBreakable, serveBreakable } from '../test/faults/site.ts';
import { browserPath, CHROMIUM_FLAGS } from './browser.mjs';
import { MachineWatch } from './soak/machine.ts';
import { MemoryWatch } from './soak/memory.ts';
import { judge } from './soak/verdict.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    faults: { type: 'boolean', default: false },
    tier: { type: 'string', default: 'auto' },
    json: { type: 'string' },
    /** Which faults come when. */
    seed: { type: 'string', default: '1' },
    /** Pictures a second; a software renderer takes what the networks need. 0 draws as often as the screen shows. */
    pictures: { type: 'string', default: '5' },
    /** Headers that isolate the page: rings in shared memory, and the browser's own measure of memory. */
    isolated: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes is ${values.minutes}, expected more than 0`);
const warmUpS = Math.min(120, minutes * 20);
const everyS = Math.min(30, Math.max(5, (minutes * 60) / 40));
const pictures = Number(values.pictures);
const from = process.env.npm_lifecycle_event === 'soak' ? process.env.INIT_CWD : undefined;
const file = values.json && resolve(from ?? '.', values.json);
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
/** What the browser says of faults that were wanted. */
const WANTED = /fault:|ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|Context Lost/i;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const within = (work, ms, what) =>
  Promise.race([
    work,
    sleep(ms).then(() => Promise.reject(new Error(`${what}: no answer for ${ms / 1000} s`))),
  ]);

/** Numbers from 0 to 1, the same for the same seed. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

const folder = mkdtempSync(join(tmpdir(), 'duologue-soak-'));
console.log('Building the demo …');
await build({ logLevel: 'error', build: { outDir: folder, emptyOutDir: true } });
const site = await serveBreakable({ folder, headers: values.isolated ? ISOLATION : {} });
const browser = await chromium.launch({
  headless: false, // `--headless=new` in the flags does it
  executablePath: browserPath(),
  args: [
    ...CHROMIUM_FLAGS,
    '--autoplay-policy=no-user-gesture-required',
    '--enable-blink-features=ForceEagerMeasureMemory',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
  ],
});
const context = await browser.newContext({
  viewport: { width: 320, height: 180 },
  permissions: ['microphone'],
});
const page = await context.newPage();
let alive = true;
let stopped = false;
const errors = [];
const said = new Map();
const note = (text) => {
  if (WANTED.test(text)) return;
  errors.push(text);
};
page.on('crash', () => {
  alive = false;
});
page.on('pageerror', (error) => note(error.message));
page.on('console', (message) => {
  const text = message.text();
  if (message.type() === 'error') note(text);
  if (message.type() === 'warning' && !/GL Driver Message|GPU stall|software WebGL/i.test(text))
    said.set(text, (said.get(text) ?? 0) + 1);
});
process.on('SIGINT', () => {
  stopped = true;
});

const samples = [];
const outcomes = [];
const told = [];
const report = () => {
  const run = { faults: values.faults, warmUpS, samples, outcomes, errors, alive };
  const verdict = judge(run);
  const good = verdict.some(({ good }) => good === false)
    ? false
    : verdict.some(({ good }) => good === undefined)
      ? undefined
      : true;
  const setting = {
    minutes,
    tier: values.tier,
    seed: Number(values.seed),
    pictures,
    isolated: values.isolated,
  };
  if (file)
    writeFileSync(
      file,
      `${JSON.stringify({ ...setting, ...run, told, warnings: Object.fromEntries(said), verdict, good }, null, 1)}\n`,
    );
  return { verdict, good };
};

const mb = (bytes) => (bytes === null || bytes === undefined ? '–' : (bytes / 1e6).toFixed(0));
const ms = (value) => (Number.isFinite(value) ? value.toFixed(0) : '–');
const row = (cells) => console.log(cells.map((text, i) => String(text).padStart(i === 0 ? 6 : 8)).join(' '));

let begun = Date.now();
const atS = () => (Date.now() - begun) / 1000;

const machine = new MachineWatch();
const lookAtMachine = async () => machine.look([process.pid, ...(await processes(page)).map(({ id }) => id)]);

async function sample(memory) {
  const look = await within(
    page.evaluate(
      '({ stats: duologue.stats(), arrived: faults.counts(), pending: faults.pending(), tiers: faults.tiers.length, told: faults.told.splice(0) })',
    ),
    20_000,
    'the page',
  );
  told.push(...look.told.map((error) => ({ atS: atS(), ...error })));
  const used = await memory.measure();
  const load = await lookAtMachine();
  samples.push({ atS: atS(), memory: used, load, ...look, told: undefined });
  const { stats, pending } = samples.at(-1);
  row([
    `${(atS() / 60).toFixed(1)}m`,
    mb(used.pageBytes),
    mb(used.workerBytes),
    mb(used.rendererBytes),
    mb(used.treeBytes),
    ms(stats.latencyMsP50),
    ms(stats.latencyMsP95),
    ms(stats.delayMs),
    ms(stats.skewMsP50),
    stats.lateFrames,
    stats.heldFrames,
    stats.lostFrames,
    pending.length,
    errors.length,
    load ? `${Math.round(100 * load.stolen)}+${Math.round(100 * load.others)}` : '–',
    stats.info.backend,
  ]);
  report();
}

/** Inflicts one fault after the other, every kind before one comes again, until the end. */
async function inflict(untilS) {
  const random = randomOf(Number(values.seed));
  let bag = [];
  await page.evaluate('{ let n = 0; setInterval(() => faults.ask(n++), 1000); }');
  while (alive && !stopped) {
    await sleep(1000 * (10 + 10 * random()) - 3000); // undergo() watches for 3 s
    if (atS() > untilS - 30) return;
    if (bag.length === 0) bag = Object.values(FAULTS).sort(() => random() - 0.5);
    const fault = bag.pop();
    const tier = await page.evaluate('duologue.info.backend');
    if (fault.tier && fault.tier !== tier) continue;
    const began = atS();
    const outcome = await within(undergo(page, fault), 120_000, fault.name).catch((error) => {
      errors.push(error.message);
      return { name: fault.name, recoveryMs: null, outageMs: Number.NaN };
    });
    outcomes.push({ ...outcome, atS: began, tier });
    const again = outcome.recoveryMs === null ? 'never' : `after ${outcome.recoveryMs.toFixed(0)} ms`;
    if (outcome.recoveryMs === null)
      console.log(
        `       ${JSON.stringify(await within(page.evaluate('faults.condition()'), 5000, 'the page').catch(String))}`,
      );
    console.log(
      `       ${fault.name}: moving again ${again}, still for ${ms(outcome.outageMs)} ms (${tier})`,
    );
    report();
  }
}

let failure;
try {
  await breakable(page);
  const tier = values.tier === 'auto' ? '' : `&backend=${values.tier}`;
  await openBreakable(page, site, tier, { pictureEveryMs: pictures > 0 ? 1000 / pictures : 0 });
  if ((await page.evaluate('document.body.dataset.state')) !== 'ready')
    throw new Error(`The page does not begin: ${await page.locator('#notice').innerText()}`);
  const memory = await MemoryWatch.open(page);
  await page.evaluate('faults.talk()');
  console.log(await page.evaluate('duologue.info.backend + ": " + duologue.info.reason'));
  row([
    '',
    'page',
    'workers',
    'tab',
    'browser',
    'p50',
    'p95',
    'delay',
    'skew',
    'late',
    'held',
    'lost',
    'pending',
    'errors',
    'taken',
    'tier',
  ]);
  row(['', 'MB', 'MB', 'MB', 'MB', 'ms', 'ms', 'ms', 'ms', '', '', '', '', '', '%', '']);
  await lookAtMachine();
  begun = Date.now();
  const untilS = minutes * 60;
  const breaking = values.faults ? inflict(untilS) : undefined;
  breaking?.catch((error) => errors.push(`soak: ${error.message}`));
  let missed = 0;
  while (alive && !stopped && atS() < untilS) {
    await sleep(Math.min(everyS, untilS - atS()) * 1000);
    try {
      await sample(memory);
      missed = 0;
    } catch (error) {
      console.log(`       no sample: ${error.message}`); // as while all processes sleep
      if (++missed === 5) alive = false;
    }
  }
  await breaking?.catch(() => undefined);
  if (alive && values.faults) await sample(memory);
} catch (error) {
  failure = error;
  errors.push(`soak: ${error.message}`);
} finally {
  const { verdict, good } = report();
  console.log('');
  for (const { what, found, goal, good } of verdict)
    console.log(`${good === undefined ? '?   ' : good ? 'ok  ' : 'FAIL'} ${what}: ${found} (${goal})`);
  if (good === undefined)
    console.log('Others had the machine: what is marked with ? says nothing. Measure again on a quiet one.');
  for (const text of new Set(errors)) console.log(`     ${text}`);
  for (const { kind, message } of values.faults ? [] : told)
    console.log(`     the engine told: ${kind}: ${message}`);
  if (failure) console.error(failure);
  process.exitCode = failure || good === false ? 1 : good === undefined ? 2 : 0;
  await within(browser.close(), 10_000, 'the browser').catch(() => undefined);
  await site.close();
  rmSync(folder, { recursive: true, force: true });
}
