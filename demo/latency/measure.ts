import { Scene } from 'three';
import { ARKIT_51, type BackendChoice, createDuologue, type Duologue } from '../../src/index.ts';
import { type Curve, lagOf, leavesRest, quantile, smoothed } from './curves.ts';
import { Clock, Output } from './output.ts';
import { Pictures } from './pictures.ts';
import { makeStimuli } from './sounds.ts';

/** What is to be measured. */
export type Wish = {
  readonly backend: BackendChoice;
  /** How long to measure, after a few seconds of warming up. */
  readonly seconds: number;
  /** Whether our stage draws, or the two only move. */
  readonly rendering: boolean;
  /** Lets what is played come later than the engine knows, to see whether that is noticed. */
  readonly lateVoiceMs: number;
  readonly container: HTMLElement;
  say(what: string): void;
};

/** What was measured; times in milliseconds, null where there was nothing to measure. */
export type Measured = {
  readonly tier: string;
  readonly adapter: string;
  readonly why: string;
  readonly rendering: boolean;
  readonly seconds: number;
  /** Motion frames that came, and what share of them after the picture had passed their moment. */
  readonly frames: number;
  readonly late_share: number | null;
  /** Moments of frames that the picture passed without their frame, against the frames that came. */
  readonly held_share: number | null;
  readonly lost_frames: number;
  /** From a sound entering the graph to the frame of its moment on the page. */
  readonly frame_p50_ms: number | null;
  readonly frame_p95_ms: number | null;
  /** From a click, and from a syllable, entering the graph to the arrival of the first frame whose jaw answers. */
  readonly click_p50_ms: number | null;
  readonly syllable_p50_ms: number | null;
  /** How many of those that were played were answered, by frames and by pixels. */
  readonly answered: { readonly clicks: string; readonly syllables: string; readonly pixels: string };
  /** From a syllable entering the graph to other pixels of the mouth. */
  readonly pixel_p50_ms: number | null;
  readonly pixel_p95_ms: number | null;
  /** Picture minus sound, as `stats()` tells; of windows of ten seconds the worst. */
  readonly skew_p2_5_ms: number | null;
  readonly skew_p50_ms: number | null;
  readonly skew_p97_5_ms: number | null;
  /** By how much shown jaws come after the loudness of what is heard, and how alike the two are. */
  readonly lips_lag_ms: number | null;
  readonly lips_lag_r: number | null;
  /** By how much what is played was delayed at the end, and how long it takes from the graph to the loudspeaker. */
  readonly delay_ms: number | null;
  readonly output_ms: number | null;
  readonly block_ms: number | null;
  readonly gpu_ms: number | null;
  readonly pictures_per_s: number | null;
  /** What went wrong meanwhile, and was survived. */
  readonly errors: readonly string[];
};

/** WebAssembly is compiled for speed while it runs, and a page has its hands full when it was just loaded. */
const WARM_UP_S = 12;
/** The part of the time that clicks and syllables have; the rest is the sample conversation. */
const STIMULI_SHARE = 0.6;
/** An answer comes within this time, and no sooner than a frame can be made. */
const WITHIN_MS = 1200;
const SOONEST_MS = 50;
/** Pictures wait for the voice, and a slow renderer gives one a second. */
const PIXELS_WITHIN_MS = 1500;
const FEW_PICTURES = { restMs: 1000, fewest: 1 };
/** The least change of a jaw that answers a syllable, or a click, and of pixels (0…1). */
const LEAST_JAW = 0.02;
const LEAST_CLICK = 0.001;
const LEAST_PIXELS = 0.004;
const LEVEL_MS = 40;
const SKEW_WINDOW_MS = 10_000;
const JAW = ARKIT_51.indexOf('jawOpen');
const ROOT = '../../';

type Frame = { readonly cameMs: number; readonly contextTimeS: number; readonly jaw: number };

const rounded = (value: number, digits = 1) =>
  Number.isFinite(value) ? Math.round(value * 10 ** digits) / 10 ** digits : null;

const shareOf = (answers: readonly number[]) =>
  `${answers.filter(Number.isFinite).length} of ${answers.length}`;

const wait = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Runs a conversation as it is shipped, plays to it and listens and looks from outside; rejects with what goes wrong. */
export async function measure(wish: Wish): Promise<Measured> {
  const output = new Output(wish.lateVoiceMs);
  try {
    wish.say('Loading…');
    const duo = await createDuologue({
      ...(wish.rendering
        ? // Nothing but lips and blinks moves, so that other pixels of the mouth mean other lips.
          { container: wish.container, shot: 'close-up-0' as const, intensity: 'still' as const }
        : { scene: new Scene() }),
      characters: [`${ROOT}models/ada.vrm`, `${ROOT}models/bo.vrm`],
      modelBaseUrl: `${ROOT}models/`,
      backend: wish.backend,
    });
    try {
      return await watch(duo, output, wish);
    } finally {
      duo.dispose();
    }
  } finally {
    output.close();
  }
}

async function sampleVoice(context: AudioContext, name: string): Promise<AudioBuffer> {
  const response = await fetch(`${ROOT}sample/${name}`);
  if (!response.ok)
    throw new Error(`The sample conversation is not there: ${response.url} gave ${response.status}.`);
  return context.decodeAudioData(await response.arrayBuffer());
}

