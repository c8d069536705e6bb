import { expect, type Page, test } from '@playwright/test';
import { type SignalServer, signalServer } from '../../tools/signal.mjs';
import { bestLag, type Curve, decibels, quantile } from './curves.ts';
import { type Caller, callerWithMicrophone, seenOn, watch } from './pages.ts';
import { samplesOf } from './sound.ts';

// Two browsers, because all fake microphones of one play the same file. Both pages draw seldom and could only do the lips.
const a = await samplesOf('public/sample/a.flac');
const b = await samplesOf('public/sample/b.flac');
const spoken = ({ samples, rateHz }: typeof a, fromS: number, toS: number) =>
  samples.slice(Math.round(fromS * rateHz), Math.round(toS * rateHz));
/** Each says the same again and again, from when the microphone is opened; the second is opened in the first's silence. */
const CYCLE_S = 14;
const BETWEEN_S = 7;

let server: SignalServer;
const closing: (() => unknown)[] = [];
test.beforeEach(async () => {
  server = await signalServer({ port: 0, graceMs: 1000 });
});
test.afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await server.close();
});

const state = (page: Page) => page.evaluate(() => document.body.dataset.state);
const role = (page: Page) => page.evaluate(() => window.call?.role);

async function open(page: Page, baseURL: string) {
  await page.goto(
    `${baseURL}/demo/call/?debug&headphones&backend=visemes&room=bread&signal=ws://127.0.0.1:${server.port}`,
  );
  await expect(page.locator('#join')).toBeEnabled({ timeout: 90_000 });
}

async function join(page: Page) {
  await page.click('#join');
  await expect(page.locator('#talking')).toBeVisible();
}

async function twoBrowsers(baseURL: string) {
  const first = await callerWithMicrophone(spoken(a, 11.9, 16.1), a.rateHz, CYCLE_S, 250);
  closing.push(() => first.browser.close());
  const second = await callerWithMicrophone(spoken(b, 33.2, 37.5), b.rateHz, CYCLE_S, 250);
  closing.push(() => second.browser.close());
  for (const { page } of [first, second]) await open(page, baseURL);
  return { first, second };
}

async function connected(...callers: Caller[]) {
  for (const { page } of callers) await expect.poll(() => state(page), { timeout: 40_000 }).toBe('connected');
}

/** A jaw in the moments at which only its own voice sounds, or only the other one's. */
function jawWhile(sounds: Curve, isSilent: Curve, jaw: Curve): Curve {
  const heard = ({ times, values }: Curve) => times.filter((_, i) => values[i]! > 0.01);
  const [loud, other] = [heard(sounds), heard(isSilent)];
  const within = (times: readonly number[], from: number, to: number) =>
    times.some((t) => t >= from && t <= to);
  const kept = jaw.times.map((t) => within(loud, t - 0.2, t + 0.1) && !within(other, t - 1, t + 0.5));
  return { times: jaw.times.filter((_, i) => kept[i]), values: jaw.values.filter((_, i) => kept[i]) };
}

/** The part of a curve after a time. */
const after = ({ times, values }: Curve, fromS: number): Curve => ({
  times: times.filter((t) => t > fromS),
  values: values.filter((_, i) => times[i]! > fromS),
});

/** The last moment, on the page's audio clock, at which a person's voice sounded. */
const soundedS = (page: Page, person: 0 | 1) =>
  page.evaluate((person) => {
    const { times, values } = window.seen!.loudness[person]!;
    return times[values.findLastIndex((value) => value > 0.02)] ?? Number.NEGATIVE_INFINITY;
  }, person);
const nowS = (page: Page) => page.evaluate(() => window.duologue!.context.currentTime);

