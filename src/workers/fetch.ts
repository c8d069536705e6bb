import { isOutOfMemory } from '../engine/backend/memory.ts';
import { EngineError } from '../errors.ts';
import { FileCache, type Group, nameIn } from './cache.ts';
import { type DownloadError, type DownloadOptions, download, PATIENCE, type Patience } from './download.ts';
import { difference, type ListedFile, MANIFEST_NAME, type Manifest, parseManifest } from './manifest.ts';
import { ByteCount, type OnProgress } from './progress.ts';

/** Who fetches what. */
export type FilesOptions = {
  /** Folder of the manifest, absolute and with a slash at its end; names are relative to it. */
  readonly baseUrl: string;
  readonly group: Group;
  /** Names, or addresses, that are fetched at once and counted from the beginning. */
  readonly expected: readonly string[];
  /** Where listed files stand that are not in the folder. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  readonly onProgress?: OnProgress;
  readonly patience?: Patience;
};

/** What is known before the first file. */
type Opened = {
  readonly cache: FileCache | undefined;
  readonly manifest: Manifest | undefined;
  readonly text: string | undefined;
};

type Arrival = { readonly bytes: Promise<ArrayBuffer>; taken: boolean; kept: Promise<boolean> | undefined };

/** A browser has six connections to a server; who waits for one must not be taken for stalled. */
const MOST_AT_ONCE = 4;

/** With a manifest in the cache, a network that hangs is not waited for longer than this. */
const MANIFEST_WITH_CACHE_MS = 3000;

/**
 * Files under a folder, each fetched once, from the cache where its content is there already. The folder's manifest tells
 * their sizes, so that progress knows its total before the first byte, and their SHA-256, which is checked after every
 * fetch and every reading of the cache. A folder without a manifest is loaded unchecked and is not kept in the cache.
 */
export class Files {
  readonly #options: FilesOptions;
  readonly #patience: Patience;
  readonly #count: ByteCount;
  readonly #names: readonly string[];
  readonly #arrivals = new Map<string, Arrival>();
  readonly #all: Promise<unknown>[] = [];
  readonly #waiting: (() => void)[] = [];
  #free = MOST_AT_ONCE;
  #opened: Promise<Opened> | undefined;
  #over = false;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#patience = options.patience ?? PATIENCE;
    this.#count = new ByteCount(options.onProgress ?? (() => undefined));
    this.#names = options.expected.map((address) => nameIn(options.baseUrl, address));
    if (this.#names.length === 0) this.#count.expect([]);
    for (const name of this.#names) if (!this.#arrivals.has(name)) this.#arrive(name);
  }

  /**
   * The bytes of a file, by its name in the folder or its address. Throws `asset` when it is missing, when the network
   * fails or stalls at both tries, or when its content is not what the manifest lists, even when fetched anew.
   */
  readonly get = (address: string): Promise<ArrayBuffer> => {
    const name = nameIn(this.#options.baseUrl, address);
    const arrival = this.#arrivals.get(name) ?? this.#arrive(name);
    arrival.taken = true;
    return arrival.bytes;
  };

  /** Resolves when every file that was expected is here, or has failed where nobody asked for it. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#all);
  }

  /**
   * Notes in the cache that this group of files is there, drops what the cache held of older ones, and lets go of bytes
   * that nobody took and that the cache can give again; call it when everything is loaded.
   */
  async keep(): Promise<void> {
    await this.settled();
    this.#over = true;
    const opened = await this.#opened?.catch(() => undefined);
    if (!opened) return;
    const { cache, manifest, text } = opened;
    const { baseUrl, group } = this.#options;
    const inCache = new Set<string>();
    for (const [name, { kept }] of this.#arrivals) if (await kept) inCache.add(name);
    const listed = this.#names.flatMap((name) => {
      const file = manifest?.files[name];
      return file ? [[name, file] as const] : [];
    });
    if (cache && listed.every(([name]) => inCache.has(name))) {
      for (const [name, { sha256 }] of listed) await cache.deleteOthers(this.#url(name), sha256);
      await cache.keepManifest(baseUrl, group, text);
    }
    for (const [name, { taken }] of this.#arrivals)
      if (taken || inCache.has(name)) this.#arrivals.delete(name);
  }

  /** Where a file is listed, which need not be where it stands. */
  #url(name: string) {
    return new URL(name, this.#options.baseUrl);
  }

  #arrive(name: string): Arrival {
    const arrival: Arrival = { bytes: this.#load(name), taken: false, kept: undefined };
    this.#arrivals.set(name, arrival);
    const done = arrival.bytes.then(
      () => {
        if (this.#over) this.#arrivals.delete(name);
      },
      () => {
        this.#count.finish(name);
        this.#arrivals.delete(name); // the next who asks has another try
      },
    );
    this.#all.push(done);
    return arrival;
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#begin().catch((error: unknown) => {
      this.#opened = undefined; // the next who asks has another try
      throw error;
    });
    return this.#opened;
  }

  async #begin(): Promise<Opened> {
    const { baseUrl, group } = this.#options;
    if (!globalThis.isSecureContext && 'isSecureContext' in globalThis)
      console.warn(
        'This page is not secure: files are neither checked by their SHA-256 nor kept in the cache.',
      );
    const cache = await FileCache.open();
    const text = await this.#manifestText(cache);
    const manifest = text === undefined ? undefined : parseManifest(text, this.#url(MANIFEST_NAME).pathname);
    if (!manifest)
      console.info(
        `${baseUrl} has no ${MANIFEST_NAME}: the ${group} there are loaded unchecked, and again at each visit.`,
      );
    this.#count.expect(this.#names.map((name) => [name, manifest?.files[name]?.bytes] as const));
    return { cache, manifest, text };
  }

  /** The manifest as the server has it now, or as it was when there is no network; undefined where there is none. */
  async #manifestText(cache: FileCache | undefined): Promise<string | undefined> {
    const { baseUrl, group } = this.#options;
    const url = this.#url(MANIFEST_NAME);
    const kept = await cache?.manifest(baseUrl, group);
    const asked = download(url, { patience: this.#patience, cache: 'no-cache' }).then(
      (bytes) => new TextDecoder().decode(bytes),
      (error: DownloadError) => {
        if (error.why === 'missing') return undefined;
        if (kept !== undefined) return kept;
        throw this.#unread(MANIFEST_NAME, url, error);
      },
    );
    if (kept === undefined) return asked;
    const late = new Promise<string>((resolve) => setTimeout(resolve, MANIFEST_WITH_CACHE_MS, kept));
    return Promise.race([asked, late]);
  }

  async #load(name: string): Promise<ArrayBuffer> {
    const { manifest, cache } = await this.#open();
    const from = new URL(this.#options.elsewhere?.[name] ?? name, this.#options.baseUrl);
    const listed = manifest?.files[name];
    if (listed) return this.#loadListed(name, from, listed, cache);
    const bytes = await this.#download(name, from, { onSize: (size) => this.#count.announce(name, size) });
    this.#count.finish(name, bytes.byteLength);
    return bytes;
  }

  async #loadListed(
    name: string,
    from: URL,
    listed: ListedFile,
    cache: FileCache | undefined,
  ): Promise<ArrayBuffer> {
    const url = this.#url(name);
    const kept = await cache?.get(url, listed.sha256);
    if (kept && !(await difference(kept, listed))) {
      this.#arrived(name, kept, Promise.resolve(true));
      return kept;
    }
    if (kept) await cache?.delete(url, listed.sha256);
    let wrong: string | undefined;
    // What we keep ourselves the browser need not keep too, nor may it answer with an older one.
    for (const mode of [cache ? 'no-store' : 'default', 'reload'] as const) {
      const bytes = await this.#download(name, from, { cache: mode, resume: true });
      wrong = await difference(bytes, listed);
      if (wrong) continue;
      this.#arrived(name, bytes, keepIn(cache, url, listed.sha256, bytes));
      return bytes;
    }
    throw new EngineError('asset', `${this.#called(name)} ${from.pathname} is damaged: ${wrong}`, {
      hint: `It came like this twice: upload it again; if it was changed on purpose, write ${MANIFEST_NAME} anew with \`npm run manifest\`.`,
    });
  }

  #arrived(name: string, bytes: ArrayBuffer, kept: Promise<boolean>) {
    const arrival = this.#arrivals.get(name);
    if (arrival) arrival.kept = kept;
    this.#count.finish(name, bytes.byteLength);
  }

  async #download(name: string, from: URL, options: Partial<DownloadOptions>): Promise<ArrayBuffer> {
    const onBytes = (loaded: number) => this.#count.count(name, loaded);
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await download(from, { ...options, patience: this.#patience, onBytes });
    } catch (cause) {
      throw this.#unread(name, from, cause as DownloadError);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }

  #called(name: string): string {
    return this.#options.group === 'models' || name === MANIFEST_NAME ? 'The model file' : 'The character';
  }

  #unread(name: string, from: URL, cause: DownloadError): EngineError {
    if (isOutOfMemory(cause))
      return new EngineError(
        'unsupported',
        `There is not enough memory for ${from.pathname}: ${cause.message}`,
        { hint: 'Close other tabs and programs, then reload the page.', cause },
      );
    const hint =
      cause.why === 'network'
        ? 'Check the network, and that another site allows the request (CORS); then reload the page.'
        : this.#options.group === 'models'
          ? 'Serve the folder of model files and point modelBaseUrl at it.'
          : 'Check the address of the .vrm or .glb file.';
    return new EngineError(
      'asset',
      `${this.#called(name)} ${from.pathname} cannot be read: ${cause.message}`,
      {
        hint,
        cause,
      },
    );
  }
}

/** Keeps a file; older ones make room for it where there is too little. */
async function keepIn(
  cache: FileCache | undefined,
  url: URL,
  sha256: string,
  bytes: ArrayBuffer,
): Promise<boolean> {
  if (!cache) return false;
  if (await cache.put(url, sha256, bytes)) return true;
  await cache.deleteOthers(url, sha256);
  return cache.put(url, sha256, bytes);
}
