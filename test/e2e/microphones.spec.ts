import { tmpdir } from 'node:os';
import path from 'node:path';
import { type BrowserContext, chromium, expect, type Page, test } from '@playwright/test';
import type { Bleed } from '../../src/index.ts';
import { launchWith } from './browser.ts';
import { openDemo, watchConsole } from './observe.ts';
import { recordedVoices, samplesOf, writeWav } from './sound.ts';

// Chromium's fake microphones all play one file over and over, each from where it was opened. People at two microphones
// that give one sound are warned, whatever is said and however far apart the two were opened.
const RECORDINGS = recordedVoices();
/** Most seconds from the moment that both are open to the warning; the machine may be slow to tell. */
const OPENED_TOGETHER_S = 15;
const OPENED_APART_S = 20;

declare global {
  interface Window {
    bleeds?: Told[];
    lost?: string[];
  }
}

/** Opens the demo in a browser of its own, whose microphones play a file; what the console says in warning or anger. */
async function openListening(file: string, baseURL: string | undefined) {
  const browser = await chromium.launch({
    ...launchWith(
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${file}`,
    ),
    headless: false,
  });
  closing.push(() => browser.close());
  const context = await browser.newContext({
    baseURL: baseURL ?? '',
    permissions: ['microphone'],
    viewport: { width: 320, height: 180 },
  });
  const page = await context.newPage();
  const said = watchConsole(page);
  await openDemo(page, '&backend=visemes');
  return { page, context, said };
}

const closing: (() => Promise<void>)[] = [];
test.afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A recording as a file that the browser reads. */
async function wavOf(recording: string, index: number): Promise<string> {
  const { samples, rateHz } = await samplesOf(recording);
  const file = path.join(tmpdir(), `duologue-microphone-${process.pid}-${index}.wav`);
  const spoken = samples.findIndex((x) => Math.abs(x) > 0.05);
  const from = Math.max(0, spoken - Math.round(0.3 * rateHz));
  writeWav(file, samples.subarray(from, from + 9 * rateHz), rateHz);
  return file;
}

/** Blocks the microphone for the page's site, as a user does in the browser's own controls. */
async function block(page: Page, context: BrowserContext) {
  const browser = await context.browser()!.newBrowserCDPSession();
  const { targetInfo } = await (await context.newCDPSession(page)).send('Target.getTargetInfo');
  await browser.send('Browser.setPermission', {
    permission: { name: 'microphone' },
    setting: 'denied',
    origin: new URL(page.url()).origin,
    browserContextId: targetInfo.browserContextId!,
  });
}

const FILES = await Promise.all(RECORDINGS.map(wavOf));
type Told = { bleed: Bleed; timeS: number };

const inWords = ({ kind, paths }: Bleed) =>
  `${kind}, lags ${paths.map(({ heard, lagMs }) => (heard ? `${lagMs.toFixed(0)} ms` : 'unheard')).join(' and ')}`;

const noteBleed = (page: Page) =>
  page.evaluate(() => {
    window.bleeds = [];
    const duo = window.duologue!;
    duo.on('bleed', (bleed) => window.bleeds!.push({ bleed, timeS: duo.context.currentTime }));
  });
const bleeds = (page: Page) => page.evaluate(() => window.bleeds!);
const nowS = (page: Page) => page.evaluate(() => window.duologue!.context.currentTime);

for (const [index, recording] of RECORDINGS.entries())
  test.describe(`two microphones, one sound: ${path.parse(recording).name}`, () => {
    const file = FILES[index]!;

    test('the demo warns of it', async ({ baseURL }) => {
      const { page, said } = await openListening(file, baseURL);
      await noteBleed(page);
      await page.locator('#use-microphones').click();
      await expect(page.locator('body')).toHaveAttribute('data-state', 'playing');
      const openS = await nowS(page);
      await expect(page.locator('#bleed')).toBeVisible({ timeout: 30_000 });
      await expect(page.locator('#bleed')).toContainText(/hear/);
      const [{ bleed, timeS }] = (await bleeds(page)) as [Told];
      console.log(`warned ${(timeS - openS).toFixed(1)} s after both were open: ${inWords(bleed)}`);
      expect(timeS - openS).toBeLessThan(OPENED_TOGETHER_S);
      for (const { bleed } of await bleeds(page)) expect(bleed.ducked).not.toEqual([true, true]);
      expect(said).toEqual([]);
    });

    // Where in its file a microphone begins does not depend on the voice: one of them is enough.
    if (index > 0) return;
    test('opened some seconds apart, it is found all the same', async ({ baseURL }) => {
      const { page, said } = await openListening(file, baseURL);
      await noteBleed(page);
      const [apartS, openS] = await page.evaluate(async () => {
        const { microphones, context, start } = window.duologue!;
        await start.call(window.duologue);
        const options = { echoCancellation: false, autoGainControl: false };
        await microphones.open(0, undefined, options);
        const firstS = context.currentTime;
        await new Promise((resolve) => setTimeout(resolve, 1300));
        await microphones.open(1, undefined, options);
        return [context.currentTime - firstS, context.currentTime] as const;
      });
      await expect.poll(async () => (await bleeds(page)).length, { timeout: 40_000 }).toBeGreaterThan(0);
      const [{ bleed, timeS }] = (await bleeds(page)) as [Told];
      console.log(
        `${apartS.toFixed(1)} s apart: told ${(timeS - openS).toFixed(1)} s after both were open: ${inWords(bleed)}`,
      );
      expect(timeS - openS).toBeLessThan(OPENED_APART_S);
      for (const { bleed } of await bleeds(page)) expect(bleed.ducked).not.toEqual([true, true]);
      expect(said).toEqual([]);
    });
  });

test('the pickers hold both microphones, with levels; one device may serve both, and one is lost with the permission', async ({
  baseURL,
}) => {
  const { page, context, said } = await openListening(FILES[0]!, baseURL);
  await page.locator('#use-microphones').click();
  await expect(page.locator('body')).toHaveAttribute('data-state', 'playing');
  for (const person of [0, 1]) {
    const picker = page.locator(`#device-${person}`);
    await expect(picker).toBeVisible();
    const options = await picker.locator('option').allTextContents();
    expect(options.slice(0, 3)).toEqual(['Nobody', 'Fake Audio Input 1', 'Fake Audio Input 2']);
    await expect(picker).not.toHaveValue('');
  }
  const values = await page.evaluate(() =>
    ['device-0', 'device-1'].map((id) => (document.getElementById(id) as HTMLSelectElement).value),
  );
  expect(values[0]).not.toBe(values[1]);
  for (const person of [0, 1])
    await expect
      .poll(() =>
        page.locator(`.voice[data-person="${person}"] meter`).evaluate((m: HTMLMeterElement) => m.value),
      )
      .toBeGreaterThan(0.3);
  await page.locator('#device-1').selectOption({ label: 'Fake Audio Input 1' });
  await page.locator('#device-0').selectOption({ label: 'Fake Audio Input 1' });
  await expect(page.locator('#bleed')).toContainText('Both microphones hear the same voice', {
    timeout: 30_000,
  });
  // The user blocks the microphone in the browser's own controls, which ends the tracks as pulling the plug does.
  await page.evaluate(() => {
    window.lost = [];
    const { microphones } = window.duologue!;
    microphones.on('lost', ({ person, device, error }) =>
      window.lost!.push(`${person} ${device.label} ${error.name} ${error.hint !== ''}`),
    );
  });
  await block(page, context);
  await expect
    .poll(() => page.evaluate(() => [...window.lost!].sort()))
    .toEqual([0, 1].map((person) => `${person} Fake Audio Input 1 EngineError true`));
  for (const person of [0, 1]) await expect(page.locator(`#device-${person}`)).toHaveValue('');
  const notice = page.locator('#notice');
  await expect(notice).toContainText('told not to give this page the microphone');
  await expect(notice).toContainText('Allow the microphone beside the address of the page');
  await notice.locator('button').click();
  await page.locator('#stop').click();
  await expect(page.locator('#bleed')).toBeHidden();
  expect(said).toEqual([]);
});
