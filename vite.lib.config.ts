import { defineConfig } from 'vite';

/** The WebAssembly keeps its name: package.json names it, for whoever reads it from a disk. */
const assetFileNames = ({ names: [name] }: { names: string[] }) =>
  name === 'ort-wasm-simd-threaded.wasm' ? 'assets/[name][extname]' : 'assets/[name]-[hash][extname]';

/** The npm package: two entries, their workers and worklets beside them, addressed relative to the module. */
export default defineConfig({
  base: './',
  publicDir: false,
  build: {
    outDir: 'dist/lib',
    target: 'esnext',
    modulePreload: false,
    // Not Vite's library mode: that writes every asset into the code, the WebAssembly too.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { duologue: 'src/index.ts', core: 'src/core.ts' },
      external: [/^three($|\/)/, /^@pixiv\/three-vrm($|\/)/],
      preserveEntrySignatures: 'strict',
      output: {
        entryFileNames: '[name].js',
        assetFileNames,
      },
    },
  },
  worker: { format: 'es', rolldownOptions: { output: { assetFileNames } } },
});
