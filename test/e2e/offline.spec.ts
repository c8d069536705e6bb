import { expect, type Page, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { watchConsole } from './observe.ts';
import { serveDemo } from './site.ts';

// What is loaded is loaded once, and kept.
test.use({ launchOptions: launchWith('--autoplay-policy=no-user-gesture-required') });

/** Opens the page and waits until it is ready; gives how long that took. */
async function visit(page: Page, url: string, query = '') {
  const begun = performance.now();
  await page.goto(`${url}?debug${query}`);
  await page.waitForFunction(() => document.body.dataset.state !== 'loading', undefined, { timeout: 90_000 });
  await expect(page.locator('body')).toHaveAttribute('data-state', 'ready');
  return performance.now() - begun;
}

/** Plays the sample until both have moved their jaws. */
async function play(page: Page) {
  await page.locator('#play-sample').click();
  await expect
    .poll(
      () =>
        page.evaluate(() => {
          const { frames, speaking } = window.duologue!.stats();
          return frames > 30 && speaking.some(Boolean);
        }),
      { timeout: 30_000 },
    )
    .toBe(true);
}

/** How many files and manifests the engine has in its cache. */
const kept = (page: Page) =>
  page.evaluate(async () => (await (await caches.open('duologue-files-1')).keys()).length);

test('after one visit the page opens and plays without network or server', async ({ page, context }) => {
  const site = await serveDemo();
  const said = watchConsole(page);
  try {
    const coldMs = await visit(page, site.url);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.evaluate(() => window.duologue!.setBackend('visemes'));
    await page.evaluate(() => window.duologue!.setBackend('wasm'));
    const models = site.asked.filter((path) => /^\/models\/|\.wasm$/.test(path));
    const files = models.filter((path) => !path.endsWith('manifest.json')).sort();
    expect(files, 'each file once, whatever tier runs').toEqual([...new Set(files)]);
    expect(files).toHaveLength(20);
    await expect.poll(() => kept(page)).toBe(22); // and the manifests of models and characters

    await site.close();
    await context.setOffline(true);
    const offlineMs = await visit(page, site.url);
    await play(page);
    const noNetwork = /ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED/;
    expect(said.filter((text) => !noNetwork.test(text))).toEqual([]);
    const [cold, offline] = [coldMs, offlineMs].map((ms) => (ms / 1000).toFixed(1));
    console.log(`ready after ${cold} s at the first visit, after ${offline} s without a network`);
  } finally {
    await site.close();
  }
});

test('the page of the agent opens and answers without network or server, after one visit to it alone', async ({
  page,
  context,
}) => {
  const site = await serveDemo();
  const said = watchConsole(page);
  const [agent, query] = [`${site.url}demo/agent/`, '&backend=visemes&voice=../../sample/a.flac'];
  try {
    await visit(page, agent, query);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await expect.poll(() => kept(page)).toBe(22);
    await site.close();
    await context.setOffline(true);
    await visit(page, agent, query);
    await page.locator('#talk').click();
    await expect(page.locator('body')).toHaveAttribute('data-state', 'answering', { timeout: 30_000 });
    const noNetwork = /ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED/;
    expect(said.filter((text) => !noNetwork.test(text))).toEqual([]);
  } finally {
    await site.close();
  }
});
