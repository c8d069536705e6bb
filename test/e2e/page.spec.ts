import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { editGlb } from '../glb.ts';
import { launchWith } from './browser.ts';
import { openDemo, unlisted, watchConsole } from './observe.ts';

// What the demo says when something is wrong, and its ways in. No microphone is there unless a test adds one.
const AUTOPLAY = '--autoplay-policy=no-user-gesture-required';
const INSECURE = '--host-resolver-rules=MAP duologue.test 127.0.0.1';

test.use({ launchOptions: launchWith(AUTOPLAY, INSECURE) });

const notice = '#notice';

test('a missing model file is named, with the next move', async ({ page }) => {
  await page.route('**/face.safetensors', (route) => route.fulfill({ status: 404 }));
  await openDemo(page);
  await expect(page.locator(notice)).toBeVisible();
  await expect(page.locator(notice)).toContainText('face.safetensors');
  await expect(page.locator(notice)).toContainText('404');
  await expect(page.locator(notice)).toContainText('modelBaseUrl');
});

test('a model file of another version is named, with both versions', async ({ page }) => {
  await unlisted(page);
  await page.route('**/speech-encoder.safetensors', async (route) => {
    const body = await (await route.fetch()).body();
    const at =
      body.indexOf('"version":"1"') >= 0 ? body.indexOf('"version":"1"') : body.indexOf('"version": "1"');
    expect(at).toBeGreaterThan(0);
    body.write('9', body.indexOf('1', at));
    await route.fulfill({ body, contentType: 'application/octet-stream' });
  });
  await openDemo(page);
  await expect(page.locator(notice)).toContainText(
    'speech-encoder.safetensors is version 9, this engine reads version 1',
  );
});

/** Answers the face's weights with what `change` makes of them; gives how often they were asked for. */
async function spoil(page: Page, change: (body: Buffer) => Buffer) {
  const asked = { times: 0 };
  await page.route('**/face.safetensors', async (route) => {
    asked.times++;
    const body = change(await (await route.fetch()).body());
    await route.fulfill({ body, contentType: 'application/octet-stream' });
  });
  return asked;
}
const half = (body: Buffer) => body.subarray(0, body.length >> 1);

test('a half-downloaded model file is fetched once more, then named with both sizes', async ({ page }) => {
  const asked = await spoil(page, half);
  await openDemo(page);
  const bytes = statSync('public/models/face.safetensors').size;
  await expect(page.locator(notice)).toContainText(
    `face.safetensors is damaged: it has ${bytes >> 1} bytes, expected ${bytes} bytes`,
  );
  await expect(page.locator(notice)).toContainText('npm run manifest');
  expect(asked.times).toBe(2);
});

test('one wrong bit in a model file is found', async ({ page }) => {
  const asked = await spoil(page, (body) => {
    body[body.length >> 1] ^= 1;
    return body;
  });
  await openDemo(page);
  const sha256 = createHash('sha256').update(readFileSync('public/models/face.safetensors')).digest('hex');
  await expect(page.locator(notice)).toContainText('face.safetensors is damaged: its SHA-256 is');
  await expect(page.locator(notice)).toContainText(`expected ${sha256}`);
  expect(asked.times).toBe(2);
});

test('half a file in a folder without a manifest is told from a whole one', async ({ page }) => {
  await unlisted(page);
  await spoil(page, half);
  await openDemo(page);
  await expect(page.locator(notice)).toContainText('face.safetensors is not a whole safetensors file');
});

test('a network that goes in the middle of loading is named, with the file', async ({ page }) => {
  await page.route('**/dim.safetensors', (route) => route.abort('connectionreset'));
  await openDemo(page);
  await expect(page.locator(notice)).toContainText(
    'dim.safetensors cannot be read: the network failed, at the second try too',
  );
  await expect(page.locator(notice)).toContainText('Check the network');
});

test('a missing character is named', async ({ page }) => {
  await openDemo(page, '&left=/models/nobody.vrm');
  await expect(page.locator(notice)).toContainText('nobody.vrm');
});

test('no microphone: the page says so and offers what works without', async ({ page, context }) => {
  await context.grantPermissions(['microphone']);
  await openDemo(page);
  await page.locator('#use-microphones').click();
  await expect(page.locator(notice)).toContainText('No microphone was found');
  await expect(page.locator('#play-sample')).toBeEnabled();
});

