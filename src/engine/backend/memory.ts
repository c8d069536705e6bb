/** Whether an error says that memory is used up: JavaScript's, WebAssembly's or the GPU's. */
export function isOutOfMemory(error: unknown): boolean {
  for (let cause = error, depth = 0; cause !== undefined && cause !== null && depth < 5; depth++) {
    if (globalThis.GPUOutOfMemoryError && cause instanceof GPUOutOfMemoryError) return true;
    const { message = String(cause), cause: inner } = cause as { message?: string; cause?: unknown };
    if (
      /out of memory|out-of-memory|OutOfMemory|bad_alloc|grow memory|array buffer allocation/i.test(message)
    )
      return true;
    cause = inner;
  }
  return false;
}