async function watch(duo: Duologue, output: Output, wish: Wish): Promise<Measured> {
  const { context } = duo;
  const errors: string[] = [];
  duo.on('error', ({ message }) => errors.push(message));
  const clock = new Clock(context);
  const frames: Frame[] = [];
  duo.on('frame', ({ contextTimeS, face }) => {
    const cameMs = performance.now();
    clock.read(cameMs);
    frames.push({ cameMs, contextTimeS, jaw: face[JAW]! });
  });
  await duo.start();
  const canvas = wish.rendering ? wish.container.querySelector('canvas') : null;
  const pictures = new Pictures(duo, canvas, () => clock.read());
  const stimuliS = STIMULI_SHARE * wish.seconds;
  const stimuli = makeStimuli(context.sampleRate, stimuliS, !wish.rendering);
  const voices = await Promise.all(['a.flac', 'b.flac'].map((name) => sampleVoice(context, name)));
  const play = (person: 0 | 1, buffer: AudioBuffer, atS: number, lastsS: number) => {
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    duo.attach(person, source);
    source.start(atS);
    source.stop(atS + lastsS);
  };
  const talk = (atS: number, lastsS: number) => {
    for (const person of [0, 1] as const) play(person, voices[person]!, atS, lastsS);
  };
  wish.say('Warming up…');
  talk(context.currentTime + 0.2, WARM_UP_S - 1);
  await wait(WARM_UP_S);

  wish.say('Measuring: clicks and syllables…');
  const before = duo.stats();
  const picturesBefore = pictures.count;
  const beginMs = performance.now();
  const beginS = context.currentTime + 0.1;
  const talkS = beginS + stimuliS;
  play(0, stimuli.sound, beginS, stimuliS);
  talk(talkS, wish.seconds - stimuliS);
  const skews: (readonly [early: number, middle: number, late: number])[] = [];
  const stop = duo.on('stats', ({ skewMsP2_5, skewMsP50, skewMsP97_5 }) => {
    const windows = Math.floor((performance.now() - beginMs) / SKEW_WINDOW_MS);
    if (windows > skews.length) skews.push([skewMsP2_5, skewMsP50, skewMsP97_5]);
  });
  await wait(stimuliS);
  wish.say('Measuring: a conversation…');
  await wait(wish.seconds - stimuliS);
  stop();
  const endMs = performance.now();
  const after = duo.stats();
  pictures.stop();
  skews.push([after.skewMsP2_5, after.skewMsP50, after.skewMsP97_5]);

  const latencies = frames
    .filter(({ cameMs }) => cameMs >= beginMs && cameMs <= endMs)
    .map(({ cameMs, contextTimeS }) => clock.renderedMs(cameMs) - contextTimeS * 1000);
  const came = after.frames - before.frames;
  const clicks = stimuli.clicksS.map((s) => answer(frames, clock, beginS + s, LEAST_CLICK));
  const syllables = stimuli.syllablesS.map((s) => answer(frames, clock, beginS + s, LEAST_JAW));
  const pixels = (canvas ? stimuli.syllablesS : []).map((s) => {
    const atMs = clock.enteredMs(beginS + s);
    const mouth = pictures.mouthAround(atMs, PIXELS_WITHIN_MS);
    return leavesRest(mouth, atMs + SOONEST_MS, PIXELS_WITHIN_MS, LEAST_PIXELS, FEW_PICTURES) - atMs;
  });
  const lips = lagOf(smoothed(output.heard(clock, talkS, talkS + wish.seconds), LEVEL_MS), pictures.jaws);
  const { backend, adapter, reason } = after.info;
  return {
    tier: backend,
    adapter,
    why: reason,
    rendering: wish.rendering,
    seconds: wish.seconds,
    frames: came,
    late_share: rounded((after.lateFrames - before.lateFrames) / came, 5),
    held_share: rounded((after.heldFrames - before.heldFrames) / came, 5),
    lost_frames: after.lostFrames - before.lostFrames,
    frame_p50_ms: rounded(quantile(latencies, 0.5)),
    frame_p95_ms: rounded(quantile(latencies, 0.95)),
    click_p50_ms: rounded(quantile(clicks, 0.5)),
    syllable_p50_ms: rounded(quantile(syllables, 0.5)),
    answered: { clicks: shareOf(clicks), syllables: shareOf(syllables), pixels: shareOf(pixels) },
    pixel_p50_ms: rounded(quantile(pixels, 0.5)),
    pixel_p95_ms: rounded(quantile(pixels, 0.95)),
    skew_p2_5_ms: rounded(Math.min(...skews.map(([early]) => early))),
    skew_p50_ms: rounded(
      quantile(
        skews.map(([, middle]) => middle),
        0.5,
      ),
    ),
    skew_p97_5_ms: rounded(Math.max(...skews.map(([, , late]) => late))),
    lips_lag_ms: rounded(lips.lagMs),
    lips_lag_r: rounded(lips.r, 2),
    delay_ms: rounded(after.delayMs),
    output_ms: rounded(clock.heardMs(talkS) - clock.enteredMs(talkS)),
    block_ms: rounded(after.blockMs),
    gpu_ms: rounded(after.gpuMs, 2),
    errors,
    pictures_per_s: rounded(((pictures.count - picturesBefore) * 1000) / (endMs - beginMs)),
  };
}

/** From an onset entering the graph to the arrival of the first frame whose jaw answers it (ms); NaN where none does. */
function answer(frames: readonly Frame[], clock: Clock, onsetS: number, least: number): number {
  const jaw: Curve = {
    timesMs: frames.map(({ contextTimeS }) => contextTimeS * 1000),
    values: frames.map((frame) => frame.jaw),
  };
  // Look-ahead lets a frame answer a sound that begins after its moment.
  const atMs = leavesRest(jaw, onsetS * 1000 - 100, WITHIN_MS, least);
  const frame = frames[jaw.timesMs.indexOf(atMs)];
  return frame ? clock.renderedMs(frame.cameMs) - onsetS * 1000 : Number.NaN;
}
