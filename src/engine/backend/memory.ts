/** How it is said: by V8, SpiderMonkey, JavaScriptCore, C++ in WebAssembly, and us. */
const WORDS =
  /out of memory|out-of-memory|OutOfMemory|enough memory|bad_alloc|\bOOM\b|(?:grow|allocate) memory|array buffer allocation/i;

/** Whether an error, or what caused it, says that memory is used up: JavaScript's, WebAssembly's or the GPU's. */
export function isOutOfMemory(error: unknown): boolean {
  for (let cause = error, depth = 0; cause !== undefined && cause !== null && depth < 5; depth++) {
    if (globalThis.GPUOutOfMemoryError && cause instanceof GPUOutOfMemoryError) return true;
    const { message = String(cause), cause: inner } = cause as { message?: string; cause?: unknown };
    if (WORDS.test(message)) return true;
    cause = inner;
  }
  return false;
}
