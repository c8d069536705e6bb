// Keeps the page's own files, so that it opens without a network. Model files and characters are the engine's to keep.
export {};

declare const self: ServiceWorkerGlobalScope;
/** Addresses of the page's own files and a hash of their content; vite.config.ts writes it. */
declare const PAGE_FILES: readonly string[];
declare const PAGE_VERSION: string;

const PREFIX = 'duologue-page-';
const NAME = PREFIX + PAGE_VERSION;
/** A network that hangs is not waited for longer than this. */
const PATIENCE_MS = 3000;

const addresses = new Set(PAGE_FILES.map((file) => new URL(file, self.registration.scope).href));

self.addEventListener('install', (event) => {
  // Past the browser's own cache, which may hold files of an older version under names without a hash.
  const requests = [...addresses].map((address) => new Request(address, { cache: 'no-cache' }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(requests)));
});

self.addEventListener('activate', (event) => {
  // Only now: until here pages of the older version were open, and may have asked for its files.
  const drop = async () => {
    for (const name of await caches.keys())
      if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
  };
  event.waitUntil(drop());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const address = request.url.replace(/[?#].*/, '');
  if (request.method !== 'GET' || !addresses.has(address)) return;
  event.respondWith(request.mode === 'navigate' ? fresh(request, address) : kept(request, address));
});

/** A page as the server has it now, which may be a newer one; as it was where there is no network. */
async function fresh(request: Request, address: string): Promise<Response> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE_MS));
  const response = await Promise.race([fetch(request).catch(() => undefined), late]);
  return response?.ok ? response : ((await match(address)) ?? response ?? Response.error());
}

/** A file of the page, whose content does not change under its name. */
const kept = async (request: Request, address: string) => (await match(address)) ?? fetch(request);

const match = async (address: string) => (await caches.open(NAME)).match(address);