test('two microphones in two browsers: both pages show both, through the page’s own controls', async ({
  baseURL,
}, info) => {
  test.setTimeout(300_000);
  const { first, second } = await twoBrowsers(baseURL!);
  for (const { page } of [first, second]) await watch(page);
  await join(first.page);
  await expect.poll(() => state(first.page)).toBe('waiting');
  await expect(first.page.locator('#device option')).not.toHaveCount(0);
  await first.page.waitForTimeout(BETWEEN_S * 1000);
  await join(second.page);
  await connected(first, second);
  await expect.poll(() => role(second.page)).toBe('following');
  expect(await role(first.page)).toBe('generating');
  // Until the playing page has found the other's voice in what it hears, it shows the motion by the clocks alone.
  await expect
    .poll(() => second.page.evaluate(() => window.call!.stats().motion?.method), { timeout: 60_000 })
    .toBe('levels');
  const fromS = await Promise.all([nowS(first.page), nowS(second.page)]);
  await first.page.waitForTimeout(CYCLE_S * 1000 + 1000);
  for (const [i, { page }] of [first, second].entries())
    await page.screenshot({ path: info.outputPath(`page-${i}.png`) });
  for (const [i, { page }] of [first, second].entries()) {
    const seen = await seenOn(page);
    const [loudness, jaws] = [seen.loudness, seen.jaw].map((both) =>
      both.map((one) => after(one, fromS[i]!)),
    );
    const found = ([0, 1] as const).map((person) => {
      const [own, other] = [loudness![person]!, loudness![1 - person]!];
      return {
        ...bestLag(decibels(own), jaws![person]!),
        opens: quantile(jawWhile(own, other, jaws![person]!), 0.95) ?? Number.NaN,
        otherOpens: quantile(jawWhile(own, other, jaws![1 - person]!), 0.9) ?? Number.NaN,
      };
    });
    console.log(
      `page ${i}: ${found.map(({ lagMs, r, opens, otherOpens }) => `${lagMs.toFixed(0)} ms (r ${r.toFixed(2)}), opens to ${opens.toFixed(2)}, the other to ${otherOpens.toFixed(2)}`).join('; ')}`,
    );
    for (const [person, { lagMs, r, opens, otherOpens }] of found.entries()) {
      const who = `page ${i}, person ${person}`;
      expect(r, who).toBeGreaterThanOrEqual(0.5);
      // Who plays the other's motion sees its own come back a round trip later, further than a lag is looked for.
      if (i === 0 || person === 0) expect(Math.abs(lagMs), who).toBeLessThanOrEqual(100);
      // How far depends on how loud the browser's noise suppression and gain leave a voice.
      expect(opens, who).toBeGreaterThanOrEqual(0.03);
      expect(otherOpens, `${who} speaks, and the other's mouth is shut`).toBeLessThanOrEqual(opens / 2);
    }
  }
  expect((await first.page.evaluate(() => window.call!.stats().motion))!.refusedPackets).toBe(0);

  // Another microphone in mid-call: it is opened anew, so its speech begins again. First muted, then not.
  const labels = await first.page.locator('#device option').allTextContents();
  expect(labels.length).toBeGreaterThan(1);
  const picked = await first.page.locator('#device option:not(:checked)').first().getAttribute('value');
  await first.page.selectOption('#device', picked!);
  await first.page.click('#mute');
  await expect(first.page.locator('#mute')).toHaveAttribute('aria-pressed', 'true');
  expect(await first.page.evaluate(() => window.call!.muted)).toBe(true);
  const mutedS = await nowS(second.page);
  await first.page.waitForTimeout(6000);
  expect(await soundedS(second.page, 0), 'muted, nothing sounds').toBeLessThan(mutedS + 1);
  const unmutedS = await nowS(second.page);
  await first.page.click('#mute');
  await expect.poll(() => soundedS(second.page, 0), { timeout: 60_000 }).toBeGreaterThan(unmutedS);
  expect(await first.page.inputValue('#device')).toBe(picked);
  const level = () => first.page.evaluate(() => document.querySelector<HTMLMeterElement>('#level')!.value);
  await expect.poll(level, { timeout: 60_000, message: 'the meter shows speech' }).toBeGreaterThan(0);
  await connected(first, second);

  // The choice is kept: the page is loaded again in mid-call, and comes back with it.
  await first.page.reload();
  await expect.poll(() => state(second.page)).toBe('waiting');
  await expect(first.page.locator('#join')).toBeEnabled({ timeout: 90_000 });
  await join(first.page);
  await connected(first, second);
  expect(await first.page.inputValue('#device')).toBe(picked);
  for (const { said } of [first, second]) expect(said).toEqual([]);
});
