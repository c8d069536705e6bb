// Runs a TypeScript program of this repository in Node: `node tools/run.mjs src/cli/motion.ts …`. Vite reads the
// TypeScript, because the kernels import their WGSL as text.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const [entry, ...args] = process.argv.slice(2);
const program = resolve(root, entry);
process.argv = [process.argv[0], program, ...args];
// npm runs scripts in the package's folder; the paths on the command line are meant from where the user stands.
if (process.env.INIT_CWD && process.env.npm_lifecycle_script?.includes('tools/run.mjs'))
  process.chdir(process.env.INIT_CWD);

await runnerImport(program, { root, configFile: false, logLevel: 'error' });
process.exit(); // a GPU device, if one is open, would keep Node alive
