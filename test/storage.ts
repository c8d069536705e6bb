/** A cache storage as browsers have it, with room for so many bytes. */
export class Storage {
  room = Number.POSITIVE_INFINITY;
  readonly caches = new Map<string, Map<string, Uint8Array>>();

  async open(name: string) {
    const entries = this.caches.get(name) ?? new Map<string, Uint8Array>();
    this.caches.set(name, entries);
    const plain = (url: string, search = false) => (search ? url.replace(/\?.*/, '') : url);
    return {
      match: async (url: string) => (entries.has(url) ? new Response(entries.get(url)!.slice()) : undefined),
      put: async (url: string, response: Response) => {
        const bytes = new Uint8Array(await response.arrayBuffer());
        const used = [...entries.values()].reduce((sum, { length }) => sum + length, 0);
        if (used + bytes.length > this.room) throw new DOMException('full', 'QuotaExceededError');
        entries.set(url, bytes);
      },
      delete: async (url: string | { url: string }) =>
        entries.delete(typeof url === 'string' ? url : url.url),
      keys: async (of: string, { ignoreSearch }: { ignoreSearch: boolean }) =>
        [...entries.keys()]
          .filter((url) => plain(url, ignoreSearch) === plain(of, ignoreSearch))
          .map((url) => ({ url })),
    };
  }
  async keys() {
    return [...this.caches.keys()];
  }
  async delete(name: string) {
    return this.caches.delete(name);
  }
  get urls() {
    return [...this.caches.values()].flatMap((entries) => [...entries.keys()]);
  }
}
