import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { openDemo, watchConsole } from './observe.ts';

// The demo in an emulated headset: the ways in are shown where there is one, and lead in and out again.
test.use({
  launchOptions: launchWith('--autoplay-policy=no-user-gesture-required'),
  viewport: { width: 700, height: 480 },
});

/** Puts a headset on before the page opens. */
const wear = async (page: Page) => {
  await page.addInitScript(readFileSync('node_modules/iwer/build/iwer.min.js', 'utf8'));
  await page.addInitScript(() => {
    // biome-ignore lint/suspicious/noExplicitAny: the emulator comes as a global of a script
    const { XRDevice, metaQuest3 } = (window as any).IWER;
    const device = new XRDevice(metaQuest3, { stereoEnabled: true });
    device.installRuntime({ forceInstall: true });
    Object.assign(window, { device });
  });
};

test('without a headset no way into one is shown', async ({ page }) => {
  await openDemo(page);
  await expect(page.locator('body')).toHaveAttribute('data-state', 'ready');
  await expect(page.locator('#headset')).toBeHidden();
});

test('with a headset a click leads into VR as one of the two, and the page comes back', async ({ page }) => {
  const said = watchConsole(page);
  await wear(page);
  await openDemo(page);
  await expect(page.locator('[data-xr="ar"]')).toBeVisible();
  await page.locator('#headset-as').selectOption('0');
  await page.locator('[data-xr="vr"]').click();
  await expect(page.locator('body')).toHaveAttribute('data-xr', '');
  const state = () => page.evaluate(() => window.duologue!.xr.state);
  expect(await state()).toEqual({ mode: 'vr', as: 0 });
  await page.evaluate(() => window.duologue!.exitXR());
  await expect(page.locator('body')).not.toHaveAttribute('data-xr', '');
  expect(await state()).toBeNull();
  await expect(page.locator('#stage canvas')).toBeVisible();
  expect(said).toEqual([]);
});
