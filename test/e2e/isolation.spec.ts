import { expect, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { objections } from './curves.ts';
import { observe, openDemo, watchConsole } from './observe.ts';
import { serveDemo } from './site.ts';

test.use({
  viewport: { width: 320, height: 180 },
  launchOptions: launchWith('--autoplay-policy=no-user-gesture-required'),
});

test('a site that sends no headers: no shared memory anywhere, and both move with their voices', async ({
  page,
}) => {
  const site = await serveDemo();
  const said = watchConsole(page);
  const isolating: string[] = [];
  page.on('response', (response) => {
    for (const name of Object.keys(response.headers()))
      if (name.startsWith('cross-origin-')) isolating.push(`${response.url()}: ${name}`);
  });
  await page.addInitScript(() => {
    // What is left of shared memory without isolation is that of WebAssembly.
    const shared: unknown[] = [];
    Object.assign(window, { shared });
    WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
      construct(Memory, [descriptor]) {
        if (descriptor.shared) shared.push(descriptor);
        return new Memory(descriptor);
      },
    });
  });
  await page.route('**/test/mama.wav', (route) => route.fulfill({ path: 'test/fixtures/mama.wav' }));
  try {
    await openDemo(page, '&backend=visemes', site.url);
    await page.evaluate(() => window.duologue!.start());
    expect(isolating).toEqual([]);
    const here = () => [self.crossOriginIsolated, typeof SharedArrayBuffer];
    expect(await page.evaluate(here)).toEqual([false, 'undefined']);
    expect(page.workers().length).toBeGreaterThan(0);
    for (const worker of page.workers())
      expect(await worker.evaluate(here), worker.url()).toEqual([false, 'undefined']);
    const observed = await observe(page, {
      voices: ['/test/mama.wav', '/test/mama.wav'],
      beginS: [2, 9],
      durationS: 15,
    });
    expect(objections(observed)).toEqual([]);
    expect(await page.evaluate(() => (window as unknown as { shared: unknown[] }).shared)).toEqual([]);
    expect(said).toEqual([]);
  } finally {
    await site.close();
  }
});
