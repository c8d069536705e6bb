import { expect, type Page, test } from '@playwright/test';
import { type SignalServer, signalServer } from '../../tools/signal.mjs';
import { launchWith } from './browser.ts';
import { bestLag, between, decibels, objections, soundingSpan } from './curves.ts';
import { type Caller, caller, interceptChannels, seenOn, watch } from './pages.ts';
import { samplesOf } from './sound.ts';

// Both speak from a file: the fake microphones of one browser all play the same. The first page generates with the
// networks as WebAssembly, the second could only do the lips and plays what comes: two that generate are too much for two cores.
test.use({ launchOptions: launchWith('--autoplay-policy=no-user-gesture-required') });
const a = await samplesOf('public/sample/a.flac');
const b = await samplesOf('public/sample/b.flac');
const spoken = ({ samples, rateHz }: typeof a, fromS: number, toS: number) =>
  samples.slice(Math.round(fromS * rateHz), Math.round(toS * rateHz));

let server: SignalServer;

test.beforeAll(async () => {
  server = await signalServer({ port: 0, graceMs: 1000 });
});
test.afterAll(async () => {
  await server.close();
});

const state = (page: Page) => page.evaluate(() => document.body.dataset.state);
const role = (page: Page) => page.evaluate(() => window.call?.role);
const motion = (page: Page) => page.evaluate(() => window.call?.stats().motion);

async function open({ page }: Caller, baseURL: string, query: string) {
  await interceptChannels(page);
  await page.goto(
    `${baseURL}/demo/call/?debug&voice=/test/voice.wav&room=bread&signal=ws://127.0.0.1:${server.port}${query}`,
  );
  await expect(page.locator('#join')).toBeEnabled({ timeout: 60_000 });
  await watch(page);
}

/** Notes when the motion came from where, on the page's own clock. */
const noteRoles = (page: Page) =>
  page.evaluate(() => {
    window.call!.on('role', ({ role }) => window.seen!.roles.push({ role, atMs: performance.now() }));
  });

test('a call between two pages: both show both, each jaw in time with its own voice', async ({
  context,
  baseURL,
}, info) => {
  const first = await caller(context, spoken(a, 11.9, 16.1), a.rateHz, 5, 250);
  const second = await caller(context, spoken(b, 33.2, 37.5), b.rateHz, 10, 250);
  const callers = [first, second];
  await open(first, baseURL!, '&backend=wasm');
  await open(second, baseURL!, '&backend=visemes');
  await first.page.click('#join');
  await expect.poll(() => state(first.page)).toBe('waiting');
  await second.page.click('#join');
  for (const { page } of callers) await expect.poll(() => state(page)).toBe('connected');
  await noteRoles(second.page);
  await expect.poll(() => role(second.page)).toBe('following');
  expect(await role(first.page)).toBe('generating');
  const speaking = first.page.waitForTimeout(8_000).then(async () => {
    for (const [i, { page }] of callers.entries())
      await page.screenshot({ path: info.outputPath(`page-${i}.png`) });
  });
  await Promise.all([first.page.waitForTimeout(18_000), speaking]);

  // The page that generates: both voices in its own time.
  const here = await seenOn(first.page);
  expect(objections(here)).toEqual([]);
  // The page that plays: the other's lips meet the other's voice as it is heard here.
  const there = await seenOn(second.page);
  const [begin, end] = soundingSpan(there.loudness[0]);
  const remote = bestLag(decibels(there.loudness[0]), between(there.jaw[0], begin - 0.2, end + 0.3));
  const [ownBegin, ownEnd] = soundingSpan(there.loudness[1]);
  const own = bestLag(decibels(there.loudness[1]), between(there.jaw[1], ownBegin - 0.2, ownEnd + 0.6));
  const local = [0, 1].map((p) => bestLag(decibels(here.loudness[p as 0 | 1]), here.jaw[p as 0 | 1]));
  const stats = await motion(second.page);
  const duo = await second.page.evaluate(() => window.duologue!.stats());
  console.log(
    `generating page: lags ${local.map(({ lagMs }) => lagMs.toFixed(0))} ms; playing page: the other ${remote.lagMs.toFixed(0)} ms ` +
      `(r ${remote.r.toFixed(2)}), itself ${own.lagMs.toFixed(0)} ms (r ${own.r.toFixed(2)}); ${JSON.stringify(stats)}; ` +
      `latency ${duo.latencyMsP50.toFixed(0)} · ${duo.latencyMsP95.toFixed(0)} ms, delay ${duo.delayMs.toFixed(0)} ms`,
  );
  expect(stats).toMatchObject({ method: 'levels', refusedPackets: 0 });
  expect(remote.r).toBeGreaterThanOrEqual(0.5);
  expect(Math.abs(remote.lagMs)).toBeLessThanOrEqual(100);
  expect(own.r).toBeGreaterThanOrEqual(0.5);
  const skew = Math.abs(remote.lagMs - local[0]!.lagMs);
  expect(skew, 'the way to the other page adds nothing that an eye would see').toBeLessThanOrEqual(45);
  const silent = between(there.jaw[1], begin, end);
  expect(silent.values.filter((v) => v > 0.1).length, 'who listens keeps the mouth shut').toBeLessThan(
    silent.values.length / 10,
  );

  // No motion comes for three seconds: it is made here, and then comes again.
  await expect.poll(() => role(second.page)).toBe('following'); // a busy machine may have fallen back by itself
  await first.page.evaluate(() => {
    window.muteChannel = 'motion';
  });
  const mutedAt = await second.page.evaluate(() => performance.now());
  await expect.poll(() => role(second.page), { intervals: [50] }).toBe('fallback');
  await expect(second.page.locator('#where')).toContainText('made here');
  await second.page.waitForTimeout(2000);
  const seen = await second.page.evaluate(() => window.seen!);
  const fell = seen.roles.find(({ role, atMs }) => role === 'fallback' && atMs > mutedAt)!;
  const moved = seen.frames.find(({ atMs }) => atMs > fell.atMs)!;
  console.log(
    `fallback after ${(fell.atMs - mutedAt).toFixed(0)} ms, first frame of its own ${(moved.atMs - fell.atMs).toFixed(0)} ms later`,
  );
  expect(moved.atMs - mutedAt).toBeLessThan(2500);
  await first.page.evaluate(() => {
    window.muteChannel = undefined;
  });
  await expect.poll(() => role(second.page)).toBe('following');

  // The line to the signalling breaks: the call does not mind, and a hang-up is seen on the other side.
  server.cut();
  await second.page.waitForTimeout(1500);
  await expect.poll(() => state(first.page)).toBe('connected');
  await expect.poll(() => role(second.page)).toBe('following');
  // The channel closes for good: another one is opened, and the motion goes on.
  await second.page.evaluate(() => window.channels!.find(({ label }) => label === 'motion')!.close());
  await expect
    .poll(() => first.page.evaluate(() => window.channels!.filter(({ label }) => label === 'motion').length))
    .toBe(2);
  const framesThen = (await motion(second.page))!.frames;
  await expect.poll(async () => (await motion(second.page))!.frames).toBeGreaterThan(framesThen + 30);
  await expect.poll(() => role(second.page)).toBe('following');
  await second.page.click('#hang-up');
  await expect.poll(() => state(first.page)).toBe('waiting');
  expect(await role(first.page)).toBe('generating');
  await first.page.evaluate(() => {
    window.call!.hangUp();
    window.call!.hangUp();
  });
  expect(await first.page.evaluate(() => window.call!.state)).toBe('ended');
  for (const { said } of callers) expect(said).toEqual([]);
});
