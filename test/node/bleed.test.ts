import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import type { BleedReport } from '../../src/engine/audio/bleed.report.ts';
import { BleedDetector } from '../../src/engine/audio/bleed.ts';
import { BleedGate } from '../../src/engine/audio/gate.ts';
import { samplesOf } from '../e2e/sound.ts';
import { dice, noise } from '../sound.ts';

vi.setConfig({ testTimeout: 60_000 });

const RATE = 48_000;
const HOP = 256;
const CALLS = path.resolve(process.env.DUOLOGUE_SHARED ?? '../shared', 'data/calls');

/** A recording at another rate; straight lines between samples will do for a voice that leaks. */
async function voice(file: string, rateHz = RATE, seconds = Infinity) {
  const { samples, rateHz: from } = await samplesOf(file);
  const length = Math.floor(Math.min(samples.length / from, seconds) * rateHz);
  return Float32Array.from({ length }, (_, i) => {
    const at = (i * from) / rateHz;
    const whole = Math.floor(at);
    return samples[whole] + (at - whole) * ((samples[whole + 1] ?? 0) - samples[whole]);
  });
}

const [A, B] = await Promise.all([
  voice('public/sample/a.flac', RATE, 28),
  voice('public/sample/b.flac', RATE, 28),
]);
const SPEECH_BEGINS_S = A.findIndex((x) => Math.abs(x) > 0.02) / RATE;

/** `source` as another microphone hears it: weaker, later, and with echoes of as much energy as `echoDb` says. */
function leaked(source: Float32Array, gainDb: number, delayMs: number, echoDb = -Infinity) {
  const out = new Float32Array(source.length);
  const gain = 10 ** (gainDb / 20);
  const add = (delay: number, weight: number) => {
    for (let i = delay; i < out.length; i++) out[i] += weight * source[i - delay];
  };
  const delay = Math.round((delayMs * RATE) / 1000);
  add(delay, gain);
  if (echoDb === -Infinity) return out;
  const roll = dice(9);
  const echoes = Array.from({ length: 40 }, (_, k) => [
    k * 336 + roll(336) + 100,
    0.84 ** k * (roll(2) - 0.5),
  ]);
  const energy = Math.sqrt(echoes.reduce((sum, [, w]) => sum + w * w, 0));
  for (const [at, w] of echoes) add(delay + at, (gain * 10 ** (echoDb / 20) * w) / energy);
  return out;
}

const sum = (...parts: Float32Array[]) =>
  parts[0].map((_, i) => parts.reduce((x, part) => x + (part[i] ?? 0), 0));
const hiss = (seed: number, length: number, db: number) =>
  new Float32Array(noise(seed, length)).map((x) => x * Math.sqrt(3) * 10 ** (db / 20));
const rotated = (x: Float32Array, seconds: number) => x.map((_, i) => x[(i + seconds * RATE) % x.length]);

/** What is found in two voices, when it first is, and the highest score after the first second. */
function listen(a: Float32Array, b: Float32Array, rateHz = RATE, hop = HOP, playDelayS = 0) {
  const detector = new BleedDetector(rateHz, hop);
  detector.setDelay(0, playDelayS);
  const block = new Float32Array(2 * hop);
  const kinds = new Set<BleedReport['kind']>();
  let foundS = Number.NaN;
  for (let i = 0; i + hop <= Math.min(a.length, b.length); i += hop) {
    block.set(a.subarray(i, i + hop));
    block.set(b.subarray(i, i + hop), hop);
    if (!detector.push(block, 0, hop, hop)) continue;
    const { kind } = detector.report;
    kinds.add(kind);
    if (kind !== 'none' && Number.isNaN(foundS)) foundS = i / rateHz;
  }
  return { report: detector.report, foundS, kinds: [...kinds] };
}

test('one sound in both microphones is found within two seconds of speech', () => {
  const { report, foundS } = listen(A, A.slice());
  expect(report.kind).toBe('same');
  expect(foundS - SPEECH_BEGINS_S).toBeLessThan(2);
  // two fake microphones on one file, one of which started later
  const late = listen(A, leaked(A, -1, 60));
  expect(late.report.kind).toBe('same');
  expect(late.foundS - SPEECH_BEGINS_S).toBeLessThan(2);
});

test('two independent talks are never taken for bleed: in turns, both at once, and with equal noise', () => {
  for (const shift of [0, 7, 11]) expect(listen(A, rotated(B, shift)).kinds).toEqual(['none']);
  for (const shift of [13]) expect(listen(A, rotated(A, shift)).kinds).toEqual(['none']);
  const length = 20 * RATE;
  expect(listen(hiss(1, length, -30), hiss(2, length, -30)).kinds).toEqual(['none']);
});

