/** How long to wait for a server, in milliseconds. */
export type Patience = {
  /** Without a byte, before a try is given up. */
  readonly stallMs: number;
  /** Before the second and last try. */
  readonly retryMs: number;
};

/** Two tries of 15 s: who has waited half a minute for nothing is told so. */
export const PATIENCE: Patience = { stallMs: 15_000, retryMs: 1000 };

/** Why a file did not come. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  /** `missing`: the server has no such file; `network`: another try may do. */
  readonly why: 'missing' | 'network';

  constructor(why: 'missing' | 'network', message: string, cause?: unknown) {
    super(message, { cause });
    this.why = why;
  }
}

/** How a file is fetched. */
export type DownloadOptions = {
  readonly patience: Patience;
  /** How the browser's own cache is asked; `reload` passes it by. */
  readonly cache?: RequestCache;
  /** Whether a second try may go on where the first broke off; only for files whose content is checked afterwards. */
  readonly resume?: boolean;
  /** Hears the size that the server announces, where it does. */
  readonly onSize?: (size: number) => void;
  /** Hears how much is here; falls back when the second try begins anew. */
  readonly onBytes?: (loaded: number) => void;
};

/** What has arrived so far. */
type Part = { chunks: Uint8Array[]; size: number; resumable: boolean };

/** Fetches a whole file, with one more try when the network fails or the server stalls; throws {@link DownloadError}. */
export async function download(url: URL, options: DownloadOptions): Promise<ArrayBuffer> {
  const part: Part = { chunks: [], size: 0, resumable: false };
  try {
    await transfer(url, part, options);
  } catch (first) {
    if ((first as DownloadError).why !== 'network') throw first;
    await new Promise((resolve) => setTimeout(resolve, options.patience.retryMs));
    try {
      await transfer(url, part, options);
    } catch (second) {
      if ((second as DownloadError).why !== 'network') throw second;
      const { message } = second as Error;
      throw new DownloadError('network', `${message}, at the second try too`, second);
    }
  }
  const file = new Uint8Array(part.size);
  let at = 0;
  for (const chunk of part.chunks) {
    file.set(chunk, at);
    at += chunk.length;
  }
  return file.buffer;
}

async function transfer(url: URL, part: Part, options: DownloadOptions) {
  const { cache, resume = false, onSize, onBytes } = options;
  const { stallMs } = options.patience;
  const aborter = new AbortController();
  /** `work`, unless it brings nothing for too long. */
  const within = async <T>(work: Promise<T>): Promise<T> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new DownloadError('network', `nothing came for ${stallMs / 1000} s after ${part.size} bytes`));
        aborter.abort();
      }, stallMs);
    });
    try {
      return await Promise.race([work, stalled]);
    } catch (cause) {
      if (cause instanceof DownloadError) throw cause;
      const gone = part.size > 0 ? `the transfer broke off after ${part.size} bytes` : 'the network failed';
      throw new DownloadError('network', gone, cause);
    } finally {
      clearTimeout(timer);
    }
  };
  const response = await within(
    fetch(url, {
      signal: aborter.signal,
      ...(cache && { cache }),
      ...(part.resumable && { headers: { Range: `bytes=${part.size}-` } }),
    }),
  );
  check(response, part);
  const encoded = response.headers.has('content-encoding');
  const announced = response.headers.get('content-length');
  // What is announced of a packed file is its packed size.
  const size = announced === null || encoded ? undefined : part.size + Number(announced);
  if (size !== undefined) onSize?.(size);
  const reader = response.body!.getReader();
  for (;;) {
    const { done, value } = await within(reader.read());
    if (done) break;
    part.chunks.push(value);
    part.size += value.length;
    // A range of a packed file counts packed bytes, and we have only the others.
    part.resumable = resume && !encoded;
    onBytes?.(part.size);
  }
  if (size !== undefined && part.size !== size)
    throw new DownloadError('network', `the transfer broke off after ${part.size} of ${size} bytes`);
}

/** Throws when the answer is not the file; begins anew when it is the whole file and not the rest. */
function check(response: Response, part: Part) {
  const { status, headers } = response;
  const from = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1];
  const rest = status === 206 && (from === undefined || Number(from) === part.size);
  if (!rest) Object.assign(part, { chunks: [], size: 0, resumable: false });
  const passing = status >= 500 || status === 408 || status === 416 || status === 429;
  if (!response.ok || (status === 206 && !rest))
    throw new DownloadError(
      passing || status === 206 ? 'network' : 'missing',
      `the server answered ${status}`,
    );
  // Development servers answer a missing file with their start page.
  if (headers.get('content-type')?.startsWith('text/html'))
    throw new DownloadError('missing', 'it is not there');
}
