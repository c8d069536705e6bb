import { expect, type Page, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { bestLag, between, type Curve, decibels, quantile } from './curves.ts';
import { openDemo, watchConsole } from './observe.ts';
import { samplesOf } from './sound.ts';

const speech = await samplesOf('public/sample/b.flac');
const spokenAt = speech.samples.findIndex((v) => Math.abs(v) > 0.05);

test.use({
  viewport: { width: 320, height: 180 },
  launchOptions: launchWith('--autoplay-policy=no-user-gesture-required'),
});

/** Pushes seconds of speech for person 1 in chunks of 0.1 s, ten of them at a time, much faster than they are heard. */
const push = (page: Page, fromS: number, toS: number) => {
  const { samples, rateHz } = speech;
  const part = samples.slice(spokenAt + Math.round(fromS * rateHz), spokenAt + Math.round(toS * rateHz));
  return page.evaluate(
    async ([list, rateHz]) => {
      const { context } = window.duologue!;
      const samples = Float32Array.from(list);
      const beganS = context.currentTime;
      for (let at = 0; at < samples.length; at += rateHz / 10) {
        window.duologue!.pushSamples(1, samples.subarray(at, at + rateHz / 10), rateHz);
        if (Math.round(at / (rateHz / 10)) % 10 === 9)
          await new Promise((resolve) => setTimeout(resolve, 10));
      }
      window.whole = window.duologue!.flushSamples(1);
      return beganS;
    },
    [[...part], rateHz] as const,
  );
};

declare global {
  interface Window {
    whole?: Promise<boolean>;
    taken?: { time: number; jaw: [number, number] }[];
    told?: { name: string; person: number; contextTimeS: number }[];
    drawn?: { timeS: number; jaw: number; picture: number }[];
  }
}

test('pushed samples move the right mouth in time, and an interruption shuts it', async ({ page }) => {
  const said = watchConsole(page);
  await openDemo(page);
  await page.evaluate(async () => {
    const duo = window.duologue!;
    await duo.start();
    window.taken = [];
    window.told = [];
    window.drawn = [];
    void (async () => {
      for await (const { contextTimeS, face } of duo.frames())
        window.taken!.push({ time: contextTimeS, jaw: [face[24]!, face[face.length / 2 + 24]!] });
      window.taken!.push({ time: Number.POSITIVE_INFINITY, jaw: [0, 0] });
    })();
    for (const name of ['speechstart', 'speechend', 'turn'] as const)
      duo.on(name, (event) => window.told!.push({ name, ...event }));
    // The right face as it is drawn: the opening of the mouth in the mesh itself.
    type Face = {
      morphTargetDictionary?: Record<string, number>;
      morphTargetInfluences?: number[];
      matrixWorld: { elements: number[] };
    };
    const faces: Face[] = [];
    duo.group.traverse((object) => {
      const face = object as unknown as Face;
      if (face.morphTargetDictionary && 'jawOpen' in face.morphTargetDictionary) faces.push(face);
    });
    faces.sort((a, b) => a.matrixWorld.elements[12]! - b.matrixWorld.elements[12]!);
    const face = faces.at(-1)!;
    let picture = 0;
    const count = () => {
      picture++;
      requestAnimationFrame(count);
    };
    count();
    setInterval(() => {
      const jaw = face.morphTargetInfluences![face.morphTargetDictionary!.jawOpen!]!;
      window.drawn!.push({ timeS: duo.context.currentTime, jaw, picture });
    }, 10);
  });
  const firstS = await push(page, 0, 3);
  expect(await page.evaluate(() => window.whole)).toBe(true);
  await page.waitForTimeout(1200);

  const frames = await page.evaluate(() => window.taken!);
  const jaw = (person: 0 | 1): Curve => ({
    times: frames.map(({ time }) => time),
    values: frames.map((frame) => frame.jaw[person]),
  });
  const during = (person: 0 | 1) => between(jaw(person), firstS - 0.2, firstS + 3.3);
  const { lagMs, r } = bestLag(decibels(loudness(firstS, 3)), during(1));
  console.log(`pushed samples: r ${r.toFixed(2)}, jaw ${lagMs.toFixed(0)} ms behind the moment of pushing`);
  expect(r).toBeGreaterThanOrEqual(0.5);
  expect(Math.abs(lagMs)).toBeLessThanOrEqual(150); // begins up to 50 ms after the push
  expect(quantile(during(1), 0.95)).toBeGreaterThanOrEqual(0.15);
  expect(quantile(during(0), 0.95)).toBeLessThanOrEqual(0.08);
  const told = await page.evaluate(() => window.told!);
  expect(new Set(told.map(({ person }) => person))).toEqual(new Set([1]));
  const [start, end] = ['speechstart', 'speechend'].map((name) => told.find((event) => event.name === name)!);
  expect(Math.abs(start!.contextTimeS - firstS)).toBeLessThan(0.4);
  expect(end!.contextTimeS).toBeGreaterThan(start!.contextTimeS);
  expect(told.some(({ name }) => name === 'turn')).toBe(true);

  // Interrupted in mid-word: as soon as the mouth is seen wide open, well after the beginning.
  await push(page, 0, 3);
  const interruptedS = await page.evaluate(async () => {
    const { drawn, duologue } = window;
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await wait(300);
    for (let i = 0; i < 500 && drawn!.at(-1)!.jaw < 0.12; i++) await wait(5);
    duologue!.interrupt(1);
    return duologue!.context.currentTime;
  });
  expect(await page.evaluate(() => window.whole)).toBe(false);
  await page.waitForTimeout(1200);
  const drawn = (await page.evaluate(() => window.drawn!)).filter(
    ({ timeS }) => timeS > interruptedS - 0.5 && timeS < interruptedS + 1.2,
  );
  const open = drawn.filter(({ jaw, timeS }) => jaw > 0.1 && timeS > interruptedS);
  const shutMs = ((open.at(-1)?.timeS ?? interruptedS) - interruptedS) * 1000;
  // A software renderer takes its time for a picture, in which nothing can be seen to stop.
  const starts = drawn
    .filter(({ picture }, i) => picture !== drawn[i - 1]?.picture)
    .map(({ timeS }) => timeS);
  const pictureMs = Math.max(...starts.slice(1).map((timeS, i) => timeS - starts[i]!)) * 1000;
  console.log(
    `shut ${shutMs.toFixed(0)} ms after the interruption; a picture takes up to ${pictureMs.toFixed(0)} ms`,
  );
  expect(shutMs).toBeLessThanOrEqual(200 + pictureMs);

  // The end of the conversation ends the iterator of frames, and leaves nobody waiting.
  const [last, ...answers] = await page.evaluate(async () => {
    const duo = window.duologue!;
    const failed = (error: Error) => error.message;
    const asked = duo.reset().then(() => 'done', failed);
    duo.dispose();
    duo.dispose();
    const late = duo.setEmotion(0, 'positive').then(() => 'done', failed);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return [window.taken!.at(-1)!.time, await asked, await late];
  });
  expect(last).toBe(Number.POSITIVE_INFINITY);
  for (const answer of answers) expect(answer).toContain('The conversation was disposed of');
  expect(said).toEqual([]);
});

/** Loudness of the first seconds of the speech, as if they began at a time. */
function loudness(beginS: number, durationS: number): Curve {
  const { samples, rateHz } = speech;
  const hop = Math.round(rateHz / 100);
  const times: number[] = [];
  const values: number[] = [];
  for (let at = -0.2 * rateHz; at < (durationS + 0.3) * rateHz; at += hop) {
    let sum = 0;
    for (let i = at; i < at + hop; i++)
      if (i >= 0 && i < durationS * rateHz) sum += samples[spokenAt + Math.round(i)]! ** 2;
    times.push(beginS + at / rateHz);
    values.push(Math.sqrt(sum / hop));
  }
  return { times, values };
}
