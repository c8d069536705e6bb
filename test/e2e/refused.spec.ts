import { expect, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { openDemo } from './observe.ts';

// A microphone is there, and the user says no.
test.use({
  launchOptions: launchWith('--use-fake-device-for-media-stream', '--deny-permission-prompts'),
});

test('a refused microphone: the page says how to allow it', async ({ page }) => {
  await openDemo(page);
  await page.locator('#use-microphones').click();
  await expect(page.locator('#notice')).toContainText('not to give this page the microphone');
  await expect(page.locator('#notice')).toContainText('Allow the microphone');
});
