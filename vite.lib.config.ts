import { defineConfig } from 'vite';

/** The npm package: one entry, its workers and worklet beside it, addressed relative to the module. */
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
      input: 'src/index.ts',
      external: [/^three($|\/)/, /^@pixiv\/three-vrm($|\/)/],
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'duologue.js' },
    },
  },
  worker: { format: 'es' },
});
