import { expect, test } from '@playwright/test';
import { launchWith } from './browser.ts';
import { between, quantile } from './curves.ts';
import { caller } from './pages.ts';
import { samplesOf } from './sound.ts';

declare global {
  interface Window {
    agent?: { events: { what: string; timeS: number }[] };
    /** What left for the loudspeaker, and how far the agent's jaw was open in each picture, on the page's clocks. */
    heard?: { times: number[]; values: number[] };
    lips?: { timeS: number; jaw: number }[];
    pictures?: number[];
  }
}

const { samples, rateHz } = await samplesOf('public/sample/a.flac');
const cut = (fromS: number, toS: number) =>
  samples.slice(Math.round(fromS * rateHz), Math.round(toS * rateHz));

/** The user: a sentence, silence in which the agent answers, then a second sentence into the middle of an answer. */
const script = (gapS: number) => {
  const [first, second] = [cut(4.4, 7.5), cut(18, 20.7)];
  const out = new Float32Array(first.length + Math.round(gapS * rateHz) + second.length);
  out.set(first);
  out.set(second, first.length + Math.round(gapS * rateHz));
  return out;
};

test.use({ launchOptions: launchWith('--autoplay-policy=no-user-gesture-required') });

test('the agent answers when the turn is over, and stops in mid-word when interrupted', async ({
  context,
  baseURL,
}, info) => {
  const { page, said } = await caller(context, script(3.6), rateHz, 3, 20);
  // Listens to all that goes to the loudspeaker, as a recorder at the output would.
  await page.addInitScript(() => {
    const connect = AudioNode.prototype.connect as (this: AudioNode, ...given: unknown[]) => AudioNode;
    const outputs: AudioNode[] = [];
    Object.assign(window, { outputs });
    AudioNode.prototype.connect = function (this: AudioNode, ...given: unknown[]) {
      if (given[0] instanceof AudioDestinationNode && !(this instanceof AudioWorkletNode)) outputs.push(this);
      return connect.apply(this, given);
    } as typeof AudioNode.prototype.connect;
  });
  await page.goto(`${baseURL}/demo/agent/?debug&voice=/test/voice.wav&backend=visemes`);
  await expect(page.locator('#talk')).toBeEnabled({ timeout: 90_000 });
  await page.evaluate(async () => {
    const { context, group } = window.duologue!;
    const recorder = `registerProcessor('heard', class extends AudioWorkletProcessor {
      process([input]) {
        let sum = 0;
        for (const v of input[0] ?? []) sum += v * v;
        this.port.postMessage([currentFrame / sampleRate, Math.sqrt(sum / 128)]);
        return true;
      }
    });`;
    await context.audioWorklet.addModule(
      URL.createObjectURL(new Blob([recorder], { type: 'text/javascript' })),
    );
    const node = new AudioWorkletNode(context, 'heard', { numberOfOutputs: 0 });
    window.heard = { times: [], values: [] };
    node.port.onmessage = ({ data: [time, rms] }) => {
      window.heard!.times.push(time);
      window.heard!.values.push(rms);
    };
    for (const output of (window as unknown as { outputs: AudioNode[] }).outputs) output.connect(node);
    // The agent's face as it is drawn: the opening of the mouth in the mesh itself, the right one of the two.
    type Face = {
      morphTargetDictionary?: Record<string, number>;
      morphTargetInfluences?: number[];
      matrixWorld: { elements: number[] };
    };
    const faces: Face[] = [];
    group.traverse((object) => {
      const face = object as unknown as Face;
      if (face.morphTargetDictionary && 'jawOpen' in face.morphTargetDictionary) faces.push(face);
    });
    faces.sort((a, b) => a.matrixWorld.elements[12]! - b.matrixWorld.elements[12]!);
    const face = faces.at(-1)!;
    window.lips = [];
    window.pictures = [];
    const picture = () => {
      window.pictures!.push(context.currentTime);
      requestAnimationFrame(picture);
    };
    picture();
    setInterval(() => {
      const jaw = face.morphTargetInfluences![face.morphTargetDictionary!.jawOpen!]!;
      window.lips!.push({ timeS: context.currentTime, jaw });
    }, 10);
  });
  await page.click('#talk');
  const events = () => page.evaluate(() => window.agent?.events ?? []);
  await expect
    .poll(async () => (await events()).map(({ what }) => what), { timeout: 40_000 })
    .toContain('line');
  await page.screenshot({ path: info.outputPath('answering.png') });
  await expect
    .poll(async () => (await events()).map(({ what }) => what), { timeout: 40_000 })
    .toContain('interrupted');
  await expect
    .poll(async () => (await events()).filter(({ what }) => what === 'line').length, { timeout: 40_000 })
    .toBe(2);
  await page.waitForTimeout(1500);
  const list = await events();
  const at = (what: string, nth = 0) => list.filter((event) => event.what === what)[nth]!.timeS;
  const heard = await page.evaluate(() => window.heard!);
  const lips = await page.evaluate(() => window.lips!);
  const jaw = { times: lips.map(({ timeS }) => timeS), values: lips.map(({ jaw }) => jaw) };

  const [answered, interrupted, ended] = [at('line'), at('interrupted'), at('user-ends', 1)];
  expect(list.map(({ what }) => what).slice(0, 5)).toEqual([
    'user-starts',
    'user-ends',
    'line',
    'user-starts',
    'interrupted',
  ]);
  const loud = heard.times.filter((t, i) => heard.values[i]! > 0.01 && t > answered && t < ended);
  const open = jaw.times.filter((t, i) => jaw.values[i]! > 0.1 && t > answered && t < ended);
  // A software renderer takes its time for a picture, in which nothing can be seen to stop.
  const pictures = (await page.evaluate(() => window.pictures!)).filter(
    (t) => t > interrupted - 0.5 && t < interrupted + 0.5,
  );
  const pictureMs = Math.max(...pictures.slice(1).map((t, i) => t - pictures[i]!)) * 1000;
  const voiceMs = (loud.at(-1)! - interrupted) * 1000;
  const lipsMs = (open.at(-1)! - interrupted) * 1000;
  console.log(
    `breaks in ${(interrupted - answered).toFixed(2)} s into the answer, ${loud.length} blocks of which sounded; ` +
      `voice stops ${voiceMs.toFixed(0)} ms after the interruption was noticed, lips ${lipsMs.toFixed(0)} ms; a picture takes up to ${pictureMs.toFixed(0)} ms`,
  );
  // It was speaking, and with its mouth; the user is not played back.
  expect(loud.length).toBeGreaterThan(50);
  expect(quantile(between(jaw, answered, interrupted + 0.1), 0.95)).toBeGreaterThan(0.12);
  expect(voiceMs).toBeLessThanOrEqual(150);
  expect(lipsMs).toBeLessThanOrEqual(150 + pictureMs);
  // It listens until the user is done, and takes the turn then.
  expect(at('line', 1)).toBeGreaterThanOrEqual(ended);
  await page.click('#stop');
  expect(await page.evaluate(() => document.body.dataset.state)).toBe('ready');
  expect(said).toEqual([]);
});
