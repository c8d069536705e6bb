/**
 * Compiles what a running worker has compiled too. Chromium shares such code between threads for as long as somebody holds
 * it: the worker that follows begins with what ran hot in the last one, instead of a second of compiling and seconds of
 * slow ticks. Undefined in other browsers, which would only compile it once more, and where the page may not.
 */
export async function compiled(code: Blob | undefined): Promise<WebAssembly.Module | undefined> {
  if (!code || !('userAgentData' in navigator)) return undefined;
  return WebAssembly.compile(await code.arrayBuffer()).catch(() => undefined);
}
