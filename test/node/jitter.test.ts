import { expect, test } from 'vitest';
import { JitterBuffer, type JitterOptions } from '../../src/engine/audio/jitter.ts';
import { chunks, dice, noise, sine } from '../sound.ts';

const RATE = 48_000;
const QUANTUM = 128;
const CHUNK_S = 1024 / RATE; // a whole number of quanta
const QUEUE: JitterOptions = { mode: 'queue', targetS: 0.04 };
const LIVE: JitterOptions = { mode: 'live', targetS: 0.08 };

/** The next `seconds` of a buffer, in quanta. */
function render(buffer: JitterBuffer, seconds: number): Float32Array {
  const out = new Float32Array(Math.round((seconds * RATE) / QUANTUM) * QUANTUM);
  for (let at = 0; at < out.length; at += QUANTUM) buffer.render(out.subarray(at, at + QUANTUM));
  return out;
}

const begins = (x: Float32Array) => x.findIndex((v) => v !== 0);
const biggestStep = (x: Float32Array) =>
  x.reduce((most, v, i) => Math.max(most, i === 0 ? 0 : Math.abs(v - x[i - 1])), 0);

test.each([8000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000])(
  'a tone at %i Hz, in chunks of any size, is heard whole, at its own pitch and level, without a click',
  (rateHz) => {
    const buffer = new JitterBuffer(RATE, QUEUE);
    const tone = sine(1000, rateHz, rateHz);
    for (const [start, end] of chunks(1, tone.length, 3000)) buffer.push(tone.slice(start, end), rateHz);
    buffer.end();
    const out = render(buffer, 1.1);
    expect(buffer.finished).toBe(true);
    const wanted = sine(1000, RATE, RATE);
    // the filter rings for a moment at both ends, where the tone is cut
    let worst = 0;
    for (let i = 500; i < RATE - 500; i++) worst = Math.max(worst, Math.abs(out[i] - wanted[i]));
    expect(worst).toBeLessThan(2e-3);
    expect(buffer.stats).toMatchObject({ underruns: 0, silenceS: 0, bufferedS: 0, skippedS: 0, trimPpm: 0 });
    expect(buffer.stats.playedS).toBeCloseTo(1, 9);
  },
);

test('what a lower rate cannot hold is filtered away', () => {
  const buffer = new JitterBuffer(RATE, QUEUE);
  buffer.push(sine(30_000, 192_000, 96_000), 192_000);
  buffer.end();
  const loudest = render(buffer, 0.4)
    .subarray(2000)
    .reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  expect(20 * Math.log10(loudest)).toBeLessThan(-60);
});

test('two seconds at once, then a gap, then slower than real time: heard in order, silence counted', () => {
  const buffer = new JitterBuffer(RATE, QUEUE);
  const said = sine(440, 24_000, 72_000);
  buffer.push(said.slice(0, 48_000), 24_000);
  expect(buffer.bufferedS).toBeCloseTo(2, 9);
  const first = render(buffer, 2.5);
  expect(buffer.stats.underruns).toBe(1);
  expect(buffer.stats.playedS).toBeCloseTo(2, 9);
  expect(begins(first)).toBeLessThan(2);
  expect(biggestStep(first)).toBeLessThan(0.1); // a tone of 440 Hz at 48 kHz moves by 0.058 a sample
  const before = buffer.stats;
  for (let at = 48_000; at < 72_000; at += 1200) {
    buffer.push(said.slice(at, at + 1200), 24_000);
    expect(biggestStep(render(buffer, 0.1))).toBeLessThan(0.1);
  }
  const after = buffer.stats;
  expect(after.playedS).toBeCloseTo(3, 9);
  expect(after.underruns - before.underruns).toBe(20);
  // Each 50 ms came 100 ms apart; one that reaches the target starts at once.
  expect(after.silenceS - before.silenceS).toBeLessThan(1);
});

test('a word shorter than the target is not kept waiting for ever, and the end of speech is no underrun', () => {
  const buffer = new JitterBuffer(RATE, QUEUE);
  buffer.push(sine(440, RATE, 480), RATE);
  expect(begins(render(buffer, 0.03))).toBe(-1);
  expect(begins(render(buffer, 0.03))).toBeGreaterThan(0);
  const flushed = new JitterBuffer(RATE, QUEUE);
  flushed.push(sine(440, RATE, 480), RATE);
  flushed.end();
  expect(begins(render(flushed, 0.03))).toBeLessThan(2);
  expect(flushed.stats).toMatchObject({ underruns: 0, silenceS: 0 });
  expect(flushed.finished).toBe(true);
});

