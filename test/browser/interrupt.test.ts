import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { Heard } from '../../src/heard.ts';
import { Voices } from '../../src/voices.ts';
import type { Capture } from '../../src/workers/capture.ts';
import { PcmSource } from '../../src/workers/pcm.ts';

const RATE = 48_000;
const [OLD_HZ, NEW_HZ] = [500, 2000];
const WINDOW_S = 0.01;
const closing: (() => unknown)[] = [];
beforeEach(() => userEvent.click(document.body)); // a page may make sound only after a gesture
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  vi.restoreAllMocks();
});

const tone = (hz: number, seconds: number) =>
  Float32Array.from({ length: seconds * RATE }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / RATE));

/** Two voices that can be heard, and all that went to the loudspeaker. */
async function stage() {
  const context = new AudioContext({ sampleRate: RATE });
  closing.push(() => context.close());
  await context.resume();
  const recorder = `registerProcessor('recorder', class extends AudioWorkletProcessor {
    process([[block]]) {
      this.port.postMessage([currentFrame, block ? block.slice() : new Float32Array(128)]);
      return true;
    }
  });`;
  await context.audioWorklet.addModule(
    URL.createObjectURL(new Blob([recorder], { type: 'text/javascript' })),
  );
  const node = new AudioWorkletNode(context, 'recorder', {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: 'explicit',
  });
  const sound: { frame: number; block: Float32Array }[] = [];
  node.port.onmessage = ({ data: [frame, block] }) => sound.push({ frame, block });
  const connect = AudioNode.prototype.connect;
  vi.spyOn(AudioNode.prototype, 'connect').mockImplementation(function (
    this: AudioNode,
    ...given: unknown[]
  ) {
    if (given[0] instanceof AudioDestinationNode)
      (connect as (this: AudioNode, to: AudioNode) => void).call(this, node);
    return connect.apply(this, given as never) as never;
  });
  const heard = new Heard(context, { input: () => context.destination });
  const inputs = [new GainNode(context), new GainNode(context)];
  const capture = {
    input: (person: number) => inputs[person],
    setPlayDelay: () => undefined,
  } as unknown as Capture;
  const voices = new Voices(context, capture, heard, {
    error: (cause) => {
      throw cause;
    },
    permission: () => undefined,
  });
  closing.push(() => voices.dispose());
  /** Seconds from `fromS` on in which a tone of `hz` was heard. */
  const when = (hz: number, fromS: number) => {
    const found: number[] = [];
    const first = sound[0]!.frame;
    const startS = first / RATE;
    const all = new Float32Array(sound.at(-1)!.frame - first + 128);
    for (const { frame, block } of sound) all.set(block, frame - first);
    const length = WINDOW_S * RATE;
    for (let at = Math.max(0, Math.ceil((fromS - startS) * RATE)); at + length <= all.length; at += length) {
      let [re, im] = [0, 0];
      for (let i = 0; i < length; i++) {
        re += all[at + i]! * Math.cos((2 * Math.PI * hz * i) / RATE);
        im += all[at + i]! * Math.sin((2 * Math.PI * hz * i) / RATE);
      }
      if ((2 * Math.hypot(re, im)) / length > 0.05) found.push(startS + at / RATE);
    }
    return found;
  };
  return { context, heard, voices, when };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test.each(['pushed', 'a source of the page'])(
  'an interruption (%s): nothing more of the old is heard, and the new is heard whole',
  async (how) => {
    const { context, heard, voices, when } = await stage();
    const source = how === 'pushed' ? undefined : new PcmSource(context);
    if (source) voices.attach(1, source, true);
    const push = (samples: Float32Array) =>
      source ? source.push(samples, RATE) : voices.pushSamples(1, samples, RATE);
    const flush = () => source?.flush() ?? voices.flushSamples(1);
    push(tone(OLD_HZ, 20));
    await vi.waitFor(() => expect(when(OLD_HZ, 0).length).toBeGreaterThan(30), { timeout: 8000 });
    for (let round = 0; round < 3; round++) {
      const atS = context.currentTime;
      voices.interrupt(1);
      heard.hush(1);
      // The page is busy, so the audio thread hears of it late.
      for (const until = performance.now() + 60; performance.now() < until; );
      push(tone(NEW_HZ, 0.5));
      expect(await flush()).toBe(true);
      await wait(heard.delayS * 1000 + 300);
      const [old, fresh] = [when(OLD_HZ, atS), when(NEW_HZ, atS)];
      const stoppedMs = old.length > 0 ? (old.at(-1)! + WINDOW_S - atS) * 1000 : 0;
      console.log(
        `${how}: old sound for ${stoppedMs.toFixed(0)} ms more; ${(fresh.length * WINDOW_S).toFixed(2)} s of 0.5 s new sound, from ${((fresh[0]! - atS) * 1000).toFixed(0)} ms on`,
      );
      expect(stoppedMs).toBeLessThan(60);
      expect(fresh.length * WINDOW_S).toBeGreaterThanOrEqual(0.48);
      if (round < 2) {
        push(tone(OLD_HZ, 20));
        const count = when(OLD_HZ, atS).length;
        await vi.waitFor(() => expect(when(OLD_HZ, atS).length).toBeGreaterThan(count + 20), {
          timeout: 8000,
        });
      }
    }
  },
  60_000,
);

test('a stream that goes on is silent for no longer than the delay', async () => {
  const { context, heard, voices, when } = await stage();
  const speaker = new OscillatorNode(context, { frequency: OLD_HZ });
  speaker.start();
  voices.attach(0, speaker, true);
  await vi.waitFor(() => expect(when(OLD_HZ, 0).length).toBeGreaterThan(30), { timeout: 8000 });
  const atS = context.currentTime;
  voices.interrupt(0);
  heard.hush(0);
  await wait(heard.delayS * 1000 + 500);
  const again = when(OLD_HZ, atS + 0.06);
  const gapMs = (again[0]! - atS) * 1000;
  console.log(`silent for ${gapMs.toFixed(0)} ms, delay ${(heard.delayS * 1000).toFixed(0)} ms`);
  expect(gapMs).toBeGreaterThan(heard.delayS * 1000 - 20);
  expect(gapMs).toBeLessThan(heard.delayS * 1000 + 60);
  expect(again.length).toBeGreaterThan(20);
});
