import { constants } from 'node:fs';
import { access, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EngineError } from '../errors.ts';

const HINT = 'Choose another --out.';

/** Checks that a folder exists or can be made, without making it; throws `unsupported` otherwise. */
export async function checkFolder(folder: string): Promise<void> {
  let at = resolve(folder);
  for (;;) {
    const found = await stat(at).catch((error: NodeJS.ErrnoException) => error);
    if (!(found instanceof Error)) {
      if (!found.isDirectory())
        throw new EngineError('unsupported', `${folder} cannot be written: ${at} is no folder`, {
          hint: HINT,
        });
      break;
    }
    if (found.code === 'ENOTDIR' || found.code === 'ENOENT') at = dirname(at);
    else throw cannotWrite(folder, found);
  }
  await access(at, constants.W_OK).catch((cause: Error) => {
    throw cannotWrite(folder, cause);
  });
}

/** Writes all files of a folder or none: whoever looks sees no half-written one. */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<string[]> {
  const paths = Object.keys(files).map((name) => join(folder, name));
  const partial = (path: string) => `${path}.${process.pid}.part`;
  try {
    await makeFolder(resolve(folder));
    for (const [i, text] of Object.values(files).entries()) await writeFile(partial(paths[i]), text);
    for (const path of paths) await rename(partial(path), path);
  } catch (cause) {
    await Promise.all(paths.map((path) => rm(partial(path), { force: true }).catch(() => undefined)));
    throw cannotWrite(folder, cause as Error);
  }
  return paths;
}

/** Like a recursive `mkdir`, whose own form never returns in folders where nothing can be made, such as /proc. */
async function makeFolder(folder: string): Promise<void> {
  const error = await mkdir(folder).then(
    () => undefined,
    (cause: NodeJS.ErrnoException) => cause,
  );
  if (!error || error.code === 'EEXIST') return;
  if (error.code !== 'ENOENT' || dirname(folder) === folder) throw error;
  await makeFolder(dirname(folder));
  await mkdir(folder);
}

const cannotWrite = (folder: string, cause: Error) =>
  new EngineError('unsupported', `${folder} cannot be written: ${cause.message}`, { hint: HINT, cause });
