import { defineConfig } from '@playwright/test';
import { browserPath, CHROMIUM_FLAGS } from './tools/browser.mjs';

const PORT = 4179;

/** End-to-end tests: the built demo in a real Chromium, one page at a time because each needs the machine. */
export default defineConfig({
  testDir: 'test/e2e',
  outputDir: 'test-results',
  timeout: 180_000,
  expect: { timeout: 20_000 },
  workers: 1,
  retries: 1, // they live in real time, which a machine that others use may not give them
  reporter: 'list',
  use: {
    actionTimeout: 60_000,
    baseURL: `http://localhost:${PORT}`,
    viewport: { width: 480, height: 270 },
    headless: false, // `--headless=new` in the flags does it: the headless shell has no WebGPU
    launchOptions: { executablePath: browserPath(), args: [...CHROMIUM_FLAGS] },
  },
  webServer: {
    command: `npm run build:demo && npx vite preview --outDir dist/demo --port ${PORT} --strictPort`,
    port: PORT,
    timeout: 120_000,
    env: { __VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS: 'duologue.test' }, // an insecure origin, for a test of what is said there
  },
});
