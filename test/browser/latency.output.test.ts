import { afterEach, beforeEach, expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';
import { type Curve, lagOf } from '../../demo/latency/curves.ts';
import { Clock, Output } from '../../demo/latency/output.ts';

const RATE_HZ = 48_000;
const TALK_S = 4;
const LATE_MS = 120;

beforeEach(() => userEvent.click(document.body)); // a page may make sound only after a gesture
const closing: (() => unknown)[] = [];
const closeAll = async () => {
  for (const close of closing.splice(0)) await close();
};
afterEach(closeAll);

/** How loud the test voice is (dB) at a time (s): syllables of unequal lengths. */
const loudness = (s: number) => (Math.sin(9 * s) + Math.sin(5.3 * s + 1) > 0.4 ? -12 : -60);

/** By how much what is heard of a voice comes after the voice itself, when it is played `lateMs` late. */
async function lag(lateMs: number) {
  const output = new Output(lateMs);
  closing.push(() => output.close());
  const context = new AudioContext({ sampleRate: RATE_HZ });
  closing.push(() => context.close());
  await context.resume();
  const clock = new Clock(context);
  const timer = setInterval(() => clock.read(), 10);
  closing.push(() => clearInterval(timer));
  const buffer = new AudioBuffer({ length: TALK_S * RATE_HZ, sampleRate: RATE_HZ });
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < samples.length; i++)
    samples[i] = Math.sqrt(2) * 10 ** (loudness(i / RATE_HZ) / 20) * Math.sin(i / 7);
  const voice = new AudioBufferSourceNode(context, { buffer });
  const gain = new GainNode(context);
  voice.connect(gain).connect(context.destination);
  await expect.poll(() => context.currentTime, { timeout: 10_000 }).toBeGreaterThan(0.3);
  const beginS = context.currentTime + 0.2;
  voice.start(beginS);
  await expect.poll(() => context.currentTime, { timeout: 14_000 }).toBeGreaterThan(beginS + TALK_S + 0.5);
  const timesMs = Array.from({ length: TALK_S * 100 }, (_, i) => i * 10);
  const said: Curve = {
    timesMs: timesMs.map((ms) => clock.heardMs(beginS + ms / 1000)),
    values: timesMs.map((ms) => loudness(ms / 1000)),
  };
  const heard = output.heard(clock, beginS, beginS + TALK_S);
  expect(heard.timesMs.length).toBeGreaterThan(200);
  expect(Math.max(...heard.values)).toBeCloseTo(-12, 0);
  await closeAll();
  return { ...lagOf(said, heard), outputMs: said.timesMs[0]! - clock.enteredMs(beginS) };
}

test('what leaves the loudspeaker is heard when it does, and a voice that is played late is late by as much', async () => {
  const plain = await lag(0);
  const late = await lag(LATE_MS);
  console.log(
    `lag ${plain.lagMs.toFixed(1)} and ${late.lagMs.toFixed(1)} ms, output ${plain.outputMs.toFixed(1)} ms`,
  );
  expect(plain.r).toBeGreaterThan(0.8);
  expect(late.r).toBeGreaterThan(0.8);
  expect(Math.abs(plain.lagMs)).toBeLessThan(12);
  expect(Math.abs(late.lagMs - plain.lagMs - LATE_MS)).toBeLessThan(8);
  expect(plain.outputMs).toBeGreaterThan(0);
  expect(plain.outputMs).toBeLessThan(200);
}, 60_000);

test('pages play again as they did when nobody listens any more', () => {
  const { connect } = AudioNode.prototype;
  const output = new Output(0);
  expect(AudioNode.prototype.connect).not.toBe(connect);
  output.close();
  expect(AudioNode.prototype.connect).toBe(connect);
});