test.skipIf(!existsSync(CALLS))('a real call of two people holds no bleed in a minute', async () => {
  const of = (who: string) => voice(path.join(CALLS, `auto_repairs_40_${who}.flac`), RATE, 60);
  const [agent, caller] = await Promise.all([of('agent'), of('caller')]);
  expect(listen(agent, caller).kinds).toEqual(['none']);
  expect(listen(agent, rotated(caller, 9)).kinds).toEqual(['none']);
});

test('a leak of −20 dB, 10 ms late, in room noise, is found, with its way, its delay and its level', () => {
  for (const noiseDb of [-70, -60, -50]) {
    const { report, foundS } = listen(A, sum(B, leaked(A, -20, 10), hiss(3, A.length, noiseDb)));
    expect(report).toMatchObject({ kind: 'one-way', source: 0 });
    expect(foundS - SPEECH_BEGINS_S).toBeLessThan(2);
    expect(report.paths[0].lagMs).toBeCloseTo(10, 0);
    expect(Math.abs(report.paths[0].gainDb + 20)).toBeLessThan(1.5);
    expect(report.paths[1].heard).toBe(false);
  }
  const other = listen(sum(A, leaked(B, -15, 7), hiss(4, A.length, -60)), B).report;
  expect(other).toMatchObject({ kind: 'one-way', source: 1 });
  expect(other.paths[1].lagMs).toBeCloseTo(7, 0);
});

test('with echoes, at other rates, against a slower device, and both ways', async () => {
  expect(listen(A, sum(B, leaked(A, -20, 10, 0), hiss(3, A.length, -60))).report.source).toBe(0);
  expect(listen(sum(A, leaked(B, -12, 4)), sum(B, leaked(A, -12, 4))).report.kind).toBe('both-ways');
  // The microphone of person 0 is on a device that is 50 ms slow: the leak comes before the voice itself.
  const slow = listen(leaked(A, 0, 50), sum(B, leaked(A, -20, 10))).report;
  expect(slow).toMatchObject({ kind: 'one-way', source: 0 });
  expect(slow.paths[0].lagMs).toBeCloseTo(-40, 0);
  for (const rateHz of [8000, 16_000, 44_100, 96_000]) {
    const [a, b] = [
      await voice('public/sample/a.flac', rateHz, 20),
      await voice('public/sample/b.flac', rateHz, 20),
    ];
    const late = Math.round(rateHz / 100);
    const { report } = listen(
      a,
      b.map((x, i) => x + 0.1 * (a[i - late] ?? 0)),
      rateHz,
      128,
    );
    expect(report, `${rateHz} Hz`).toMatchObject({ kind: 'one-way', source: 0 });
    expect(report.paths[0].lagMs).toBeCloseTo(10, 0);
  }
});

test('a voice that is played later is found sooner in the other microphone where it is expected, and only there', () => {
  const heard = sum(B, leaked(A, -20, 270), hiss(6, A.length, -60));
  const { foundS } = listen(A, heard); // beyond the lags that a room explains, it must be searched for
  const { report, foundS: toldS } = listen(A, heard, RATE, HOP, 0.2);
  expect(report).toMatchObject({ kind: 'one-way', source: 0 });
  expect(report.paths[0].lagMs).toBeCloseTo(270, 0);
  expect(toldS).toBeLessThan(foundS);
  expect(listen(A, B, RATE, HOP, 0.2).kinds).toEqual(['none']);
});

/** Seconds of a recording from its first word on, over and over, as a fake microphone plays a file. */
const looped = (voice: Float32Array, fromS: number, loopS: number, durationS: number) =>
  Float32Array.from(
    { length: durationS * RATE },
    (_, i) => voice[Math.round((fromS + ((i / RATE) % loopS)) * RATE)],
  );

test('one recording played into both microphones is found, however far apart within some seconds', () => {
  for (const [lagS, loopS] of [
    [0.25, 3],
    [0.9, 2.2],
    [-1.4, 5],
    [2.6, 7],
    [-3.1, 9],
  ]) {
    const voice = looped(A, SPEECH_BEGINS_S, loopS, 24);
    const late = leaked(voice, 0, Math.abs(lagS) * 1000);
    const { report, foundS, kinds } = lagS > 0 ? listen(voice, late) : listen(late, voice);
    console.log(
      `a loop of ${loopS} s, ${lagS} s apart: found after ${(foundS - Math.abs(lagS)).toFixed(1)} s of both`,
    );
    expect(kinds).toEqual(['none', 'same']);
    expect(foundS - Math.abs(lagS)).toBeLessThan(7);
    // It is as far apart by one turn of the loop more or less.
    const { lagMs } = report.paths.find(({ heard }) => heard)!;
    const offS = Math.abs(Math.abs(lagMs / 1000) - Math.abs(lagS));
    expect(Math.min(offS % loopS, loopS - (offS % loopS))).toBeLessThan(0.002);
  }
  const noisy = leaked(A, -2, 1200);
  expect(listen(sum(A, hiss(7, A.length, -50)), sum(noisy, hiss(8, A.length, -50))).report.kind).toBe('same');
});

