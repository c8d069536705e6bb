import { expect, type Page, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { openDemo, watchConsole } from './observe.ts';

// What runs the networks is changed while two people talk.
test.use({ launchOptions: launchWith('--autoplay-policy=no-user-gesture-required') });

/** Notes every frame that arrives. */
const noteFrames = (page: Page) =>
  page.evaluate(() => {
    const seen: { frameIndex: number; bodies: boolean; finite: boolean }[] = [];
    Object.assign(window, { seen });
    window.duologue!.on('frame', ({ frameIndex, face, body }) => {
      const finite = face.every(Number.isFinite) && (body?.every(Number.isFinite) ?? true);
      seen.push({ frameIndex, bodies: body !== undefined, finite });
    });
  });
const seen = (page: Page) =>
  page.evaluate(
    () =>
      (
        window as unknown as {
          seen: { frameIndex: number; bodies: boolean; finite: boolean }[];
        }
      ).seen,
  );
const framesAfter = async (page: Page, count: number) => {
  const before = (await seen(page)).length;
  await expect
    .poll(async () => (await seen(page)).length, { timeout: 60_000 })
    .toBeGreaterThan(before + count);
};

test('the backend changes while they talk, and the talk goes on', async ({ page }) => {
  const errors = watchConsole(page);
  await openDemo(page, '&backend=wasm');
  await noteFrames(page);
  await page.click('#play-sample');
  await framesAfter(page, 30);
  await page.evaluate(() => {
    const tiers: string[] = [];
    Object.assign(window, { tiers });
    window.duologue!.on('tier', ({ from, to, reason }) => tiers.push(`${from} → ${to}: ${reason}`));
  });
  const begin = (await seen(page)).length; // playing began a new conversation, at frame 0
  for (const backend of ['visemes', 'wasm'] as const) {
    const info = await page.evaluate((choice) => window.duologue!.setBackend(choice), backend);
    expect(info.backend).toBe(backend);
    await framesAfter(page, 30);
    expect((await seen(page)).at(-1)!.bodies).toBe(backend === 'wasm');
  }
  expect(await page.evaluate(() => (window as unknown as { tiers: string[] }).tiers)).toEqual([
    'wasm → visemes: asked for',
    'visemes → wasm: asked for',
  ]);
  const frames = (await seen(page)).slice(begin);
  const indices = frames.map(({ frameIndex }) => frameIndex);
  expect(indices.every((k, i) => i === 0 || k > indices[i - 1])).toBe(true);
  expect(frames.every(({ finite }) => finite)).toBe(true);
  const refused = await page.evaluate(() =>
    window.duologue!.setBackend('abacus' as 'wasm').catch((error: Error) => error.message),
  );
  expect(refused).toContain('abacus');
  expect(errors).toEqual([]);
});
