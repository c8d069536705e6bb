// Renders contact sheets of the characters: `npm run portrait -- [sheet…] [--out FOLDER]`, or with `--thumbnails` the
// pictures that their files carry.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { createServer } from 'vite';
import { browserPath, CHROMIUM_FLAGS } from '../browser.mjs';
import { SHEETS, THUMBNAILS } from './sheets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' }, thumbnails: { type: 'boolean', default: false } },
});
const sheets = values.thumbnails ? THUMBNAILS : SHEETS;
const wanted = positionals.length > 0 ? positionals : Object.keys(sheets);
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder =
  values.out ?? (values.thumbnails ? join(root, 'tools/characters/thumbnails') : 'test-results/portraits');
const server = await createServer({
  root,
  configFile: false,
  logLevel: 'error',
  publicDir: false,
  server: { port: 0, hmr: false },
  cacheDir: join(root, 'node_modules/.vite-portrait'),
});
await server.listen();
const address = server.resolvedUrls?.local[0] ?? '';
const browser = await chromium.launch({
  executablePath: browserPath(),
  headless: false,
  args: [...CHROMIUM_FLAGS],
});
let complaints = 0;
try {
  const page = await browser.newPage();
  page.on('console', (m) => {
    if (m.type() !== 'warning' && m.type() !== 'error') return;
    if (/GPU stall|GL Driver/.test(m.text())) return;
    complaints++;
    console.error(`${m.type()}: ${m.text()}`);
  });
  page.on('pageerror', (e) => {
    complaints++;
    console.error(e.message);
  });
  await page.goto(`${address}tools/characters/portrait.html`);
  await page.waitForFunction(() => 'render' in window);
  mkdirSync(folder, { recursive: true });
  for (const name of wanted) {
    const sheet = sheets[name];
    if (!sheet) throw new Error(`no sheet ${name}; there are ${Object.keys(sheets).join(', ')}`);
    const picture = await page.evaluate((s) => window.render(s), sheet);
    const file = join(folder, `${name}.${sheet.jpeg ? 'jpg' : 'png'}`);
    writeFileSync(file, Buffer.from(picture.slice(picture.indexOf(',') + 1), 'base64'));
    console.log(file);
  }
} finally {
  await browser.close();
  await server.close();
}
if (complaints > 0) process.exitCode = 1;
