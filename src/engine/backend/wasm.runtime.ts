/** Where the page finds onnxruntime-web's WebAssembly build (SIMD; one thread unless the page is isolated). */
export { default as wasmRuntimeUrl } from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
