import type { Page } from '@playwright/test';
import { ARKIT_51 } from '../../src/engine/motion.ts';
import type { Duologue } from '../../src/index.ts';
import type { Curve, Observed } from './curves.ts';

declare global {
  interface Window {
    duologue?: Duologue;
    /** What {@link watchLoudness} measures, and where sound enters it. */
    listened?: {
      inputs: [AudioNode, AudioNode];
      loudness: { times: number[]; values: number[] }[];
    };
    observed?: {
      frames: { time: number; jaw: [number, number] }[];
      sources: AudioNode[];
    };
  }
}

/** How a test conversation is set up; times in seconds. */
export type Scene = {
  /** Who speaks into a fake microphone, who from a file at an address, and who through a track that something generates. */
  readonly voices: readonly [
    'microphone' | string | { readonly track: string },
    string | { readonly track: string },
  ];
  /** When each file begins, after the start. */
  readonly beginS: readonly [number, number];
  readonly durationS: number;
  /** Delay between an outside observer and the engine: 0 for a true picture. */
  readonly shiftS?: number;
};

const JAW = ARKIT_51.indexOf('jawOpen');

/** Opens the demo, of another site where its address is given, and waits until the engine is ready. */
export async function openDemo(page: Page, query = '', url = '/') {
  await page.goto(`${url}?debug${query}`);
  await page.waitForFunction(() => document.body.dataset.state !== 'loading', undefined, { timeout: 90_000 });
}

/** Takes the manifest of the model files away: they are then loaded as they are. */
export const unlisted = (page: Page) =>
  page.route('**/models/manifest.json', (route) => route.fulfill({ status: 404 }));

/**
 * Puts two meters into the page's audio graph, `window.listened`: whatever is connected to the input of a person is measured
 * in steps of one render quantum, on the context's clock, where it enters.
 */
export const watchLoudness = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const { context } = window.duologue!;
    const recorder = `registerProcessor('loudness', class extends AudioWorkletProcessor {
      process([input]) {
        const block = input[0];
        let sum = 0;
        if (block) for (const v of block) sum += v * v;
        this.port.postMessage([currentFrame / sampleRate, block ? Math.sqrt(sum / block.length) : 0]);
        return true;
      }
    });`;
    await context.audioWorklet.addModule(
      URL.createObjectURL(new Blob([recorder], { type: 'text/javascript' })),
    );
    const loudness = [0, 1].map(() => ({ times: [] as number[], values: [] as number[] }));
    const inputs = loudness.map(({ times, values }) => {
      const meter = new AudioWorkletNode(context, 'loudness', { numberOfOutputs: 0 });
      meter.port.onmessage = ({ data: [time, rms] }) => {
        times.push(time);
        values.push(rms);
      };
      return meter;
    });
    window.listened = { inputs: [inputs[0]!, inputs[1]!], loudness };
  });

/**
 * Plays a scene through the engine's door, and watches it from outside: a recorder of its own measures each voice's
 * loudness on the context's clock, while the engine's frames tell the jaws. `during` runs while it plays.
 */
export async function observe(page: Page, scene: Scene, during?: () => Promise<void>): Promise<Observed> {
  await page.evaluate(() => window.duologue!.start());
  await watchLoudness(page);
  await page.evaluate(
    async ({ voices, beginS, shiftS, jaw }) => {
      const duo = window.duologue!;
      const { context } = duo;
      window.observed = { frames: [], sources: [] };
      duo.on('frame', ({ contextTimeS, face }) => {
        window.observed!.frames.push({ time: contextTimeS, jaw: [face[jaw], face[face.length / 2 + jaw]] });
      });
      for (const person of [0, 1] as const) {
        const voice = voices[person];
        const tap = new GainNode(context);
        const late = new DelayNode(context, { delayTime: shiftS, maxDelayTime: 1 });
        tap.connect(window.listened!.inputs[person]);
        tap.connect(late);
        if (voice === 'microphone') {
          const stream = await navigator.mediaDevices.getUserMedia({
            audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
          });
          context.createMediaStreamSource(stream).connect(tap);
          duo.attach(person, shiftS === 0 ? stream : late, { play: false });
        } else {
          const track = typeof voice === 'object';
          const bytes = await (await fetch(track ? voice.track : voice)).arrayBuffer();
          const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes) });
          source.connect(tap);
          source.start(context.currentTime + beginS[person]);
          if (track) {
            const out = new MediaStreamAudioDestinationNode(context);
            late.connect(out);
            duo.attach(person, out.stream.getAudioTracks()[0]!);
          } else duo.attach(person, late);
        }
        window.observed.sources.push(tap);
      }
    },
    { voices: scene.voices, beginS: scene.beginS, shiftS: scene.shiftS ?? 0, jaw: JAW },
  );
  await Promise.all([page.waitForTimeout(scene.durationS * 1000), during?.()]);
  const { loudness, frames } = await page.evaluate(() => ({
    loudness: window.listened!.loudness,
    frames: window.observed!.frames,
  }));
  const times = frames.map(({ time }) => time);
  const jaw = (person: 0 | 1): Curve => ({ times, values: frames.map((frame) => frame.jaw[person]) });
  return { loudness: [loudness[0]!, loudness[1]!], jaw: [jaw(0), jaw(1)] };
}

/** Collects what the console says in warning or anger; the driver's own notes about this machine do not count. */
export function watchConsole(page: Page): string[] {
  const said: string[] = [];
  page.on('console', (message) => {
    const ours = !/GL Driver Message|GPU stall|software WebGL|Automatic fallback/i.test(message.text());
    if (['warning', 'error'].includes(message.type()) && ours) said.push(message.text());
  });
  page.on('pageerror', (error) => said.push(error.message));
  return said;
}
