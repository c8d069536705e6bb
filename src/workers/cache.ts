import { MANIFEST_NAME, MODEL_FILES, parseManifest } from './manifest.ts';

const PREFIX = 'duologue-files-';
/** The number changes when entries of older engines can no longer be read. */
const NAME = `${PREFIX}1`;

/** Which files belong together: they are of one manifest. */
export type Group = 'models' | 'characters';

/** Files kept in the browser's Cache Storage under their address and content; whatever it refuses goes on without it. */
export class FileCache {
  readonly #cache: Cache;

  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Undefined where the browser keeps nothing: on insecure pages, and in some private windows. */
  static async open(): Promise<FileCache | undefined> {
    // Typed as always there, yet browsers keep it from insecure pages.
    const storage: CacheStorage | undefined = globalThis.caches;
    const cache = await storage?.open(NAME).catch(() => undefined);
    return cache && new FileCache(cache);
  }

  /** The bytes kept for `url` with this content; undefined when there are none, or they cannot be read. */
  async get(url: URL, sha256: string): Promise<ArrayBuffer | undefined> {
    const kept = await this.#cache.match(keyOf(url, sha256)).catch(() => undefined);
    return kept?.arrayBuffer().catch(() => undefined);
  }

  /** Whether something is kept for `url` with this content. */
  async has(url: URL, sha256: string): Promise<boolean> {
    return (await this.#cache.match(keyOf(url, sha256)).catch(() => undefined)) !== undefined;
  }

  /** Keeps `bytes`; false when there is no room, or the browser keeps nothing here. */
  put(url: URL, sha256: string, bytes: ArrayBuffer): Promise<boolean> {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': `${bytes.byteLength}` };
    return this.#put(keyOf(url, sha256), new Response(bytes, { headers }));
  }

  /** Forgets this content of `url`. */
  async delete(url: URL, sha256: string): Promise<void> {
    await this.#cache.delete(keyOf(url, sha256)).catch(() => undefined);
  }

  /** Forgets every other content of `url`. */
  async deleteOthers(url: URL, sha256: string): Promise<void> {
    const others = await this.#cache.keys(url.href, { ignoreSearch: true }).catch(() => []);
    const kept = keyOf(url, sha256);
    for (const other of others)
      if (other.url !== kept) await this.#cache.delete(other).catch(() => undefined);
  }

  /** The manifest under which a group of files was last loaded whole. */
  async manifest(baseUrl: string, group: Group): Promise<string | undefined> {
    const kept = await this.#cache.match(manifestKey(baseUrl, group)).catch(() => undefined);
    return kept?.text().catch(() => undefined);
  }

  /** Keeps the manifest under which a group of files was loaded; without a text there is none any more. */
  async keepManifest(baseUrl: string, group: Group, text: string | undefined): Promise<void> {
    const key = manifestKey(baseUrl, group);
    if (text !== undefined) await this.#put(key, new Response(text));
    else await this.#cache.delete(key).catch(() => undefined);
  }

  async #put(key: string, response: Response): Promise<boolean> {
    try {
      await this.#cache.put(key, response);
      return true;
    } catch {
      return false;
    }
  }
}

/** Whether all model files of a folder are in the cache, and these characters; asks no server. Addresses are absolute. */
export async function isCached(modelBaseUrl: string, characters: readonly string[] = []): Promise<boolean> {
  const cache = await FileCache.open();
  if (!cache) return false;
  const wanted: Readonly<Record<Group, readonly string[]>> = {
    models: MODEL_FILES,
    characters: characters.map((address) => nameIn(modelBaseUrl, address)),
  };
  for (const group of ['models', 'characters'] as const) {
    if (wanted[group].length === 0) continue;
    const text = await cache.manifest(modelBaseUrl, group);
    if (text === undefined) return false;
    const { files } = parseManifest(text, MANIFEST_NAME);
    for (const name of wanted[group])
      if (!files[name] || !(await cache.has(new URL(name, modelBaseUrl), files[name].sha256))) return false;
  }
  return true;
}

/** Forgets all model files and characters that any page of this origin has loaded; what runs goes on. */
export async function clearCache(): Promise<void> {
  const storage: CacheStorage | undefined = globalThis.caches;
  for (const name of (await storage?.keys().catch(() => [])) ?? [])
    if (name.startsWith(PREFIX)) await storage.delete(name).catch(() => undefined);
}

/** What a manifest at `baseUrl` calls the file at this address; the address itself when it lies elsewhere. */
export function nameIn(baseUrl: string, address: string): string {
  const url = new URL(address, baseUrl);
  if (!url.protocol.startsWith('http')) return address;
  const { href } = new URL(url.pathname, url);
  return href.startsWith(baseUrl) ? href.slice(baseUrl.length) : address;
}

function keyOf(url: URL, sha256: string): string {
  const key = new URL(url.pathname, url);
  key.searchParams.set('sha256', sha256);
  return key.href;
}

const manifestKey = (baseUrl: string, group: Group) => {
  const key = new URL(MANIFEST_NAME, baseUrl);
  key.searchParams.set('for', group);
  return key.href;
};
