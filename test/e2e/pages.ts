import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test';
import { ARKIT_51 } from '../../src/engine/motion.ts';
import type { Call } from '../../src/index.ts';
import { launchWith } from './browser.ts';
import type { Observed } from './curves.ts';
import { watchConsole, watchLoudness } from './observe.ts';
import { padded, writeWav } from './sound.ts';

declare global {
  interface Window {
    call?: Call;
    seen?: {
      loudness: { times: number[]; values: number[] }[];
      frames: { time: number; jaw: [number, number]; atMs: number }[];
      roles: { role: string; atMs: number }[];
    };
    /** Every data channel that was made. */
    channels?: RTCDataChannel[];
    /** Packets of channels with this label go nowhere. */
    muteChannel?: string | undefined;
  }
}

let count = 0;

/** A page of somebody who speaks, and what its console said in warning or anger. */
export type Caller = { readonly page: Page; readonly said: string[] };

/**
 * Opens a page for somebody who speaks `samples` from `beginS` on, counted from when the page begins to listen; the page
 * asks for the sound at `/test/voice.wav`. It draws in software, so few pictures leave the processor time for the motion.
 */
export async function caller(
  context: BrowserContext,
  samples: Float32Array,
  rateHz: number,
  beginS: number,
  pictureEveryMs: number,
): Promise<Caller> {
  const file = voiceFile(samples, rateHz, beginS, beginS + samples.length / rateHz + 60);
  const opened = await drawingSeldom(context, pictureEveryMs);
  await opened.page.route('**/test/voice.wav', (route) => route.fulfill({ path: file }));
  return opened;
}

/** A caller in a browser of its own, whose microphones all hear `samples` every `cycleS` seconds from when one is opened. */
export async function callerWithMicrophone(
  samples: Float32Array,
  rateHz: number,
  cycleS: number,
  pictureEveryMs: number,
): Promise<Caller & { readonly browser: Browser }> {
  const browser = await chromium.launch({
    ...launchWith(
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${voiceFile(samples, rateHz, 0.5, cycleS)}`,
    ),
    headless: false,
  });
  return { browser, ...(await drawingSeldom(await browser.newContext(), pictureEveryMs)) };
}

function voiceFile(samples: Float32Array, rateHz: number, beginS: number, durationS: number): string {
  const file = path.join(tmpdir(), `duologue-voice-${process.pid}-${count++}.wav`);
  writeWav(file, padded(samples, rateHz, beginS, durationS), rateHz);
  return file;
}

async function drawingSeldom(context: BrowserContext, pictureEveryMs: number): Promise<Caller> {
  const page = await context.newPage();
  await page.setViewportSize({ width: 320, height: 180 });
  await page.addInitScript((everyMs) => {
    const frame = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => window.setTimeout(() => frame(callback), everyMs);
  }, pictureEveryMs);
  return { page, said: watchConsole(page) };
}

/**
 * Watches a page from outside, before its first voice: the loudness of whatever is attached for each person, where it
 * enters the graph, and the jaws of the frames that are shown, both on the page's audio clock.
 */
export async function watch(page: Page): Promise<void> {
  await watchLoudness(page);
  await page.evaluate((jaw) => {
    const duo = window.duologue!;
    const { inputs, loudness } = window.listened!;
    window.seen = { loudness, frames: [], roles: [] };
    duo.on('frame', ({ contextTimeS, face }) => {
      const half = face.length / 2;
      window.seen!.frames.push({
        time: contextTimeS,
        jaw: [face[jaw]!, face[half + jaw]!],
        atMs: performance.now(),
      });
    });
    const attach = duo.attach.bind(duo);
    duo.attach = (person, source, options) => {
      if (source instanceof AudioNode) source.connect(inputs[person]!);
      return attach(person, source, options);
    };
  }, ARKIT_51.indexOf('jawOpen'));
}

/** Lets a test silence data channels; must be asked for before the page is opened. */
export const interceptChannels = (page: Page) =>
  page.addInitScript(() => {
    window.channels = [];
    const make = RTCPeerConnection.prototype.createDataChannel;
    RTCPeerConnection.prototype.createDataChannel = function (...given) {
      const channel = make.apply(this, given);
      window.channels!.push(channel);
      return channel;
    };
    const send = RTCDataChannel.prototype.send as (this: RTCDataChannel, data: unknown) => void;
    RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
      if (window.muteChannel !== this.label) send.call(this, data);
    } as RTCDataChannel['send'];
  });

/** What was seen so far, from the first frame after the watching began. */
export async function seenOn(page: Page): Promise<Observed> {
  const { loudness, frames } = await page.evaluate(() => window.seen!);
  const times = frames.map(({ time }) => time);
  const jaw = (person: 0 | 1) => ({ times, values: frames.map((frame) => frame.jaw[person]) });
  return { loudness: [loudness[0]!, loudness[1]!], jaw: [jaw(0), jaw(1)] };
}
