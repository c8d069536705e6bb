// Finds a Chromium for tests and tools: CHROME, Playwright's own, the system's. `--install` fetches one if there is none.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';

export const CHROMIUM_FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];

const SYSTEM = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

const find = () => {
  if (process.env.CHROME) {
    if (existsSync(process.env.CHROME)) return process.env.CHROME;
    throw new Error(`CHROME=${process.env.CHROME} does not exist`);
  }
  return [chromium.executablePath(), ...SYSTEM].find((path) => path && existsSync(path));
};

export function browserPath() {
  const path = find();
  if (!path)
    throw new Error(
      'No Chromium found. Run `npx playwright install --with-deps chromium`, or set CHROME=/path/to/chrome.',
    );
  return path;
}

const run = (command, args) => spawnSync(command, args, { stdio: 'inherit' }).status === 0;

function install() {
  if (find()) return;
  console.log('No Chromium found: installing one.');
  const root = process.getuid?.() === 0;
  if (run('npx', ['playwright', 'install', ...(root ? ['--with-deps'] : []), 'chromium']) && find()) return;
  if (root && existsSync('/usr/bin/apt-get')) {
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' });
    execFileSync('apt-get', ['install', '-y', '-qq', 'chromium'], { stdio: 'inherit' });
  }
  browserPath();
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv.includes('--install')) {
  try {
    install();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
