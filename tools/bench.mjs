// Runs the benchmarks in the browser and prints a table: `npm run bench -- [name …] [--json FILE]`.
// A name is part of a kernel's or a case's; without one everything runs.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ options: { json: { type: 'string' } }, allowPositionals: true });
const escaped = positionals.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
const filter = escaped.length > 0 ? ['-t', escaped.join('|')] : [];
const vitest = spawn(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    'bench',
    '--no-color',
    '--no-file-parallelism',
    ...filter,
  ],
  { stdio: ['ignore', 'pipe', 'pipe'] },
);

const number = (value, digits) => (value === undefined ? '' : value.toFixed(digits)).padStart(9);
const rows = [];
const rest = [];
const read = (stream) =>
  createInterface({ input: stream }).on('line', (line) => {
    if (!line.startsWith('@bench ')) return rest.push(line);
    const row = JSON.parse(line.slice('@bench '.length));
    if (rows.length === 0)
      console.log(
        `${'kernel'.padEnd(14)}${'case'.padEnd(50)}${'us'.padStart(9)}${'GFLOP/s'.padStart(9)}${'GB/s'.padStart(9)}`,
      );
    if (row.adapter !== rows.at(-1)?.adapter) console.log(`-- ${row.adapter} (${row.clock} clock)`);
    rows.push(row);
    console.log(
      `${row.kernel.padEnd(14)}${row.case.padEnd(50)}${number(row.us, 1)}${number(row.gflops, 2)}${number(row.gbs, 2)}`,
    );
  });
read(vitest.stdout);
read(vitest.stderr);

vitest.on('close', (code) => {
  if (code !== 0) console.error(rest.join('\n'));
  if (code === 0 && rows.length === 0) console.error(`No benchmark matches ${positionals.join(' ')}.`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  process.exit(code || Number(rows.length === 0));
});
