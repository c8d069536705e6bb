import path from 'node:path';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, mergeConfig } from 'vitest/config';
import { browserPath, CHROMIUM_FLAGS } from './tools/browser.mjs';
import demo from './vite.config.ts';

/** Tests of pages live in real time, which a machine that others use may not give them. */
const RETRY = 1;

/** A fresh object per project: vitest writes into it. */
const browser = (flags: readonly string[] = []) => ({
  enabled: true,
  ui: false,
  screenshotFailures: false,
  headless: false, // the headless shell has no WebGPU; `--headless=new` in the flags does
  provider: playwright({
    launchOptions: { executablePath: browserPath(), args: [...CHROMIUM_FLAGS, ...flags] },
  }),
  instances: [{ browser: 'chromium' as const }],
});

/** Two fake microphones and a default one, which all play one file, and a user who allows them. */
const MICROPHONES = [
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  `--use-file-for-fake-audio-capture=${path.resolve('test/fixtures/mama.wav')}`,
];

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

declare module 'vitest' {
  interface ProvidedContext {
    isolated: boolean;
  }
}

export default mergeConfig(
  demo,
  defineConfig({
    test: {
      projects: [
        { extends: true, test: { name: 'node', include: ['test/node/**/*.test.ts'] } },
        {
          extends: true,
          // Tests of characters read fixtures that lie beside the repository, where there are any.
          server: { fs: { allow: ['.', '../shared/data'] } },
          test: {
            name: 'browser',
            retry: RETRY,
            include: ['test/browser/**/*.test.ts'],
            browser: browser(MICROPHONES),
            provide: { isolated: false },
          },
        },
        {
          // The same streams again on a cross-origin isolated page, which has shared memory.
          extends: true,
          server: { headers: ISOLATION },
          test: {
            name: 'isolated',
            retry: RETRY,
            include: ['test/browser/{rpc,capture}.test.ts'],
            browser: browser(),
            provide: { isolated: true },
          },
        },
        {
          // Isolated, so that onnxruntime-web may have two threads.
          extends: true,
          server: { headers: ISOLATION },
          test: {
            name: 'bench',
            include: ['test/bench/**/*.bench.ts'],
            browser: browser(['--enable-blink-features=ForceEagerMeasureMemory']),
          },
        },
      ],
    },
  }),
);
