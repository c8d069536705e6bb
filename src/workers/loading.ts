import { Files } from './fetch.ts';
import { type OnProgress, sumProgress } from './progress.ts';

/** What a conversation loads, and from where; addresses are absolute, except those of characters. */
export type LoadingOptions = {
  readonly modelBaseUrl: string;
  /** What addresses of characters are relative to. */
  readonly pageUrl: string;
  /** Addresses, or what is no address and is here already. */
  readonly characters: readonly unknown[];
  readonly onProgress: OnProgress;
};

/** The loading of a conversation as the page sees it: the worker's files and the characters counted as one. */
export class Loading {
  /** Takes the motion worker's progress; to be transferred to it. */
  readonly port: MessagePort;
  readonly #options: LoadingOptions;
  readonly #files: Files;
  readonly #finish: () => void;

  constructor(options: LoadingOptions) {
    const { modelBaseUrl: baseUrl, characters, onProgress } = options;
    this.#options = options;
    const { parts, finish } = sumProgress(2, onProgress);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data: [loaded, total] }) => parts[0](loaded, total);
    this.port = port2;
    const expected = characters.flatMap((source) => this.#addressOf(source) ?? []);
    this.#files = new Files({ baseUrl, group: 'characters', expected, onProgress: parts[1] });
    this.#finish = () => {
      finish();
      port1.close();
    };
  }

  /**
   * A character's file under its own name, from the cache where it is there; what has no address on the web as it is.
   * Throws `asset` when the file cannot be had or is damaged.
   */
  async bring<Source>(source: Source): Promise<Source | File> {
    const address = this.#addressOf(source);
    if (!address) return source;
    const bytes = await this.#files.get(address);
    return new File([bytes], new URL(address).pathname.split('/').at(-1) || 'the character');
  }

  /** Everything is here: says so, and notes it in the cache. */
  finish(): void {
    this.#finish();
    void this.#files.keep();
  }

  #addressOf(source: unknown): string | undefined {
    if (!(typeof source === 'string' || source instanceof URL)) return undefined;
    if (!URL.canParse(source, this.#options.pageUrl)) return undefined;
    const { href, protocol } = new URL(source, this.#options.pageUrl);
    return protocol.startsWith('http') ? href : undefined;
  }
}
