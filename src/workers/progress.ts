/** Bytes so far and in all, over every file asked for up to now. */
export type OnProgress = (loadedBytes: number, totalBytes: number) => void;

type Counted = { size: number | undefined; loaded: number };

/** Reports no more often than this, except the first and the last time. */
const EVERY_MS = 33;

/**
 * Counts the bytes of files by name: each byte once, however often it is fetched. What has been loaded never falls, and ends
 * at exactly the total, which is known from the beginning when all sizes are. A file of unknown size adds to the total what
 * the server announces when it begins to come, or what has come of it.
 */
export class ByteCount {
  readonly #files = new Map<string, Counted>();
  readonly #onProgress: OnProgress;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(onProgress: OnProgress) {
    this.#onProgress = onProgress;
  }

  /** These files are coming, of these sizes where they are known. */
  expect(files: Iterable<readonly [name: string, size: number | undefined]>) {
    for (const [name, size] of files) if (!this.#files.has(name)) this.#files.set(name, { size, loaded: 0 });
    this.#report(true);
  }

  /** The server says how large a file is that was not listed. */
  announce(name: string, size: number) {
    this.#file(name).size ??= size;
    this.#report();
  }

  /** So much of a file is here; less than before, when it is fetched again, changes nothing. */
  count(name: string, loaded: number) {
    const file = this.#file(name);
    file.loaded = Math.max(file.loaded, Math.min(loaded, file.size ?? loaded));
    this.#report();
  }

  /** No more of a file will come than `size` bytes: it is here, or has failed where nobody needs it. */
  finish(name: string, size = this.#file(name).loaded) {
    const file = this.#file(name);
    file.size = size;
    file.loaded = size;
    this.#report();
  }

  #file(name: string): Counted {
    const known = this.#files.get(name) ?? { size: undefined, loaded: 0 };
    this.#files.set(name, known);
    return known;
  }

  #report(force = false) {
    let [loaded, total] = [0, 0];
    for (const file of this.#files.values()) {
      loaded += file.loaded;
      total += file.size ?? file.loaded;
    }
    const now = performance.now();
    if (!force && loaded < total && now - this.#reportedMs < EVERY_MS) return;
    this.#reportedMs = now;
    this.#onProgress(loaded, total);
  }
}

/** Adds up progress that comes from several places, from when each of them knows its total; `finish` says the last. */
export function sumProgress(
  count: number,
  onProgress: OnProgress,
): { parts: readonly OnProgress[]; finish(): void } {
  const heard: ([number, number] | undefined)[] = Array.from({ length: count }, () => undefined);
  let last = '';
  const report = () => {
    let [loaded, total] = [0, 0];
    for (const part of heard) {
      if (!part) return;
      loaded += part[0];
      total += part[1];
    }
    if (last === `${loaded}/${total}`) return;
    // One place may have begun before another knew its total.
    if (last === '' && loaded > 0) onProgress(0, total);
    last = `${loaded}/${total}`;
    onProgress(loaded, total);
  };
  return {
    parts: heard.map((_, i) => (loaded, total) => {
      heard[i] = [loaded, total];
      report();
    }),
    finish() {
      // Everything is here, though a message that says so may still be under way between two threads.
      for (const [i, part] of heard.entries()) heard[i] = part && [part[1], part[1]];
      report();
    },
  };
}
