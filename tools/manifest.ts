// Writes the manifest of a folder of model files: `npm run manifest`, or `npm run manifest -- FOLDER` for another one.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MANIFEST_FORMAT, MANIFEST_NAME, type Manifest, RUNTIME_NAME } from '../src/workers/manifest.ts';

/** The folder that the package ships. */
export const SHIPPED = fileURLToPath(new URL('../public/models', import.meta.url));

/** The manifest of a folder as its files are now: weights, graphs, characters, and the runtime that the code brings along. */
export function manifestOf(folder: string): Manifest {
  const names = readdirSync(folder).filter((name) => /\.(safetensors|onnx|vrm|glb)$/.test(name));
  const runtime = createRequire(import.meta.url).resolve(`onnxruntime-web/${RUNTIME_NAME}`);
  const files = [
    ...names.sort().map((name) => [name, join(folder, name)] as const),
    [RUNTIME_NAME, runtime] as const,
  ];
  return {
    format: MANIFEST_FORMAT,
    files: Object.fromEntries(
      files.map(([name, path]) => {
        const bytes = readFileSync(path);
        return [
          name,
          { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
        ] as const;
      }),
    ),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.env.INIT_CWD ?? '.', process.argv[2] ?? SHIPPED);
  if (!existsSync(folder)) {
    console.error(`${folder} is no folder. Name the folder of the model files: npm run manifest -- FOLDER`);
    process.exit(1);
  }
  const manifest = manifestOf(folder);
  writeFileSync(join(folder, MANIFEST_NAME), `${JSON.stringify(manifest, null, 2)}\n`);
  const files = Object.values(manifest.files);
  const megabytes = files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  console.log(`${join(folder, MANIFEST_NAME)}: ${files.length} files, ${megabytes.toFixed(1)} MB`);
}