test('a call that comes back half a second later is one-way, from the one who spoke first', () => {
  const { report } = listen(A, sum(B, leaked(A, -12, 500, -6)));
  expect(report).toMatchObject({ kind: 'one-way', source: 0 });
  expect(report.paths[0].lagMs).toBeCloseTo(500, 0);
  expect(Math.abs(report.paths[0].gainDb + 12)).toBeLessThan(3);
});

/** Two voices with chords under one of them: tones stand still, as words never do. */
function chords(seconds: number) {
  const roots = [131, 165, 98, 110];
  return Float32Array.from({ length: seconds * RATE }, (_, i) => {
    const t = i / RATE;
    const root = roots[Math.floor(t) % 4];
    const beat = (t * 2) % 1;
    return [1, 1.5, 2, 2.5, 3].reduce(
      (x, h) => x + (0.05 / h) * Math.exp(-3 * beat) * Math.sin(2 * Math.PI * root * h * t),
      0,
    );
  });
}

test('music is no bleed: alone against a voice, and under one of two', () => {
  const music = chords(28);
  expect(listen(music, B).kinds).toEqual(['none']);
  expect(listen(sum(A, music), rotated(B, 5)).kinds).toEqual(['none']);
});

const TALKS = path.resolve(CALLS, '..');

/** Sentences of a corpus one after the other, `seconds` long, from the `from`th file on; 16 kHz. */
async function sentences(corpus: string, from: number, seconds: number) {
  const folder = path.join(TALKS, corpus, 'flac');
  const out = new Float32Array(16_000 * seconds);
  let at = 0;
  for (const file of readdirSync(folder).sort().slice(from)) {
    if (at === out.length) break;
    const { samples } = await samplesOf(path.join(folder, file));
    out.set(samples.subarray(0, out.length - at), at);
    at += Math.min(samples.length, out.length - at);
  }
  expect(at).toBe(out.length);
  return out;
}

test.skipIf(!existsSync(TALKS))(
  'fifteen minutes of independent speech hold no bleed at any lag',
  async () => {
    const [a, b, c, d] = await Promise.all([
      sentences('speech-kathleen', 0, 300),
      sentences('speech-dc-tts', 0, 300),
      sentences('speech-kathleen', 800, 300),
      sentences('face-grid-s1', 0, 120),
    ]);
    expect(listen(a, b, 16_000, 128).kinds, 'two speakers').toEqual(['none']);
    expect(listen(a, c, 16_000, 128).kinds, 'one speaker, other words').toEqual(['none']);
    expect(listen(c, b, 16_000, 128).kinds, 'two speakers').toEqual(['none']);
    // Sentences of one talker that all have the same six places and last 3 s, a minute apart.
    const half = d.length / 2;
    expect(listen(d.subarray(0, half), d.subarray(half), 16_000, 128).kinds, 'one grammar').toEqual(['none']);
  },
);

test('it costs little, and never much at once', () => {
  const seconds = 10;
  const blocks = Math.floor((seconds * RATE) / HOP);
  const leastMs = new Float64Array(blocks).fill(Infinity);
  const block = new Float32Array(2 * HOP);
  const other = rotated(B, 11);
  // The same work four times over: what the machine does beside it is not in the least of them.
  for (let turn = 0; turn < 4; turn++) {
    const detector = new BleedDetector(RATE, HOP);
    for (let n = 0; n < blocks; n++) {
      block.set(A.subarray(n * HOP, (n + 1) * HOP));
      block.set(other.subarray(n * HOP, (n + 1) * HOP), HOP);
      const beganMs = performance.now();
      detector.push(block, 0, HOP, HOP);
      leastMs[n] = Math.min(leastMs[n], performance.now() - beganMs);
    }
  }
  const share = leastMs.reduce((a, b) => a + b) / (seconds * 1000);
  const worstMs = Math.max(...leastMs);
  console.log(
    `bleed: ${(100 * share).toFixed(2)} % of a core, at most ${worstMs.toFixed(2)} ms of a block of 5.33 ms`,
  );
  expect(share).toBeLessThan(0.02);
  expect(worstMs).toBeLessThan(2.7);
});