test('an insecure page says that it is not secure', async ({ page, baseURL }) => {
  await page.goto(`${baseURL!.replace('localhost', 'duologue.test')}/?debug`);
  await page.waitForFunction(() => document.body.dataset.state !== 'loading', undefined, { timeout: 90_000 });
  await expect(page.locator(notice)).toContainText('not secure');
  await expect(page.locator(notice)).toContainText('https://');
});

test('the sample plays, both speak in it, and it can be stopped', async ({ page }) => {
  const said = watchConsole(page);
  await openDemo(page);
  await page.locator('#play-sample').click();
  await expect(page.locator('body')).toHaveAttribute('data-state', 'playing');
  const spoke = [false, false];
  await expect
    .poll(
      async () => {
        const { speaking } = await page.evaluate(() => window.duologue!.stats());
        for (const person of [0, 1]) spoke[person] ||= speaking[person];
        return spoke;
      },
      { timeout: 40_000, intervals: [200] },
    )
    .toEqual([true, true]);
  await page.locator('#stop').click();
  await expect(page.locator('body')).toHaveAttribute('data-state', 'ready');
  expect(said).toEqual([]);
});

test('two sound files play; a file that is no sound is named', async ({ page }) => {
  await openDemo(page);
  await page.locator('#use-files').click();
  const inputs = page.locator('#files input[type=file]');
  await inputs.nth(0).setInputFiles('package.json');
  await page.locator('#files button[type=submit]').click();
  await expect(page.locator(notice)).toContainText('package.json');
  await page.locator(`${notice} button`).click();
  if (!(await inputs.nth(0).isVisible())) await page.locator('#use-files').click();
  await inputs.nth(0).setInputFiles('test/fixtures/mama.wav');
  await inputs.nth(1).setInputFiles('public/sample/b.flac');
  await page.locator('#files button[type=submit]').click();
  await expect(page.locator('body')).toHaveAttribute('data-state', 'playing');
  await expect
    .poll(async () => (await page.evaluate(() => window.duologue!.stats())).speaking[0], { timeout: 20_000 })
    .toBe(true);
});

/** Drops what stands at `url`, under another name, on the left (0) or right (1) half of the page. */
const drop = (page: Page, person: number, url: string, name: string) =>
  page.evaluate(
    async ([person, url, name]) => {
      const files = new DataTransfer();
      files.items.add(new File([await (await fetch(url)).arrayBuffer()], name));
      const clientX = innerWidth * (0.25 + 0.5 * person);
      const event = { dataTransfer: files, clientX, bubbles: true, cancelable: true };
      for (const type of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(type, event));
    },
    [person, url, name] as const,
  );
const names = (page: Page) => page.evaluate(() => window.duologue!.reports.map(({ name }) => name));

test('a character dropped on one half takes that side while they talk; what is none is named', async ({
  page,
}) => {
  await openDemo(page);
  await page.locator('#play-sample').click();
  await expect(page.locator('body')).toHaveAttribute('data-state', 'playing');
  await drop(page, 1, '/models/ada.vrm', 'twin.vrm');
  await expect.poll(() => names(page)).toEqual(['ada.vrm', 'twin.vrm']);
  await expect(page.locator('body')).toHaveAttribute('data-state', 'playing');
  const { frames } = await page.evaluate(() => window.duologue!.stats());
  await expect
    .poll(async () => (await page.evaluate(() => window.duologue!.stats())).frames)
    .toBeGreaterThan(frames + 10);
  await drop(page, 0, '/', 'chair.glb');
  await expect(page.locator(notice)).toContainText('chair.glb is neither a VRM nor a GLB file');
  expect(await names(page)).toEqual(['ada.vrm', 'twin.vrm']);
  await expect(page.locator('body')).toHaveAttribute('data-state', 'playing');
});

test('a character can be chosen, and ?debug says what follows from what it lacks', async ({ page }) => {
  const { buffer } = new Uint8Array(readFileSync('public/models/bo.vrm'));
  const toeless = editGlb(buffer, (json) => {
    delete json.extensions.VRMC_vrm.humanoid.humanBones.leftToes;
  });
  await openDemo(page);
  await expect(page.locator('#lacks li')).toHaveText(['ada.vrm: lacks nothing', 'bo.vrm: lacks nothing']);
  await page
    .locator('#cast input')
    .nth(0)
    .setInputFiles({
      name: 'toeless.vrm',
      mimeType: 'model/gltf-binary',
      buffer: Buffer.from(toeless),
    });
  await expect(page.locator('#lacks li').first()).toHaveText(
    'toeless.vrm: no leftToes: the left foot rolls without them',
  );
});
