// Times kernels, networks and the whole pipeline in the browser: `npm run bench -- [name] [--json FILE]`. A bench file
// reports rows as lines `@bench {…}` (test/bench/report.ts); `name` picks tests by their names.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const MARK = '@bench ';
const TABLES = ['networks', 'steps', 'pipeline', 'growth', 'main-thread', 'kernels'];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const filter = positionals.length > 0 ? ['--testNamePattern', positionals.join('|')] : [];

const results = { adapter: undefined, ...Object.fromEntries(TABLES.map((table) => [table, []])) };
const rest = []; // what vitest itself says, wanted only when it fails

const cell = (value, width, digits) => (value === undefined ? '' : value.toFixed(digits)).padStart(width);

const LINES = {
  kernels: (row) =>
    `${`${row.kernel} ${row.case}`.padEnd(52)}${cell(row.us, 10, 1)} µs${cell(row.gflops, 9, 2)} GFLOP/s${cell(row.gbs, 9, 2)} GB/s${row.bandwidth_share === undefined ? '' : `, ${(100 * row.bandwidth_share).toFixed(0)} % of a copy`}  (${row.clock} clock, ${row.adapter})`,
  networks: (row) =>
    `${row.network.padEnd(52)}${cell(row.parameters / 1e6, 10, 2)} M parameters, ${(row.bytes / 1e6).toFixed(1)} MB`,
  steps: (row) =>
    `${`${row.network}, ${row.engine}${row.threads > 1 ? ` ×${row.threads}` : ''}`.padEnd(64)}${cell(row.median_ms, 10, 2)} ms, median of ${row.n}, ${row.dispatches} dispatches  (${row.how}, ${row.adapter})`,
  pipeline: (row) =>
    `${`both voices, ${row.backend}`.padEnd(52)}${cell(row.tick_ms, 10, 2)} ms a tick, real-time factor ${row.rtf.toFixed(2)}, ${(row.gpu_bytes / 1e6).toFixed(1)} MB on the GPU  (${row.adapter})`,
  'main-thread': (row) =>
    `${row.what.padEnd(52)}${cell(row.median_ms, 10, 2)} ms a picture on the main thread, p95 ${row.p95_ms.toFixed(2)} ms, p99 ${row.p99_ms.toFixed(2)} ms, of ${row.frames}; ${row.garbage_bytes === undefined ? 'garbage unknown' : `${(row.garbage_bytes / 1e3).toFixed(1)} kB of garbage each`}`,
  growth: (row) =>
    `${`after ${row.talk_s} s of talk, ${row.backend}`.padEnd(52)}${cell(row.ms_per_s, 10, 1)} ms per second of talk, ${(row.gpu_bytes / 1e6).toFixed(1)} MB on the GPU, ${(row.js_bytes / 1e6).toFixed(1)} MB in JavaScript  (${row.how})`,
};

function take(line) {
  const at = line.indexOf(MARK);
  if (at < 0) return rest.push(line);
  const { table, ...row } = JSON.parse(line.slice(at + MARK.length));
  results.adapter ??= row.adapter;
  results[table].push(row);
  console.log(LINES[table](row));
}

/** Says for each piece of work how our kernels stand to onnxruntime-web. */
function compare(steps) {
  for (const { network, median_ms } of steps.filter(({ engine }) => engine === 'wgsl')) {
    const other = (name, threads) =>
      steps.find((row) => row.network === network && row.engine === name && row.threads === threads)
        ?.median_ms;
    const [gpu, wasm] = [other('ort-webgpu', 0), other('ort-wasm', 1)];
    if (gpu && wasm)
      console.log(
        `${network.padEnd(52)}${cell(gpu / median_ms, 10, 1)} × faster than ort-webgpu, ${(median_ms / wasm).toFixed(1)} × the time of ort-wasm on one thread`,
      );
  }
}

const child = spawn(process.execPath, [vitest, 'run', '--project', 'bench', ...filter], {
  cwd: root,
  env: { ...process.env, NO_COLOR: '1' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
createInterface({ input: child.stdout }).on('line', take);
child.on('close', (code) => {
  compare(results.steps);
  const rows = TABLES.reduce((sum, table) => sum + results[table].length, 0);
  if (code !== 0) console.error(rest.join('\n'));
  else if (rows === 0) console.error(`No bench is named ${positionals.join(' ')}.`);
  if (values.json) {
    const from = process.env.npm_lifecycle_script?.includes('tools/bench.mjs')
      ? process.env.INIT_CWD
      : undefined;
    writeFileSync(resolve(from ?? '.', values.json), `${JSON.stringify(results, null, 1)}\n`);
  }
  process.exit(code || (rows === 0 ? 1 : 0));
});
