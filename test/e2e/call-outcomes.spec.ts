import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { type SignalServer, signalServer } from '../../tools/signal.mjs';
import { launchWith } from './browser.ts';
import { watchConsole } from './observe.ts';
import type {} from './pages.ts';

// What becomes of a call when something goes wrong around it; the voices are babble from one fake microphone.
test.use({
  launchOptions: launchWith(
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    '--use-file-for-fake-audio-capture=test/fixtures/mama.wav',
  ),
});

let server: SignalServer;
test.beforeEach(async () => {
  server = await signalServer({ port: 0, graceMs: 1000 });
});
test.afterEach(() => server.close());

const state = (page: Page) => page.evaluate(() => document.body.dataset.state);
const role = (page: Page) => page.evaluate(() => window.call?.role);

async function open(context: BrowserContext, baseURL: string) {
  const page = await context.newPage();
  const said = watchConsole(page);
  await page.setViewportSize({ width: 320, height: 180 });
  await page.addInitScript(() => {
    const frame = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => window.setTimeout(() => frame(callback), 500);
  });
  await load(page, baseURL);
  return { page, said };
}

async function load(page: Page, baseURL: string) {
  await page.goto(
    `${baseURL}/demo/call/?debug&backend=visemes&room=bread&signal=ws://127.0.0.1:${server.port}`,
  );
  await expect(page.locator('#join')).toBeEnabled({ timeout: 90_000 });
}

async function joinBoth(first: Page, second: Page) {
  await first.click('#join');
  await expect.poll(() => state(first), { timeout: 40_000 }).toBe('waiting');
  await second.click('#join');
  await together(first, second);
}

async function together(first: Page, second: Page) {
  for (const page of [first, second])
    await expect.poll(() => state(page), { timeout: 40_000 }).toBe('connected');
}

test('a third, a reloaded page, a closed tab and a server that is away: each is said in words', async ({
  context,
  baseURL,
}) => {
  test.setTimeout(300_000);
  const [one, two] = [await open(context, baseURL!), await open(context, baseURL!)];
  await joinBoth(one.page, two.page);

  // A third is told that the room is full, and the two go on.
  const three = await open(context, baseURL!);
  await three.page.click('#join');
  await expect(three.page.locator('#notice')).toContainText('two people are in it already');
  await expect(three.page.locator('#notice')).toContainText('take another');
  await expect(three.page.locator('#join')).toBeEnabled();
  await three.page.close();
  await together(one.page, two.page);

  // The other page is loaded again, and comes back.
  await load(two.page, baseURL!);
  await expect.poll(() => state(one.page)).toBe('waiting');
  await expect(one.page.locator('#status')).toContainText('Waiting for the other');
  await two.page.click('#join');
  await together(one.page, two.page);

  // The server goes: the talk goes on, and the page says what does not.
  const { port } = server;
  await server.close();
  await expect(one.page.locator('#line')).toContainText('The signalling server is away');
  await together(one.page, two.page);
  server = await signalServer({ port, graceMs: 1000 });
  await expect(one.page.locator('#line')).toBeHidden({ timeout: 30_000 });
  await together(one.page, two.page);

  // The other tab is closed: this page waits, and generates for itself.
  await two.page.close();
  await expect.poll(() => state(one.page)).toBe('waiting');
  expect(await role(one.page)).toBe('generating');
  await one.page.click('#hang-up');
  await expect(one.page.locator('#status')).toContainText('You hung up');

  // No server at all: the page says so, and how to start one.
  await server.close();
  await one.page.click('#join');
  await expect(one.page.locator('#notice')).toContainText('cannot be reached');
  await expect(one.page.locator('#notice')).toContainText('npm run signal');
  await expect(one.page.locator('#join')).toBeEnabled();
  server = await signalServer({ port: 0 });
  // The browser itself complains about a server that does not answer.
  const ours = [...one.said, ...two.said, ...three.said].filter(
    (text) => !text.includes('WebSocket connection to'),
  );
  expect(ours).toEqual([]);
});

test('no way to the other page is found at first: the page says so, and no longer once there is one', async ({
  context,
  baseURL,
}) => {
  const [one, two] = [await open(context, baseURL!), await open(context, baseURL!)];
  await two.page.evaluate(() => {
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: 'relay' }); // and there is no relay
        window.RTCPeerConnection = Original;
      }
    };
  });
  await one.page.click('#join');
  await expect.poll(() => state(one.page), { timeout: 40_000 }).toBe('waiting');
  await two.page.click('#join');
  await expect(two.page.locator('#notice')).toContainText('no way to it has been found', { timeout: 40_000 });
  await together(one.page, two.page);
  for (const { page } of [one, two]) await expect(page.locator('#notice')).toBeHidden();
});

/** Gives a page a network that can be taken away from it, calls and all; must be asked for before it joins one. */
async function looseNetwork(context: BrowserContext, page: Page) {
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  // Chromium puts only those connections on an emulated network that are made while there is one.
  const fast = { latency: 0, downloadThroughput: 1e9, uploadThroughput: 1e9, packetQueueLength: 1000 };
  const set = (offline: boolean) => cdp.send('Network.emulateNetworkConditions', { ...fast, offline });
  await set(false);
  return { cut: () => set(true), mend: () => set(false) };
}

test('the network is gone for ten seconds: each page lives on, and both come together again', async ({
  context,
  baseURL,
}) => {
  const [one, two] = [await open(context, baseURL!), await open(context, baseURL!)];
  const network = await looseNetwork(context, one.page);
  await joinBoth(one.page, two.page);
  await expect.poll(() => role(two.page)).toBe('following');
  const shown = (page: Page) => page.evaluate(() => window.duologue!.stats().frames);

  await network.cut();
  const goneMs = performance.now();
  await expect.poll(() => role(two.page), { intervals: [100] }).toBe('fallback');
  const fellMs = performance.now();
  const then = await Promise.all([shown(one.page), shown(two.page)]);
  await expect.poll(() => state(two.page), { intervals: [100] }).toBe('reconnecting');
  const toldMs = performance.now();
  await two.page.waitForTimeout(Math.max(0, goneMs + 10_000 - toldMs));
  await expect(two.page.locator('#status')).toContainText('Looking for another way');
  for (const [i, { page }] of [one, two].entries())
    expect(await shown(page), `page ${i} goes on`).toBeGreaterThan(then[i]! + 30);

  await network.mend();
  const backMs = performance.now();
  await together(one.page, two.page);
  await expect.poll(() => role(two.page), { intervals: [100] }).toBe('following');
  expect(await role(one.page)).toBe('generating');
  console.log(
    `network gone: own motion after ${((fellMs - goneMs) / 1000).toFixed(1)} s, told after ${((toldMs - goneMs) / 1000).toFixed(1)} s; ` +
      `together ${((performance.now() - backMs) / 1000).toFixed(1)} s after it is back`,
  );
  for (const { said } of [one, two]) expect(said).toEqual([]);
});
