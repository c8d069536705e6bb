// Measures how soon sound becomes motion and pictures, and how well lips and voice stay together, in Chromium:
// `npm run latency -- [--json FILE] [--tier auto,wasm,visemes,webgpu] [--seconds N]`. The first tier is run again while
// the page draws. The page is demo/latency.
import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { browserPath, CHROMIUM_FLAGS } from './browser.mjs';
import { SHIPPED_MODELS, shippedConfiguration } from './latency.configuration.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const BUILT = resolve(root, 'dist/latency');
const TIERS = ['auto', 'webgpu', 'wasm', 'visemes'];
const MOST_MS = 230_000;
/** Loading, warming up and reading off take no longer than this, beside the measuring itself. */
const AROUND_MS = 75_000;

const REQUIRED = ['frame_p50_ms', 'frame_p95_ms', 'skew_p2_5_ms', 'skew_p97_5_ms', 'late_share'];
const COLUMNS = [
  ['tier', (row) => row.tier],
  ['picture', (row) => (row.rendering ? 'drawn' : 'off')],
  ['frames', (row) => row.frames],
  ['frame p50', (row) => row.frame_p50_ms],
  ['p95 ms', (row) => row.frame_p95_ms],
  ['click', (row) => row.click_p50_ms],
  ['syllable', (row) => row.syllable_p50_ms],
  ['pixel p95', (row) => row.pixel_p95_ms],
  ['skew p2.5', (row) => row.skew_p2_5_ms],
  ['p97.5', (row) => row.skew_p97_5_ms],
  ['lips lag', (row) => row.lips_lag_ms],
  ['late', (row) => row.late_share],
  ['delay', (row) => row.delay_ms],
];

/** The words of the command line; throws about those that it does not know. */
function wishes() {
  const options = { json: { type: 'string' }, tier: { type: 'string' }, seconds: { type: 'string' } };
  const { values } = parseArgs({ options });
  const seconds = Number(values.seconds ?? 24);
  if (!(seconds >= 6 && seconds <= 600)) throw new Error(`--seconds is ${values.seconds}, expected 6 to 600`);
  const tiers = values.tier?.split(',');
  for (const tier of tiers ?? [])
    if (!TIERS.includes(tier)) throw new Error(`--tier has ${tier}, expected some of ${TIERS.join(', ')}`);
  return { json: values.json, tiers, seconds };
}

/** Opens the page for one tier and waits for what it measured; throws what went wrong there. */
async function measure(browser, address, { backend, seconds, rendering }) {
  const page = await browser.newPage({ viewport: { width: 960, height: 720 } });
  const said = [];
  page.on('pageerror', (error) => said.push(error.message));
  page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
  try {
    const query = new URLSearchParams({ run: '', backend, seconds, rendering: rendering ? '1' : '0' });
    await page.goto(`${address}/demo/latency/?${query}`);
    const timeout = seconds * 1000 + AROUND_MS;
    const result = await page
      .waitForFunction(() => window.latency, undefined, { timeout })
      .then((handle) => handle.jsonValue())
      .catch(async (error) => ({
        failed: `${error.message.split('\n')[0]} It said last: ${await page.textContent('#status')}`,
      }));
    if ('failed' in result) throw new Error([`${backend}: ${result.failed}`, ...said].join('\n'));
    return result.measured;
  } finally {
    await page.close();
  }
}

function table(rows) {
  const cells = [
    COLUMNS.map(([name]) => name),
    ...rows.map((row) => COLUMNS.map(([, of]) => String(of(row) ?? '–'))),
  ];
  const widths = COLUMNS.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  return cells.map((line) => line.map((cell, i) => cell.padStart(widths[i])).join('  ')).join('\n');
}

async function main() {
  const { json, tiers, seconds } = wishes();
  process.chdir(root);
  await build({ logLevel: 'error', build: { outDir: BUILT, emptyOutDir: true } });
  const server = await preview({ logLevel: 'error', build: { outDir: BUILT }, preview: { port: 4190 } });
  const browser = await chromium.launch({
    executablePath: browserPath(),
    headless: false, // `--headless=new` in the flags does it: the headless shell has no WebGPU
    args: [...CHROMIUM_FLAGS, '--autoplay-policy=no-user-gesture-required'],
  });
  try {
    const address = `http://localhost:${server.httpServer.address().port}`;
    const rows = [];
    const run = async (backend, rendering) => {
      const measured = await measure(browser, address, { backend, seconds, rendering });
      rows.push({ ...measured, ...shippedConfiguration(measured.tier) });
      console.log(`${measured.tier} on ${measured.adapter}${rendering ? ', drawn' : ''}: measured`);
    };
    const [first, ...others] = tiers ?? ['auto'];
    await run(first, false);
    const main = rows[0];
    // Slower than real time on a software adapter: WebGPU is measured where `auto` takes it, or when asked for.
    for (const tier of tiers ? others : ['wasm', 'visemes'].filter((tier) => tier !== main.tier))
      await run(tier, false);
    await run(first, true);
    const drawn = rows.at(-1);
    console.log(`\n${table(rows)}\n`);
    for (const row of rows) {
      console.log(`${row.tier}${row.rendering ? ', drawn' : ''}: ${row.why}`);
      for (const error of row.errors) console.log(`  survived: ${error}`);
    }
    const result = {
      ...Object.fromEntries(REQUIRED.map((name) => [name, main[name]])),
      pixel_p95_ms: drawn.pixel_p95_ms,
      configuration: { tier: main.tier, adapter: main.adapter, ...shippedConfiguration(main.tier) },
      browser: browser.version(),
      models: SHIPPED_MODELS,
      tiers: rows,
    };
    if (json) {
      const from = process.env.npm_lifecycle_script?.includes('tools/latency.mjs') && process.env.INIT_CWD;
      writeFileSync(resolve(from || root, json), `${JSON.stringify(result, null, 1)}\n`);
    }
    const missing = REQUIRED.filter((name) => !Number.isFinite(main[name]));
    if (missing.length > 0)
      throw new Error(
        `${main.tier} gave no ${missing.join(', ')}: ${main.frames} frames came in ${seconds} s`,
      );
  } finally {
    await browser.close();
    await server.close();
    rmSync(BUILT, { recursive: true, force: true });
  }
}

const watchdog = setTimeout(
  () => {
    console.error('latency: it takes too long; ask for fewer --seconds or one --tier');
    process.exit(1);
  },
  Math.max(MOST_MS, process.argv.includes('--seconds') ? 3_600_000 : 0),
);
main().then(
  () => clearTimeout(watchdog),
  (error) => {
    console.error(`latency: ${error.message}`);
    process.exit(1);
  },
);
