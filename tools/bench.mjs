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
const TABLES = ['kernels', 'steps', 'pipeline'];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const filter = positionals.length > 0 ? ['--testNamePattern', positionals.join('|')] : [];

const results = { adapter: undefined, ...Object.fromEntries(TABLES.map((table) => [table, []])) };
const rest = []; // what vitest itself says, wanted only when it fails

const cell = (value, width, digits) => (value === undefined ? '' : value.toFixed(digits)).padStart(width);

const LINES = {
  kernels: (row) =>
    `${`${row.kernel} ${row.case}`.padEnd(52)}${cell(row.us, 10, 1)} µs${cell(row.gflops, 9, 2)} GFLOP/s${cell(row.gbs, 9, 2)} GB/s  (${row.clock} clock, ${row.adapter})`,
  steps: (row) =>
    `${`${row.network}, ${row.engine}`.padEnd(52)}${cell(row.median_ms, 10, 2)} ms, median of ${row.n}, ${row.dispatches} dispatches  (${row.adapter})`,
  pipeline: (row) =>
    `${`both voices, ${row.backend}`.padEnd(52)}${cell(row.tick_ms, 10, 2)} ms a tick, real-time factor ${row.rtf.toFixed(2)}, ${(row.gpu_bytes / 1e6).toFixed(1)} MB on the GPU  (${row.adapter})`,
};

function take(line) {
  const at = line.indexOf(MARK);
  if (at < 0) return rest.push(line);
  const { table = 'kernels', ...row } = JSON.parse(line.slice(at + MARK.length));
  results.adapter ??= row.adapter;
  results[table].push(row);
  console.log(LINES[table](row));
}

const child = spawn(process.execPath, [vitest, 'run', '--project', 'bench', ...filter], {
  cwd: root,
  env: { ...process.env, NO_COLOR: '1' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
createInterface({ input: child.stdout }).on('line', take);
child.on('close', (code) => {
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
