import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

/** The first page, and one for each folder of the demo that has one. */
const pages = () =>
  ['.', ...readdirSync('demo').map((name) => `demo/${name}`)]
    .map((folder) => join(folder, 'index.html'))
    .filter((page) => existsSync(page));

const SERVICE_WORKER_SOURCE = 'demo/offline/service-worker.ts';
const SERVICE_WORKER = 'sw.js';

/**
 * Writes into the service worker which files are the page's own: what is built, and what `public` holds besides the models,
 * which the engine keeps, as it keeps the WebAssembly. Workbox would do the same with three hundred packages.
 */
function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle[SERVICE_WORKER];
        if (worker?.type !== 'chunk') return;
        const hash = createHash('sha256').update(worker.code);
        const files = Object.entries(bundle).flatMap(([name, file]) => {
          if (name === SERVICE_WORKER || name.endsWith('.wasm')) return [];
          hash.update(name).update(file.type === 'chunk' ? file.code : file.source);
          return name.endsWith('index.html') ? [`./${name.slice(0, -'index.html'.length)}`, name] : [name];
        });
        const published = readdirSync('public', { recursive: true, withFileTypes: true })
          .filter((file) => file.isFile() && !file.name.endsWith('.md'))
          .map(({ parentPath, name }) =>
            `${parentPath}/${name}`.replaceAll('\\', '/').replace(/^public\//, ''),
          )
          .filter((path) => !path.startsWith('models/'));
        for (const path of published) hash.update(path).update(readFileSync(`public/${path}`));
        worker.code = worker.code
          .replaceAll('PAGE_FILES', JSON.stringify([...files, ...published].sort()))
          .replaceAll('PAGE_VERSION', JSON.stringify(hash.digest('hex').slice(0, 16)));
      },
    },
  };
}

/** The demo: `vite` serves it, `vite build` makes it. The npm package has vite.lib.config.ts, tests vitest.config.ts. */
export default defineConfig({
  base: './',
  plugins: [offline()],
  worker: { format: 'es' },
  build: {
    target: 'esnext',
    chunkSizeWarningLimit: 1500,
    rolldownOptions: {
      input: [...pages(), SERVICE_WORKER_SOURCE],
      output: {
        // A service worker serves its own folder and what is below.
        entryFileNames: ({ name }) =>
          name === 'service-worker' ? SERVICE_WORKER : 'assets/[name]-[hash].js',
      },
    },
  },
});
