import { EngineError } from '../errors.ts';

/** Bytes so far and in all, over every file asked for up to now. */
export type OnProgress = (loadedBytes: number, totalBytes: number) => void;

/**
 * A loader of files under `baseUrl` (or at absolute addresses) that reports bytes over all of them together.
 * It throws `asset` when a file is missing or the network fails, naming the file.
 */
export function makeFetch(baseUrl: string, onProgress: OnProgress): (name: string) => Promise<ArrayBuffer> {
  let loaded = 0;
  let total = 0;
  return async (name) => {
    const url = new URL(name, baseUrl);
    const missing = (detail: string, cause?: unknown) =>
      new EngineError('asset', `The model file ${url.pathname} cannot be read: ${detail}`, {
        hint: 'Serve the folder of model files and point modelBaseUrl at it.',
        cause,
      });
    const response = await fetch(url).catch((cause: unknown) => {
      throw missing('the network failed', cause);
    });
    if (!response.ok) throw missing(`the server answered ${response.status}`);
    // Development servers answer a missing file with their start page.
    if (response.headers.get('content-type')?.startsWith('text/html')) throw missing('it is not there');
    const announced = Number(response.headers.get('content-length') ?? 0);
    total += announced;
    const chunks: Uint8Array[] = [];
    let size = 0;
    const reader = response.body!.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw missing(`the transfer broke off after ${size} bytes`, cause);
      });
      if (done) break;
      chunks.push(value);
      size += value.length;
      loaded += value.length;
      if (size > announced) total = Math.max(total, loaded);
      onProgress(loaded, total);
    }
    const file = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      file.set(chunk, at);
      at += chunk.length;
    }
    return file.buffer;
  };
}
