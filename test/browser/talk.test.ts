import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { ARKIT_51, createTalk, type Talk } from '../../src/core.ts';
import { createDuologue, type Duologue } from '../../src/index.ts';

// The door as a stranger uses it: a talk without characters, and a conversation on a canvas, with voices given as options.
const JAW = ARKIT_51.indexOf('jawOpen');
const modelBaseUrl = '/models/';
const characters = ['/models/ada.vrm', '/models/bo.vrm'] as const;

let voices: [AudioBuffer, AudioBuffer];
beforeAll(async () => {
  const decoder = new OfflineAudioContext(1, 1, 48_000);
  const decode = async (name: string) =>
    decoder.decodeAudioData(await (await fetch(`/sample/${name}.flac`)).arrayBuffer());
  voices = [await decode('a'), await decode('b')];
});

beforeEach(() => userEvent.click(document.body)); // a page may make sound only after a gesture

const made: (Talk | Duologue)[] = [];
const keep = <T extends Talk>(talk: T): T => {
  made.push(talk);
  return talk;
};
afterEach(() => {
  vi.restoreAllMocks();
  for (const talk of made.splice(0)) talk.dispose();
});

test('a talk without characters gives frames, events and sound, of the voices it was made with', {
  timeout: 180_000,
}, async () => {
  const talk = keep(
    await createTalk({
      modelBaseUrl,
      backend: 'visemes',
      voices: [{ source: voices[0], play: false }, voices[1]],
    }),
  );
  expect(talk.info.backend).toBe('visemes');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(talk.context.state).toBe('suspended');
  const spoke: string[] = [];
  talk.on('speechstart', ({ person }) => spoke.push(`${person}`));
  const errors: string[] = [];
  // A worker that this machine does not let run for seconds is replaced, which host.test.ts judges.
  talk.on('error', ({ kind, message }) => kind !== 'lost' && errors.push(message));
  const frames = talk.frames();
  await talk.start();
  const most = [0, 0];
  let [count, firstS, lastS] = [0, 0, 0];
  for await (const { face, body, contextTimeS } of frames) {
    expect(body).toBeUndefined();
    for (const p of [0, 1]) most[p] = Math.max(most[p], face[p * ARKIT_51.length + JAW]);
    firstS ||= contextTimeS;
    lastS = contextTimeS;
    count++;
    // Both speak within 4.3 s; a slow machine leaves frames out and may need what they say later.
    if ((Math.min(...most) > 0.15 && new Set(spoke).size === 2) || contextTimeS > 30) break;
  }
  console.log(
    `${count} frames from ${firstS.toFixed(1)} s to ${lastS.toFixed(1)} s, jaws open to ` +
      `${most.map((jaw) => jaw.toFixed(2))}, spoke ${spoke}`,
  );
  expect(Math.min(...most)).toBeGreaterThan(0.15);
  expect(new Set(spoke)).toEqual(new Set(['0', '1']));
  await talk.setEmotion(0, 'positive');
  const waiting = talk.frames();
  talk.dispose();
  talk.dispose();
  expect((await waiting.next()).done).toBe(true);
  expect(errors).toEqual([]);
});

test('a canvas is drawn on and stays the page’s', { timeout: 180_000 }, async () => {
  const canvas = document.createElement('canvas');
  canvas.style.cssText = 'width: 320px; height: 180px';
  document.body.append(canvas);
  const duo = keep(
    await createDuologue({
      canvas,
      characters: [characters[0], characters[0]],
      modelBaseUrl,
      backend: 'visemes',
      voices: [voices[0], null],
    }),
  );
  const progress: number[] = [];
  duo.on('progress', ({ loadedBytes, totalBytes }) => progress.push(loadedBytes / totalBytes));
  await duo.start();
  const frames = duo.frames();
  for await (const { face } of frames) if (face[JAW] > 0.1) break;
  // A slow machine draws fewer pixels, of the same shape; a canvas that nobody draws on is 300 by 150.
  await expect.poll(() => canvas.width / canvas.height).toBeCloseTo(16 / 9, 1);
  expect(canvas.getContext('webgl2')).not.toBeNull();
  await duo.setCharacter(1, characters[1]); // another file
  expect(progress.at(-1)).toBe(1);
  duo.dispose();
  expect(canvas.isConnected).toBe(true);
  canvas.remove();
});

test.each([
  ['nothing to be seen in', {}, /none of container, canvas and scene/],
  [
    'a voice that is none',
    { canvas: document.createElement('canvas'), voices: ['a.mp3', null] },
    /gives no sound/,
  ],
  ['an OffscreenCanvas', { canvas: new OffscreenCanvas(9, 9) }, /canvas is .*OffscreenCanvas/],
])('%s is told before anything is loaded', async (_, options, message) => {
  await expect(createDuologue({ characters, ...options } as never)).rejects.toThrow(message);
});

test.each([
  [
    'no WebGL 2',
    () => vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null),
    () => createDuologue({ container: document.body, characters, modelBaseUrl, backend: 'visemes' }),
    { message: /no WebGL 2/, hint: /hardware acceleration/ },
  ],
  [
    'no audio worklets, as on an insecure page',
    () => vi.spyOn(BaseAudioContext.prototype, 'audioWorklet', 'get').mockReturnValue(undefined as never),
    () => createTalk({ modelBaseUrl, backend: 'visemes' }),
    { message: /no audio worklets/, hint: /https/ },
  ],
])(
  '%s: one error that says what to do, and nothing stays behind',
  { timeout: 180_000 },
  async (_, inject, make, { message, hint }) => {
    const closed = vi.spyOn(AudioContext.prototype, 'close');
    const ended = vi.spyOn(Worker.prototype, 'terminate');
    const before = document.querySelectorAll('canvas').length;
    inject();
    const error: unknown = await make().then(keep, (cause: unknown) => cause);
    expect(error).toMatchObject({
      name: 'EngineError',
      kind: 'unsupported',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(closed).toHaveBeenCalled();
    expect(ended).toHaveBeenCalled();
    expect(document.querySelectorAll('canvas')).toHaveLength(before);
  },
);
