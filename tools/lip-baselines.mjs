// Runs other lip-sync libraries over sounds, for comparison: `node tools/lip-baselines.mjs LIST OUT`. LIST holds paths of raw
// sounds, one a line (32-bit floats, 16 kHz, one channel); OUT becomes JSON, one object a sound. Both libraries run in a
// page as they would live, but on an OfflineAudioContext, so faster than the sound and the same every time.
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright';
import { browserPath, CHROMIUM_FLAGS } from './browser.mjs';

const PAGES = 2;
const resolve = createRequire(import.meta.url).resolve;
const headAudio = dirname(resolve('@met4citizen/headaudio/package.json'));
const wawa = dirname(resolve('wawa-lipsync'));
const FILES = {
  '/headaudio.mjs': join(headAudio, 'dist/headaudio.min.mjs'),
  '/headworklet.mjs': join(headAudio, 'dist/headworklet.min.mjs'),
  '/model.bin': join(headAudio, 'dist/model-en-mixed.bin'),
  '/wawa.mjs': join(wawa, 'wawa-lipsync.es.js'),
};
const TYPES = { mjs: 'text/javascript', bin: 'application/octet-stream' };

/**
 * Runs in the page: both libraries over one sound. Weights are [frames][15] in the order of `names`, frame k being what
 * is shown k/30 s after the sound's start; visemes [frames] are indices of the decision of that moment, before any easing.
 */
async function measure(url) {
  const HEADAUDIO_HZ = 24000; // of the voices that its model was trained on; it does best at that rate
  const RATE_HZ = 48000;
  const FRAME_RATE_HZ = 30;
  const TAIL_S = 0.5; // what comes late still counts
  const LEAD_S = 0.5; // silence in which the model loads
  const QUANTUM_S = 128 / RATE_HZ;
  const names = 'sil PP FF TH DD kk CH SS nn RR aa E I O U'.split(' ').map((name) => `viseme_${name}`);
  const samples = new Float32Array(await (await fetch(url)).arrayBuffer());
  const durationS = samples.length / 16000;
  const frames = Math.floor((durationS + TAIL_S) * FRAME_RATE_HZ) + 1;
  const sound = (context, atS) => {
    const source = context.createBufferSource();
    source.buffer = new AudioBuffer({ length: samples.length + TAIL_S * 16000, sampleRate: 16000 });
    source.buffer.copyToChannel(samples, 0);
    source.start(atS);
    return source;
  };
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  async function runHeadAudio() {
    const { HeadAudio } = await import('/headaudio.mjs');
    const lengthS = LEAD_S + durationS + TAIL_S + 0.2;
    const context = new OfflineAudioContext(1, Math.ceil(lengthS * HEADAUDIO_HZ), HEADAUDIO_HZ);
    await context.audioWorklet.addModule('/headworklet.mjs');
    const node = new HeadAudio(context, { processorOptions: { vadEventsEnabled: true } });
    const events = []; // [time at which the page hears of it, message]
    let heardS = 0;
    let active = false;
    const receive = node.port.onmessage;
    node.port.onmessage = ({ data }) => {
      if (data.event === 'viseme') events.push([data.t + data.d / 2, data]);
      else if (data.event === 'ended') events.push([data.t, data]);
      else if (data.event === 'vad') {
        heardS = data.t;
        active ||= data.active > 20;
      }
    };
    await node.loadModel('/model.bin');
    sound(context, LEAD_S).connect(node);
    context.suspend(LEAD_S / 2).then(async () => {
      await wait(20); // the worklet takes the model
      context.resume();
    });
    const endS = LEAD_S + durationS + TAIL_S;
    context.suspend(endS + 0.05).then(async () => {
      // Its messages come after the sound; of silence it may tell nothing.
      for (let still = 0, before = 0; heardS < endS - 0.1 && still < 40; await wait(10)) {
        still = heardS === before ? still + 1 : 0;
        before = heardS;
      }
      context.resume();
    });
    await context.startRendering();
    if (heardS < LEAD_S + durationS / 2) throw new Error(`HeadAudio stopped at ${heardS} s of ${endS}`);
    if (active && events.length === 0)
      throw new Error('HeadAudio heard speech and decided nothing: has it its model?');
    const weights = new Array(names.length).fill(0);
    const rows = [];
    const decided = [];
    node.onvalue = (name, value) => {
      weights[names.indexOf(name)] = value;
    };
    for (let k = 0, next = 0; k < frames; k++) {
      for (; next < events.length && events[next][0] <= LEAD_S + k / FRAME_RATE_HZ; next++)
        receive({ data: events[next][1] });
      node.update(1000 / FRAME_RATE_HZ);
      rows.push(weights.map((value) => Math.round(value * 1e4) / 1e4));
      decided.push(names.indexOf(node.visemeActive < 0 ? 'viseme_sil' : node.visemeNames[node.visemeActive]));
    }
    return { headaudio: { visemes: decided, weights: rows } };
  }

  async function runWawa() {
    const SHOWN_HZ = 60; // requestAnimationFrame of a usual screen
    const context = new OfflineAudioContext(1, Math.ceil((durationS + TAIL_S + 0.1) * RATE_HZ), RATE_HZ);
    const { Lipsync } = await import('/wawa.mjs');
    window.AudioContext = function AudioContext() {
      return context;
    };
    let nowMs = 0;
    performance.now = () => nowMs;
    const lipsync = new Lipsync();
    sound(context, 0).connect(lipsync.analyser);
    lipsync.analyser.connect(context.destination);
    const weights = new Array(names.length).fill(0);
    const rows = [];
    const decided = [];
    const looks = (frames - 1) * (SHOWN_HZ / FRAME_RATE_HZ) + 1;
    for (let look = 0; look < looks; look++) {
      const atS = Math.ceil(look / SHOWN_HZ / QUANTUM_S) * QUANTUM_S;
      context.suspend(atS).then(() => {
        nowMs = atS * 1000;
        lipsync.processAudio();
        // Its demo eases the chosen shape to 1 and all others to 0, vowels at half the pace of consonants.
        const pace = lipsync.state === 'vowel' ? 0.2 : 0.4;
        for (const [i, name] of names.entries())
          weights[i] += name === lipsync.viseme ? pace * (1 - weights[i]) : -(pace / 2) * weights[i];
        if (look % (SHOWN_HZ / FRAME_RATE_HZ) === 0) {
          rows.push(weights.map((value) => Math.round(value * 1e4) / 1e4));
          decided.push(names.indexOf(lipsync.viseme));
        }
        context.resume();
      });
    }
    await context.startRendering();
    return { wawa: { visemes: decided, weights: rows } };
  }

  return { names, frames, ...(await runHeadAudio()), ...(await runWawa()) };
}

