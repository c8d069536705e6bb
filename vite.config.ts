import { defineConfig } from 'vite';

/** The demo: `vite` serves it, `vite build` makes it. The npm package has vite.lib.config.ts, tests vitest.config.ts. */
export default defineConfig({
  base: './',
  worker: { format: 'es' },
  build: { target: 'esnext', chunkSizeWarningLimit: 1500 },
});
