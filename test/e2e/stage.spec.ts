import { expect, type Page, test } from '@playwright/test';
import { makeTinyVrm } from '../browser/tiny-vrm.ts';
import { launchWith } from './browser.ts';
import { openDemo, watchConsole } from './observe.ts';

// Pictures of the page itself: with these flags the software adapter of WebGPU can show a canvas.
test.use({
  viewport: { width: 700, height: 500 },
  launchOptions: launchWith(
    '--use-angle=swiftshader',
    '--enable-features=Vulkan',
    '--use-vulkan=swiftshader',
  ),
});

const TINY = '&backend=visemes&left=/tiny.vrm&right=/tiny.vrm';

/** Two figures of boxes, which a processor draws quickly. */
const serveTiny = (page: Page) =>
  page.route(
    ({ pathname }) => pathname === '/tiny.vrm',
    (route) => route.fulfill({ body: Buffer.from(makeTinyVrm()), contentType: 'model/gltf-binary' }),
  );

/** Pixels of the colour of the figures' skin in the left and the right half of the picture. */
const skin = async (page: Page) => {
  const png = await page.locator('#stage canvas').screenshot();
  return page.evaluate(
    async (bytes) => {
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: 'image/png' }));
      const { width, height } = bitmap;
      const context = new OffscreenCanvas(width, height).getContext('2d')!;
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, width, height);
      const halves = [0, 0];
      for (let i = 0; i < data.length; i += 4)
        if (data[i] > 70 && data[i] > data[i + 2] + 25) halves[(i / 4) % width < width / 2 ? 0 : 1]++;
      return halves;
    },
    [...png],
  );
};

test('WebGPU draws both of them, without a word on the console', async ({ page }) => {
  const said = watchConsole(page);
  await serveTiny(page);
  await openDemo(page, `${TINY}&renderer=webgpu&background=blue`);
  expect(await page.evaluate(() => window.duologue!.drawnBy)).toEqual({ renderer: 'webgpu', reason: '' });
  await page.addStyleTag({ content: 'main > :not(#stage), main::after { display: none !important }' });
  await expect
    .poll(async () => Math.min(...(await skin(page))), { timeout: 60_000, intervals: [1000] })
    .toBeGreaterThan(1500);
  expect(said.filter((line) => !/experimental|adapter/i.test(line))).toEqual([]);
});

test('the page changes shots, takes the camera by a drag, and gives it back by a double click', async ({
  page,
}) => {
  await serveTiny(page);
  await openDemo(page, TINY);
  // The panels of ?debug lie over the picture.
  await page.addStyleTag({ content: '#debug, #lacks { display: none !important }' });
  const pressed = page.locator('#view [data-shot][aria-pressed="true"]');
  const shot = () => page.evaluate(() => window.duologue!.shot);
  await expect(pressed).toHaveText('Both');
  await page.getByRole('button', { name: 'Whole', exact: true }).click();
  await expect(pressed).toHaveText('Whole');
  expect(await shot()).toBe('full');
  await page.mouse.move(350, 200);
  await page.mouse.down();
  await page.mouse.move(420, 210, { steps: 3 });
  await page.mouse.up();
  await expect(pressed).toHaveCount(0);
  expect(await shot()).toBe('free');
  await page.mouse.dblclick(350, 200);
  await expect(pressed).toHaveText('Whole');
});

test('calm is a switch; where they sit is in the address', async ({ page }) => {
  await serveTiny(page);
  await openDemo(page, TINY);
  const calm = page.locator('#calm');
  await calm.click();
  await expect(calm).toHaveAttribute('aria-pressed', 'true');
  await page.locator('#placement').selectOption('seated');
  await page.waitForURL(/placement=seated/);
  await page.waitForFunction(() => document.body.dataset.state === 'ready', undefined, { timeout: 60_000 });
  await expect(page.locator('#placement')).toHaveValue('seated');
});

test('a shot that there is not is named, with those that there are', async ({ page }) => {
  await openDemo(page, '&shot=sideways');
  await expect(page.locator('#notice')).toContainText('"sideways", expected one of both, full');
});