const [list, out] = process.argv.slice(2);
if (!list || !out) throw new Error('usage: node tools/lip-baselines.mjs LIST OUT');
const paths = (await readFile(list, 'utf8')).split('\n').filter(Boolean);
const versions = {};
for (const name of ['headaudio', 'wawa'])
  versions[name] = JSON.parse(
    await readFile(name === 'wawa' ? join(wawa, '../package.json') : join(headAudio, 'package.json'), 'utf8'),
  ).version;

async function answer(path) {
  const sound = /^\/sound\/(\d+)$/.exec(path);
  if (sound) return [TYPES.bin, await readFile(paths[Number(sound[1])])];
  if (path === '/') return ['text/html', '<!doctype html><title>baselines</title>'];
  if (!(path in FILES)) return undefined;
  return [TYPES[path.split('.').pop()], await readFile(FILES[path])];
}

const server = createServer(async ({ url }, response) => {
  const found = await answer(url);
  response.writeHead(found ? 200 : 404, { 'Content-Type': found?.[0] ?? 'text/plain' }).end(found?.[1]);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done)); // worklets want a secure origin: this host is one
const browser = await chromium.launch({
  executablePath: browserPath(),
  args: CHROMIUM_FLAGS,
  headless: false, // `--headless=new` in the flags
  timeout: 0, // a busy machine may take long
});
const browserVersion = browser.version();
const results = new Array(paths.length);
try {
  let next = 0;
  const work = async () => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`, { timeout: 0 });
    while (next < paths.length) {
      const mine = next++;
      results[mine] = await page.evaluate(measure, `/sound/${mine}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PAGES, paths.length) }, work));
} finally {
  await browser.close();
  server.close();
}
await writeFile(out, JSON.stringify({ versions, browser: browserVersion, results }));
