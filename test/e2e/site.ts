import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** A site of one's own, which notes what it is asked for and can go away. */
export type Site = {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: readonly string[];
  /** Forgets what was asked. */
  forget(): void;
  /** Answers nobody any more; may be called twice. */
  close(): Promise<void>;
};

/** What is served in the place of a file; undefined for the file itself. */
export type Alter = (pathname: string, read: () => Buffer) => Buffer | undefined;

/** Serves the demo, as it was built into a folder, at a port of its own, with these headers on every answer, and some files altered. */
export async function serveDemo(
  headers: Readonly<Record<string, string>> = {},
  alter: Alter = () => undefined,
  folder = 'dist/demo',
): Promise<Site> {
  let asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    asked.push(pathname);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const asFile = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    const file = path.join(folder, path.normalize(asFile));
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) return response.writeHead(404).end();
    const altered = alter(pathname, () => readFileSync(file));
    response.writeHead(200, {
      'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream',
      'content-length': altered?.length ?? size,
      'cache-control': 'no-cache',
    });
    return altered ? response.end(altered) : createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    get asked() {
      return asked;
    },
    forget() {
      asked = [];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
