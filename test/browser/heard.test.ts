import { afterEach, beforeEach, expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';
import { Heard } from '../../src/heard.ts';

const contexts: AudioContext[] = [];
beforeEach(() => userEvent.click(document.body)); // a page may make sound only after a gesture
afterEach(() => Promise.all(contexts.splice(0).map((context) => context.close())));

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What is heard in a running context, of two voices that come out at `ears`. */
async function hear() {
  const context = new AudioContext({ latencyHint: 'interactive' });
  contexts.push(context);
  await context.resume();
  const ears = new AnalyserNode(context, { fftSize: 2048 });
  const heard = new Heard(context, { input: () => ears });
  await expect.poll(() => context.currentTime, { timeout: 10_000 }).toBeGreaterThan(0.2);
  /** Frames of motion come for so many seconds of the page, so late. */
  const frames = (latencyMs: number, seconds: number) => {
    for (let second = 0; second < seconds; second++)
      heard.came(context.currentTime - latencyMs / 1000, performance.now() + 1000 * second);
  };
  return { context, ears, heard, frames };
}

test('before anything is heard, the delay goes at once where the motion needs it', async () => {
  const { heard, frames, context } = await hear();
  expect(heard.delayS).toBeCloseTo(0.2, 3);
  frames(400, 2);
  heard.follow(20);
  await wait(300);
  // A frame's time and a little slack on top, and what the output takes is not waited for twice.
  const outputS = context.currentTime - heard.delayS - heard.wentInS(performance.now());
  console.log(`delay ${(1000 * heard.delayS).toFixed(0)} ms, output ${(1000 * outputS).toFixed(0)} ms`);
  expect(heard.delayS).toBeGreaterThan(0.4 + 0.041 + 0.02 - 0.12);
  expect(heard.delayS).toBeLessThan(0.4 + 0.041 + 0.02 + 0.12);
  expect(heard.delayS).not.toBeCloseTo(0.2, 2);
});

test('while something is heard, the delay changes by a hundredth of the time', async () => {
  const { context, ears, heard, frames } = await hear();
  const tone = new OscillatorNode(context);
  tone.connect(heard.input(0));
  tone.start();
  await wait(600);
  const loud = new Float32Array(ears.fftSize);
  ears.getFloatTimeDomainData(loud);
  expect(Math.max(...loud)).toBeGreaterThan(0.5);
  heard.follow(0); // hears that there is a voice
  frames(500, 2);
  heard.follow(0);
  const begin = { delayS: heard.delayS, timeS: context.currentTime };
  let slewest = 0;
  for (let i = 0; i < 20; i++) {
    await wait(60);
    const elapsedS = context.currentTime - begin.timeS;
    // The reading is of the last burst of sound.
    slewest = Math.max(slewest, (heard.delayS - begin.delayS) / (elapsedS + 0.05));
  }
  const moved = heard.delayS - begin.delayS;
  const elapsedS = context.currentTime - begin.timeS;
  console.log(`the delay moved ${(1000 * moved).toFixed(1)} ms in ${elapsedS.toFixed(2)} s`);
  expect(moved).toBeGreaterThan(0.004 * elapsedS);
  expect(slewest).toBeLessThan(0.0101);
});

test('in silence it goes faster, but never at a stroke once something was heard', async () => {
  const { context, heard, frames } = await hear();
  const tone = new OscillatorNode(context);
  tone.connect(heard.input(1));
  tone.start();
  await wait(400);
  heard.follow(0);
  tone.stop();
  await wait(1200);
  frames(600, 2);
  heard.follow(0);
  const begin = heard.delayS;
  await wait(1500);
  const moved = heard.delayS - begin;
  console.log(`the delay moved ${(1000 * moved).toFixed(1)} ms in silence`);
  expect(moved).toBeGreaterThan(0.03);
  expect(moved).toBeLessThan(0.06);
});
