import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { objections } from './curves.ts';
import { observe, openDemo, watchConsole } from './observe.ts';
import { padded, recordedVoice, samplesOf, writeWav } from './sound.ts';

// One person at a microphone; the other's voice is a track that the page generates, as an agent or a call gives it.
const MICROPHONE = path.join(tmpdir(), `duologue-track-microphone-${process.pid}.wav`);
const voice = await samplesOf(recordedVoice());
writeWav(MICROPHONE, padded(voice.samples.subarray(0, 6 * voice.rateHz), voice.rateHz, 2, 40), voice.rateHz);
const other = await samplesOf('public/sample/b.flac');
const spoken = other.samples.findIndex((v) => Math.abs(v) > 0.05);
const OTHER = path.join(tmpdir(), `duologue-track-${process.pid}.wav`);
writeWav(OTHER, other.samples.slice(Math.max(0, spoken - 1600), spoken + 4 * other.rateHz), other.rateHz);

test.use({
  permissions: ['microphone'],
  viewport: { width: 320, height: 180 },
  launchOptions: launchWith(
    '--autoplay-policy=no-user-gesture-required',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${MICROPHONE}%noloop`,
  ),
});

test('a microphone and a generated track: each jaw moves with its own voice, in time, and only with it', async ({
  page,
}) => {
  const said = watchConsole(page);
  await page.route('**/test/other.wav', (route) => route.fulfill({ path: OTHER }));
  await openDemo(page, '&backend=visemes');
  const observed = await observe(page, {
    voices: ['microphone', { track: '/test/other.wav' }],
    beginS: [0, 9.5],
    durationS: 17,
  });
  expect(objections(observed)).toEqual([]);
  expect(said).toEqual([]);
});
