import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from '@playwright/test';
import { type Alter, type Site, serveDemo } from '../e2e/site.ts';

const script = (name: string) => readFileSync(path.join(import.meta.dirname, name), 'utf8');

/** What else a site does wrong. */
export type Wrongs = {
  /** Code that stands before the scripts of the motion worker and of the one beside it. */
  readonly worker?: string;
  /** Other answers; asked first. */
  readonly alter?: Alter;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the demo was built. */
  readonly folder?: string;
};

/** Serves the built demo so that its workers and its capture worklet can be broken from {@link breakable} pages. */
export function serveBreakable({ worker = '', alter, headers = {}, folder }: Wrongs = {}): Promise<Site> {
  const before: readonly [RegExp, string][] = [
    [/\/(motion|movement)\.worker[^/]*\.js$/, script('worker.js') + worker],
    [/\/capture\.worklet[^/]*\.js$/, script('worklet.js')],
  ];
  const broken: Alter = (pathname, read) => {
    const other = alter?.(pathname, read);
    if (other) return other;
    const prelude = before.find(([name]) => name.test(pathname))?.[1];
    return prelude === undefined ? undefined : Buffer.concat([Buffer.from(prelude), read()]);
  };
  return serveDemo(headers, broken, folder);
}

/** Gives a page what it takes to be broken and watched, before its own scripts. */
export const breakable = (page: Page) => page.addInitScript({ content: script('page.js') });

/** How often a page is drawn, and how long its characters may stand still before that counts as an outage, in ms. */
export type Pace = { readonly pictureEveryMs?: number; readonly outageMs?: number };

/** Opens the demo at a site, waits until it is there, ready or not, and watches the conversation if there is one. */
export async function openBreakable(page: Page, site: Site, query: string, pace: Pace = {}) {
  await page.addInitScript(`Object.assign(faults, ${JSON.stringify(pace)})`);
  await page.goto(`${site.url}?debug${query}`);
  await page.waitForFunction(() => document.body.dataset.state !== 'loading', undefined, { timeout: 90_000 });
  await page.evaluate('window.duologue && faults.watch()');
}