test('an interruption is silent within 5 ms, without a click, and what is said next is heard whole', () => {
  const buffer = new JitterBuffer(RATE, QUEUE);
  buffer.push(sine(440, RATE, 10 * RATE), RATE);
  const before = render(buffer, 1);
  buffer.interrupt();
  expect(buffer.bufferedS).toBe(0);
  const after = render(buffer, 0.1);
  const joined = Float32Array.from([...before.subarray(-QUANTUM), ...after]);
  expect(biggestStep(joined)).toBeLessThan(0.07);
  expect(after.subarray(0.005 * RATE).every((x) => x === 0)).toBe(true);
  expect(after.subarray(0, 0.004 * RATE).some((x) => Math.abs(x) > 0.2)).toBe(true);
  expect(buffer.stats.interruptedS).toBeCloseTo(9 - 0.005, 4);
  buffer.push(sine(440, RATE, RATE), RATE);
  buffer.end();
  const next = begins(render(buffer, 1.1));
  expect([0, 1]).toContain(next);
  expect(buffer.stats.underruns).toBe(0);
  buffer.interrupt(); // nothing there
  expect(render(buffer, 0.1).every((x) => x === 0)).toBe(true);
});

test('NaN, infinity and what is too loud do no harm and are counted', () => {
  const buffer = new JitterBuffer(RATE, QUEUE);
  const broken = new Float32Array(noise(3, RATE)).map((x) => 3 * x);
  for (let i = 0; i < RATE; i += 1000) broken[i] = [Number.NaN, Infinity, -Infinity][(i / 1000) % 3];
  buffer.push(broken, RATE);
  buffer.end();
  const out = render(buffer, 1.1);
  expect(out.every(Number.isFinite)).toBe(true);
  expect(out.every((x) => Math.abs(x) < 2)).toBe(true); // between clipped samples the filter rings
  expect(buffer.stats.nonFinite).toBe(48);
  expect(buffer.stats.clipped).toBeGreaterThan(RATE / 2);
});

/** Minutes of a producer whose clock is off by `ppm`, with chunks of 20 ms that come up to `jitterS` late. */
function call(ppm: number, jitterS: number, minutes: number) {
  const rateHz = 16_000; // in and out, for the test's speed
  const buffer = new JitterBuffer(rateHz, LIVE);
  const roll = dice(5);
  const chunk = sine(500, rateHz, 320);
  const quantum = new Float32Array(QUANTUM);
  const fills: number[] = [];
  const trims: number[] = [];
  let sent = 0;
  let arrivesS = 0;
  for (let frame = 0; frame < minutes * 60 * rateHz; frame += QUANTUM) {
    while (arrivesS <= frame / rateHz) {
      buffer.push(chunk, rateHz);
      sent++;
      arrivesS = (sent * 0.02) / (1 + ppm / 1e6) + (roll(1000) / 1000) * jitterS;
    }
    buffer.render(quantum);
    trims.push(buffer.stats.trimPpm);
    if (frame / rateHz > 120) fills.push(buffer.bufferedS);
  }
  const mean = (x: number[]) => x.reduce((a, b) => a + b) / x.length;
  const most = trims.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  return { stats: buffer.stats, fill: mean(fills), trim: mean(trims.slice(trims.length / 2)), most };
}

test.each([-500, -100, 0, 200, 500])(
  'live: a clock that is off by %i ppm keeps its fill, and nobody hears it',
  (ppm) => {
    const { stats, fill, trim, most } = call(ppm, 0.03, 6);
    expect(stats.underruns).toBeLessThanOrEqual(ppm < 0 ? 1 : 0);
    expect(stats.skippedS).toBe(0);
    expect(Math.abs(trim - ppm)).toBeLessThan(60);
    expect(most).toBeLessThanOrEqual(1000);
    expect(Math.abs(fill - 0.08)).toBeLessThan(0.03);
  },
  60_000,
);

test('queue: the same clock would run ever further behind', () => {
  const buffer = new JitterBuffer(RATE, QUEUE);
  for (let i = 0; i < 60 * 50; i++) {
    buffer.push(new Float32Array(516), 24_000); // 0.8 % more than is heard
    render(buffer, CHUNK_S);
  }
  expect(buffer.bufferedS).toBeGreaterThan(0.1);
});

test('live: after a stall and a burst the voice is soon near again, by leaving sound out, without a click', () => {
  const buffer = new JitterBuffer(RATE, LIVE);
  const tone = sine(440, RATE, RATE * 20);
  let at = 0;
  const send = (seconds: number) => {
    buffer.push(tone.slice(at, at + seconds * RATE), RATE);
    at += seconds * RATE;
  };
  const heard: Float32Array[] = [];
  for (let i = 0; i < 100; i++) {
    send(CHUNK_S);
    heard.push(render(buffer, CHUNK_S));
  }
  heard.push(render(buffer, 2));
  send(2);
  for (let i = 0; i < 100; i++) {
    send(CHUNK_S);
    heard.push(render(buffer, CHUNK_S));
  }
  const { underruns, skippedS, bufferedS } = buffer.stats;
  expect(underruns).toBe(1);
  expect(skippedS).toBeGreaterThan(1.5);
  expect(bufferedS).toBeLessThan(0.2);
  expect(biggestStep(Float32Array.from(heard.flatMap((x) => [...x])))).toBeLessThan(0.12);
});
