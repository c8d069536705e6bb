import { expect, type Page, test } from '@playwright/test';
import type { Measured } from '../../demo/latency/measure.ts';
import { launchWith } from './browser.ts';
import { watchConsole } from './observe.ts';

// The page that `npm run latency` opens, for a few seconds with the lips alone: what it measures must make sense.
test.use({ launchOptions: launchWith('--autoplay-policy=no-user-gesture-required') });

const SECONDS = 10;
const LATE_MS = 120;

async function measured(page: Page, query = ''): Promise<Measured> {
  await page.goto(`/demo/latency/?run&backend=visemes&seconds=${SECONDS}${query}`);
  const result = await page.waitForFunction(
    () => (window as unknown as { latency?: { measured: Measured } | { failed: string } }).latency,
    undefined,
    { timeout: 80_000 },
  );
  const latency = (await result.jsonValue())!;
  if ('failed' in latency) throw new Error(latency.failed);
  console.log(JSON.stringify(latency.measured));
  return latency.measured;
}

test('sound becomes frames in time, pictures stay with the voice, and a late voice is noticed from outside', async ({
  page,
}) => {
  const errors = watchConsole(page);
  const plain = await measured(page);
  expect(plain.tier).toBe('visemes');
  expect(plain.frames).toBeGreaterThan(SECONDS * 10);
  // The encoder looks two frames ahead, so no frame can come sooner than that.
  expect(plain.frame_p50_ms).toBeGreaterThan(60);
  expect(plain.frame_p50_ms).toBeLessThan(500);
  expect(plain.frame_p95_ms).toBeGreaterThanOrEqual(plain.frame_p50_ms!);
  // From outside: a frame that answers a syllable comes no sooner than one can, and about when frames come.
  expect(plain.syllable_p50_ms).toBeGreaterThan(40);
  expect(plain.syllable_p50_ms).toBeLessThan(plain.frame_p95_ms! + 150);
  expect(plain.late_share).toBeGreaterThanOrEqual(0);
  expect(plain.late_share).toBeLessThan(0.1);
  expect(plain.skew_p2_5_ms).toBeGreaterThan(-60);
  expect(plain.skew_p50_ms).toBeLessThan(15);
  expect(plain.skew_p97_5_ms).toBeGreaterThanOrEqual(plain.skew_p50_ms!);
  expect(plain.lips_lag_r).toBeGreaterThan(0.5);
  expect(Math.abs(plain.lips_lag_ms!)).toBeLessThan(60);

  // What is played comes later than the engine knows: the lips, which keep to what it knows, are before it by as much.
  const late = await measured(page, `&late-voice=${LATE_MS}`);
  expect(late.lips_lag_r).toBeGreaterThan(0.5);
  expect(late.lips_lag_ms! - plain.lips_lag_ms!).toBeGreaterThan(-LATE_MS - 40);
  expect(late.lips_lag_ms! - plain.lips_lag_ms!).toBeLessThan(-LATE_MS + 40);
  expect(errors).toEqual([]);
});

test('a measurement that cannot be made says why', async ({ page }) => {
  await page.route('**/sample/a.flac', (route) => route.fulfill({ status: 404 }));
  await expect(measured(page)).rejects.toThrow('a.flac gave 404');
  await expect(page.locator('#status')).toContainText('a.flac gave 404');
  await expect(page.getByRole('button', { name: 'Measure' })).toBeEnabled();
});
