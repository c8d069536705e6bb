import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { between, objections } from './curves.ts';
import { observe, openDemo, type Scene, unlisted, watchConsole } from './observe.ts';
import { padded, recordedVoice, samplesOf, writeWav } from './sound.ts';

// The fake microphone: 2 s of silence, a voice, silence. The file that person 1 plays speaks after it.
const MICROPHONE = path.join(tmpdir(), `duologue-microphone-${process.pid}.wav`);
const voice = await samplesOf(recordedVoice());
const words = voice.samples.subarray(0, Math.round(6 * voice.rateHz));
writeWav(MICROPHONE, padded(words, voice.rateHz, 2, 30), voice.rateHz);
const OTHER = await samplesOf('public/sample/b.flac');
const spoken = OTHER.samples.findIndex((v) => Math.abs(v) > 0.05);
const OTHER_FILE = path.join(tmpdir(), `duologue-other-${process.pid}.wav`);
writeWav(
  OTHER_FILE,
  OTHER.samples.slice(Math.max(0, spoken - 1600), spoken + 4 * OTHER.rateHz),
  OTHER.rateHz,
);

test.use({
  permissions: ['microphone'],
  launchOptions: launchWith(
    '--autoplay-policy=no-user-gesture-required',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${MICROPHONE}%noloop`,
  ),
});

const serveFiles = (page: Page) =>
  Promise.all([
    page.route('**/test/other.wav', (route) => route.fulfill({ path: OTHER_FILE })),
    page.route('**/test/mama.wav', (route) => route.fulfill({ path: 'test/fixtures/mama.wav' })),
  ]);

const scene: Scene = { voices: ['microphone', '/test/other.wav'], beginS: [0, 9.5], durationS: 17 };
/** For what must be objected to: both at once, and no silence after it. */
const shortScene: Scene = { ...scene, beginS: [0, 3.5], durationS: 10 };

/** Answers the encoder's weights with the last layernorm zeroed: every token is then zero, whatever is heard. */
async function deafen(page: Page) {
  await unlisted(page);
  await page.route('**/speech-encoder.safetensors', async (route) => {
    const body = await (await route.fetch()).body();
    const headerBytes = Number(body.readBigUInt64LE(0));
    const header = JSON.parse(body.subarray(8, 8 + headerBytes).toString());
    for (const name of ['norm.weight', 'norm.bias']) {
      const [from, to] = header[name].data_offsets;
      body.fill(0, 8 + headerBytes + from, 8 + headerBytes + to);
    }
    await route.fulfill({ body, contentType: 'application/octet-stream' });
  });
}

test('a microphone and a file: each jaw moves with its own voice, in time, and only with it', async ({
  page,
}, info) => {
  const said = watchConsole(page);
  await serveFiles(page);
  await openDemo(page);
  const observed = await observe(page, scene, async () => {
    await page.addStyleTag({ content: 'main > :not(#stage) { display: none !important }' });
    await page.waitForTimeout(4500); // mid-sentence
    await page.screenshot({ path: info.outputPath('mid-word.png') });
  });
  expect(objections(observed)).toEqual([]);
  expect(said).toEqual([]);
  await page.evaluate(() => window.duologue!.dispose());
});

test('the test above objects to a deaf encoder', async ({ page }) => {
  await serveFiles(page);
  await deafen(page);
  await openDemo(page);
  const found = objections(await observe(page, shortScene)).join('\n');
  expect(found).toMatch(/person 0: jaw/);
  expect(found).toMatch(/person 1: jaw/);
});

test('the test above objects to sound that is 300 ms late', async ({ page }) => {
  await serveFiles(page);
  await openDemo(page);
  const found = objections(await observe(page, { ...shortScene, shiftS: 0.3 })).join('\n');
  expect(found).toMatch(/person 0: jaw lags the sound/);
  expect(found).toMatch(/person 1: jaw lags the sound/);
});

test('/m/ and /a/ of equal loudness differ in jawOpen by at least 0.15', async ({ page }) => {
  const phones = JSON.parse(readFileSync('test/fixtures/mama.json', 'utf8')) as {
    phone: string;
    from: number;
    to: number;
  }[];
  await serveFiles(page);
  await openDemo(page);
  const { jaw, loudness } = await observe(page, {
    voices: ['/test/mama.wav', '/test/mama.wav'],
    beginS: [0.5, 0.5],
    durationS: 6,
  });
  const { times, values } = loudness[0];
  const heard = times[values.findIndex((rms) => rms > 0.01)];
  const offset = heard - phones.find(({ phone }) => phone !== 'pau')!.from;
  const middles = (phone: string) =>
    phones
      .filter((p) => p.phone === phone)
      .map(({ from, to }) => (from + to) / 2 + offset)
      .map((t) => between(jaw[0], t - 0.034, t + 0.034).values)
      // A slow machine leaves out frames.
      .filter((around) => around.length > 0)
      .map((around) => around.reduce((a, b) => a + b, 0) / around.length);
  const average = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
  const [m, a] = (['m', 'aa'] as const).map((phone) => {
    const seen = middles(phone);
    expect(seen.length, `/${phone}/ seen`).toBeGreaterThanOrEqual(2);
    return average(seen);
  }) as [number, number];
  console.log(`jawOpen: /a/ ${a.toFixed(3)}, /m/ ${m.toFixed(3)}`);
  expect(a - m).toBeGreaterThanOrEqual(0.15);
});
