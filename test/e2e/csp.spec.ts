import { expect, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { watchConsole } from './observe.ts';
import { serveDemo } from './site.ts';

// What a cautious site would allow, and no more: every directive that is not here is 'none'.
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

test.use({ launchOptions: launchWith('--autoplay-policy=no-user-gesture-required') });

test('a conversation under a strict policy sends nothing anywhere, and asks for nothing once it is loaded', async ({
  page,
  context,
}) => {
  const site = await serveDemo({
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  const said = watchConsole(page);
  const requested: string[] = [];
  context.on('request', (request) => requested.push(request.url()));
  try {
    await page.addInitScript(() => {
      const violations: string[] = [];
      Object.assign(window, { violations });
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
        violations.push(`${effectiveDirective} ${blockedURI}`),
      );
    });
    const violations = () => page.evaluate(() => (window as unknown as { violations: string[] }).violations);
    await page.goto(`${site.url}?debug`);
    await page.waitForFunction(() => document.body.dataset.state === 'ready', undefined, { timeout: 90_000 });
    await page.evaluate(() => navigator.serviceWorker.ready);
    // From here on the page may not even speak to its own server.
    await page.evaluate(() => {
      const policy = document.createElement('meta');
      policy.httpEquiv = 'Content-Security-Policy';
      policy.content = "connect-src 'none'";
      document.head.append(policy);
    });
    site.forget();
    const before = requested.length;
    await page.locator('#use-files').click();
    const inputs = page.locator('#files input[type=file]');
    await inputs.nth(0).setInputFiles('test/fixtures/mama.wav');
    await inputs.nth(1).setInputFiles('test/fixtures/mama.wav');
    await page.locator('#files button[type=submit]').click();
    const spoke = [false, false];
    await expect
      .poll(
        async () => {
          const { speaking } = await page.evaluate(() => window.duologue!.stats());
          for (const person of [0, 1]) spoke[person] ||= speaking[person];
          return spoke;
        },
        { timeout: 40_000, intervals: [100] },
      )
      .toEqual([true, true]);
    expect(await violations()).toEqual([]);
    expect(said).toEqual([]);
    expect(site.asked).toEqual([]);
    expect(requested.slice(before)).toEqual([]);
    const elsewhere = requested.filter((url) => !url.startsWith(site.url) && !url.startsWith('data:'));
    expect(elsewhere).toEqual([]);
    // The policy is in force, or nothing of this would mean anything.
    const refused = await page.evaluate(() => fetch('https://elsewhere.test/').catch(({ name }) => name));
    expect(refused).toBe('TypeError');
    expect((await violations()).join()).toContain('connect-src https://elsewhere.test/');
  } finally {
    await site.close();
  }
});
