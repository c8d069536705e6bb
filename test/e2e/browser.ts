import { browserPath, CHROMIUM_FLAGS } from '../../tools/browser.mjs';

/** Launch options of the test browser with more flags; `test.use` replaces the configured ones whole. */
export const launchWith = (...flags: string[]) => ({
  executablePath: browserPath(),
  args: [...CHROMIUM_FLAGS, ...flags],
});
