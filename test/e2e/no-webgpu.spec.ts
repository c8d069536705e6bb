import { expect, test } from '@playwright/test';
import { browserPath } from '../../tools/browser.mjs';
import { openDemo } from './observe.ts';

test.use({ launchOptions: { executablePath: browserPath(), args: ['--headless=new', '--no-sandbox'] } });

test('without WebGPU the networks run as WebAssembly, and the page says why', async ({ page }) => {
  await openDemo(page);
  expect(await page.evaluate(() => window.duologue!.info)).toMatchObject({
    backend: 'wasm',
    reason: expect.stringContaining('WebGPU'),
  });
  await expect(page.locator('#backend')).toContainText('WebGPU');
});
