// Runs a Python program of `training/`: `node tools/python.mjs training/evaluate.py …`, or `-m MODULE …`. Takes $PYTHON, or the
// repository's own .venv, which is made from training/requirements.txt when it is missing or out of date.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const venv = join(root, '.venv');
const requirements = join(root, 'training/requirements.txt');

const run = (command, args) => spawnSync(command, args, { stdio: 'inherit' }).status === 0;

function makeVenv() {
  const python = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const stamp = join(venv, 'requirements.txt');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;
  console.error('Making .venv from training/requirements.txt (once, a few minutes).');
  const base = process.platform === 'win32' ? 'python' : 'python3';
  if (!existsSync(python) && !run(base, ['-m', 'venv', venv]))
    throw new Error(
      'Python 3.11 or newer with venv is missing. On Debian: apt-get install python3-venv; or set PYTHON.',
    );
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
  // Without retries first: a mirror or wheels at hand then answer at once where the network does not.
  if (!run(python, [...pip, '--retries', '0']) && !run(python, pip))
    throw new Error(
      'The packages of training/requirements.txt do not install. See above, or set PYTHON to a Python that has them.',
    );
  writeFileSync(stamp, wanted);
  return python;
}

try {
  const [program, ...args] = process.argv.slice(2);
  const python = process.env.PYTHON || makeVenv();
  const from = process.env.npm_lifecycle_script?.includes('tools/python.mjs')
    ? process.env.INIT_CWD
    : undefined;
  const { status, error } = spawnSync(python, [program === '-m' ? program : join(root, program), ...args], {
    stdio: 'inherit',
    cwd: from,
  });
  if (error) throw new Error(`${python} does not start: ${error.message}`);
  process.exit(status ?? 1);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
