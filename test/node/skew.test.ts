import { expect, test } from 'vitest';
import { AudioClock, type ContextTime } from '../../src/engine/audio/clock.ts';
import { Presentation } from '../../src/engine/stage/presentation.ts';
import { Skew } from '../../src/skew.ts';

const PICTURE_MS = 1000 / 60;
const BURST_S = 0.0116;
const OUTPUT_S = 0.042;

/** A context that renders in bursts and says what the loudspeaker gives, at a moment that the test sets. */
class FakeContext implements ContextTime {
  nowMs = 0;
  readonly #tells: boolean;
  readonly outputLatency = OUTPUT_S;

  constructor(tells = true) {
    this.#tells = tells;
  }

  get currentTime() {
    return Math.floor(this.nowMs / 1000 / BURST_S) * BURST_S;
  }

  getOutputTimestamp() {
    if (!this.#tells) return { contextTime: 0, performanceTime: 0 };
    // Read by the device a little while ago.
    return { contextTime: this.nowMs / 1000 - 0.004 - OUTPUT_S, performanceTime: this.nowMs - 4 };
  }
}

/** Shows pictures for a talk and measures them as `Talk` does: the picture takes `tookMs(i)`, the voice is `delayS(ms)` late. */
function show(pictures: number, tookMs: (i: number) => number, delayS: (atMs: number) => number = () => 0.2) {
  const context = new FakeContext();
  const clock = new AudioClock(context);
  const presentation = new Presentation();
  const skew = new Skew();
  const wentInS = (atMs: number) => clock.heardS(atMs, context.nowMs) - delayS(context.nowMs);
  context.nowMs = 1000;
  for (let i = 0; i < pictures; i++) {
    const pictureS = wentInS(presentation.begin(context.nowMs));
    context.nowMs += tookMs(i);
    const shownMs = presentation.end(context.nowMs);
    skew.add((wentInS(shownMs) - pictureS) * 1000, shownMs);
  }
  const [early, middle, late] = skew.percentiles([0.025, 0.5, 0.975], context.nowMs);
  return { early: early!, middle: middle!, late: late! };
}

test('pictures at a steady pace are a little early, at any pace that is worth waiting for', () => {
  for (const ms of [1000 / 120, PICTURE_MS, 50, 90]) {
    const { early, middle, late } = show(600, () => ms);
    console.log(
      `${ms.toFixed(1)} ms a picture: ${early.toFixed(1)}, ${middle.toFixed(1)}, ${late.toFixed(1)} ms`,
    );
    expect(middle).toBeCloseTo(-8, 1);
    expect(late).toBeLessThan(15);
    expect(early).toBeGreaterThan(-45);
  }
});

test('pictures that are 100 ms later than was to be expected are 100 ms late', () => {
  const steady = show(600, () => PICTURE_MS);
  const slow = show(600, (i) => (i % 10 === 9 ? PICTURE_MS + 100 : PICTURE_MS));
  expect(slow.middle).toBeCloseTo(steady.middle, 1);
  expect(slow.late - steady.late).toBeCloseTo(100, 1);
  // What is shown later than anyone would wait for stays late.
  expect(show(600, () => 200).middle).toBeCloseTo(100 - 8, 1);
});

test('a voice that is delayed less than when the picture was drawn makes it late', () => {
  // 20 ms less every picture: what the picture was drawn for has been heard by as much before.
  const moved = show(
    600,
    () => PICTURE_MS,
    (atMs) => 20 - 0.02 * Math.round((atMs - 1000) / PICTURE_MS),
  );
  expect(moved.middle).toBeCloseTo(20 - 8, 1);
});

test('percentiles are of the last ten seconds, and leave out what is no number', () => {
  const skew = new Skew();
  expect(skew.percentiles([0.5], 0)).toEqual([Number.NaN]);
  for (let i = 0; i <= 100; i++) skew.add(i, 1000);
  skew.add(Number.POSITIVE_INFINITY, 1000);
  expect(skew.percentiles([0, 0.025, 0.5, 0.975, 1], 2000)).toEqual([0, 3, 50, 98, 100]);
  for (let i = 0; i < 10; i++) skew.add(-7, 8000);
  expect(skew.percentiles([0.5, 1], 11_001)).toEqual([-7, -7]);
  for (let i = 0; i < 3000; i++) skew.add(5, 12_000);
  expect(skew.percentiles([0, 1], 12_000)).toEqual([5, 5]);
  skew.clear();
  expect(skew.percentiles([0.5], 12_000)).toEqual([Number.NaN]);
});

test('the clock of what is rendered goes on between two bursts, and never runs ahead for long', () => {
  const context = new FakeContext();
  const clock = new AudioClock(context);
  const errors: number[] = [];
  for (context.nowMs = 1; context.nowMs < 3000; context.nowMs += 1.7) {
    const atS = clock.renderedS(context.nowMs);
    expect(atS).toBeGreaterThanOrEqual(context.currentTime);
    if (context.nowMs > 200) errors.push(atS * 1000 - context.nowMs);
  }
  // Bursts are read up to 1.7 ms after they came.
  expect(Math.max(...errors)).toBeLessThanOrEqual(0.01);
  expect(Math.min(...errors)).toBeGreaterThan(-2.5);
  const stood = context.currentTime;
  const still: ContextTime = { currentTime: stood };
  const stopped = new AudioClock(still);
  stopped.renderedS(0);
  expect(stopped.renderedS(10_000)).toBeLessThanOrEqual(stood + 0.1);
});

test('what is heard is what the device says, and where it says nothing, what the latency says', () => {
  const context = new FakeContext();
  const clock = new AudioClock(context);
  context.nowMs = 5000;
  expect(clock.heardS(5016, 5000)).toBeCloseTo(5.016 - OUTPUT_S, 6);
  expect(clock.outputS(5000)).toBeGreaterThan(OUTPUT_S - BURST_S);
  const silent = new FakeContext(false);
  silent.nowMs = 5000;
  expect(new AudioClock(silent).heardS(5016, 5000)).toBeCloseTo(silent.currentTime + 0.016 - OUTPUT_S, 6);
  // A context that stands still keeps its last answer: time does not go on for it.
  const suspended: ContextTime = {
    currentTime: 2,
    outputLatency: OUTPUT_S,
    getOutputTimestamp: () => ({ contextTime: 1.96, performanceTime: 2000 }),
  };
  expect(new AudioClock(suspended).heardS(9000, 9000)).toBeCloseTo(2 - OUTPUT_S, 6);
});