test('bleed that ends is forgotten, after seconds of speech without it; broken samples harm nothing', () => {
  const half = 8 * RATE;
  const leak = leaked(A, -20, 10).map((x, i) => (i < half ? x : 0));
  const [a, b] = [sum(A, new Float32Array(A.length)), sum(B, leak)];
  a[1000] = Number.NaN;
  b[2000] = Infinity;
  expect(listen(a.slice(0, half), b.slice(0, half)).report.kind).toBe('one-way');
  expect(listen(a, b).kinds).toEqual(['none', 'one-way']);
  expect(listen(a, b).report.kind).toBe('none');
});

function power(x: Float32Array, start: number) {
  let sum = 0;
  for (let i = start; i < start + HOP; i++) sum += x[i] * x[i];
  return sum / HOP;
}

/** Adds an energy before and after a gain. */
function add(sums: number[], energy: number, gain: number) {
  sums[0] += energy;
  sums[1] += energy * gain;
}

/** What the gate makes of person 1's own voice and of person 0's in it, once bleed is known. */
function gated(own: Float32Array, leak: Float32Array, source = A, playDelayS = 0) {
  const heard = sum(own, leak, hiss(5, own.length, -60));
  const detector = new BleedDetector(RATE, HOP);
  detector.setDelay(0, playDelayS);
  const gate = new BleedGate(RATE, HOP);
  const block = new Float32Array(2 * HOP);
  const energy = { own: [0, 0], both: [0, 0], leak: [0, 0], source: [0, 0] };
  for (let i = 0; i + HOP <= heard.length; i += HOP) {
    block.set(source.subarray(i, i + HOP));
    block.set(heard.subarray(i, i + HOP), HOP);
    detector.push(block, 0, HOP, HOP);
    gate.apply(block, 0, HOP, detector.report);
    if (i < 4 * RATE) continue;
    const speaks = power(own, i) > 1e-5;
    const leaks = power(leak, i) > 1e-7;
    for (let j = 0; j < HOP; j++) {
      const gain = heard[i + j] === 0 ? 1 : (block[HOP + j] / heard[i + j]) ** 2;
      const ownEnergy = own[i + j] ** 2;
      if (speaks) add(energy.own, ownEnergy, gain);
      if (speaks && leaks) add(energy.both, ownEnergy, gain);
      if (!speaks && leaks) add(energy.leak, leak[i + j] ** 2, gain);
      if (source[i + j] !== 0) add(energy.source, source[i + j] ** 2, (block[j] / source[i + j]) ** 2);
    }
  }
  const percent = ([before, after]: number[]) => (100 * after) / before;
  return {
    reducedDb: -10 * Math.log10(energy.leak[1] / energy.leak[0]),
    ownKept: percent(energy.own),
    doubleTalkKept: percent(energy.both),
    sourceKept: percent(energy.source),
    closedShare: gate.states[1].closedShare,
  };
}

test('the gate takes the leak away and leaves the person’s own words, double talk too', () => {
  const turns = gated(B, leaked(A, -20, 10, -3));
  expect(turns.reducedDb).toBeGreaterThan(20);
  expect(turns.ownKept).toBeGreaterThan(99);
  expect(turns.sourceKept).toBeCloseTo(100, 3);
  // Both talk most of the time: what is left is what the gate lets through for 0.2 s after each word.
  const over = gated(rotated(B, 11), leaked(A, -20, 10, -3));
  expect(over.reducedDb).toBeGreaterThan(8);
  expect(over.ownKept).toBeGreaterThan(99);
  expect(over.doubleTalkKept).toBeGreaterThan(98);
  const near = gated(rotated(B, 11), leaked(A, -10, 10, -6));
  expect(near.reducedDb).toBeGreaterThan(6);
  expect(near.doubleTalkKept).toBeGreaterThan(95);
});

test('the gate ducks a loudspeaker in the other person’s microphone', () => {
  const { reducedDb, ownKept } = gated(B, leaked(A, -20, 270, -3), A, 0.2);
  expect(reducedDb).toBeGreaterThan(15);
  expect(ownKept).toBeGreaterThan(99);
});

test('the gate changes no bit without bleed, and ducks nobody when both microphones give one sound', () => {
  const same = gated(A, new Float32Array(A.length));
  expect(same).toMatchObject({ closedShare: 0, ownKept: expect.closeTo(100, 9) });
  const later = gated(new Float32Array(A.length), leaked(A, 0, 1500));
  expect(later.closedShare).toBe(0);
  const apart = gated(B, new Float32Array(B.length));
  expect(apart).toMatchObject({ closedShare: 0, ownKept: expect.closeTo(100, 9) });
});
