import { type BackendChoice, createDuologue, type Duologue } from '../src/index.ts';
import { isCharacter, personAt, recast, watchCast } from './cast.ts';
import { showFigures, showLevels, showWarnings } from './figures.ts';
import { watchHeadset } from './headset.ts';
import { listenToBoth } from './microphones.ts';
import { keepPage } from './offline/register.ts';
import { byId, hideProblem, say, setState, showProblem } from './page.ts';
import { type Caption, loadSample, type Voices, voicesOf } from './sounds.ts';
import { viewOptions, watchView } from './view.ts';
import { insecurePage, noFile, PageError, wordsFor } from './words.ts';

const query = new URLSearchParams(location.search);
const base = import.meta.env.BASE_URL;
const captionLines = [...document.querySelectorAll<HTMLElement>('#captions p')];
const ways = ['play-sample', 'use-microphones', 'use-files'].map((id) => byId<HTMLButtonElement>(id));
const files = byId<HTMLFormElement>('files');
const inputs = [...files.querySelectorAll<HTMLInputElement>('input')];
const replay = byId<HTMLButtonElement>('replay');
const READY = 'Choose how they get their voices.';

/** Stops what is playing; set while something is. */
let stopPlaying: (() => void) | undefined;

const wholeNumber = (name: string) => {
  const value = Number.parseInt(query.get(name) ?? '', 10);
  return Number.isNaN(value) ? {} : { [name]: value };
};

async function boot() {
  const backend = query.get('backend');
  const progress = byId<HTMLProgressElement>('progress');
  try {
    if (!isSecureContext) throw new PageError(insecurePage);
    const duo = await createDuologue({
      container: byId('stage'),
      characters: [
        query.get('left') ?? `${base}models/ada.vrm`,
        query.get('right') ?? `${base}models/bo.vrm`,
      ],
      modelBaseUrl: query.get('models') ?? `${base}models/`,
      ...(backend ? { backend: backend as BackendChoice } : {}),
      ...viewOptions(query),
      ...wholeNumber('seed'),
      ...wholeNumber('steps'),
      onProgress({ loadedBytes, totalBytes }) {
        if (totalBytes > 0) progress.value = Math.max(progress.value, loadedBytes / totalBytes);
      },
    });
    meet(duo);
  } catch (error) {
    setState('error', '');
    showProblem(wordsFor(error));
    console.error(error);
  }
}

/** What runs the networks at the moment, in a sentence. */
function whatRuns({ info: { backend, adapter, reason } }: Duologue) {
  if (backend === 'webgpu') return `It runs on your GPU (${adapter}).`;
  if (backend === 'wasm') return `It runs on the processor: ${reason}.`;
  return `Only the lips are generated here: ${reason}.`;
}

/** The engine is there: the page comes alive. */
function meet(duo: Duologue) {
  byId('backend').textContent = whatRuns(duo);
  duo.on('stats', () => {
    byId('backend').textContent = whatRuns(duo);
  });
  if (query.has('debug')) {
    showFigures(duo);
    showWarnings(duo);
    Object.assign(window, { duologue: duo });
  }
  duo.on('error', (error) => showProblem(wordsFor(error)));

  byId('play-sample').onclick = () =>
    attempt(async () => {
      await duo.start();
      const { voices, captions } = await loadSample(duo.context);
      await play(duo, voices, captions, 'Ada and Bo, about a sourdough.');
    });
  byId('use-microphones').onclick = () => attempt(() => listen(duo));
  byId('stop').onclick = () => stopPlaying?.();
  watchFiles(duo);
  watchCast(duo);
  watchView(duo, query);
  watchHeadset(duo);
  for (const way of ways) way.disabled = false;
  setState('ready', READY);
}

/** Runs something the user asked for; what goes wrong is said, and the page is ready again. */
async function attempt(action: () => Promise<void>) {
  hideProblem();
  stopPlaying?.();
  for (const way of ways) way.disabled = true;
  try {
    await action();
  } catch (error) {
    stopPlaying?.();
    setState('ready', READY);
    showProblem(wordsFor(error));
  } finally {
    for (const way of ways) way.disabled = false;
  }
}

/** Shows the playing sheet; returns what takes it away again. */
function begin(said: string, hideLevels?: () => void): () => void {
  byId('playing').hidden = false;
  files.hidden = true;
  ways[2]!.setAttribute('aria-expanded', 'false');
  setState('playing', said);
  byId('stop').focus({ preventScroll: true });
  return () => {
    hideLevels?.();
    byId('playing').hidden = true;
    replay.hidden = true;
    stopPlaying = undefined;
    setState('ready', READY);
    ways[0]!.focus({ preventScroll: true });
  };
}

async function play(duo: Duologue, voices: Voices, captions: readonly Caption[], said: string) {
  await duo.reset();
  const attached = voices.flatMap((voice, person) => (voice ? [duo.attach(person as 0 | 1, voice)] : []));
  const hideCaptions = showCaptions(duo, captions);
  const end = begin(said, showLevels(duo));
  replay.hidden = false;
  const stop = () => {
    for (const voice of attached) voice.detach();
    hideCaptions();
    end();
  };
  stopPlaying = stop;
  replay.onclick = () => attempt(() => play(duo, voices, captions, said));
  void Promise.all(attached.map(({ ended }) => ended)).then(() => {
    if (stopPlaying === stop) stop();
  });
}

async function listen(duo: Duologue) {
  say('Waiting for your permission to listen…');
  await duo.start();
  await duo.reset();
  const { said, stop } = await listenToBoth(duo);
  const end = begin(said);
  stopPlaying = () => {
    stop();
    end();
  };
}

/** Shows what is said beside the one who says it. */
function showCaptions(duo: Duologue, captions: readonly Caption[]): () => void {
  const startS = duo.context.currentTime;
  const timer = setInterval(() => {
    // What is heard comes later than what was attached, by the delay that keeps sound and lips together.
    const timeS = duo.context.currentTime - startS - duo.stats().delayMs / 1000;
    for (const [person, line] of captionLines.entries()) {
      const now = captions.find((c) => c.person === person && timeS >= c.startS && timeS < c.endS + 0.3);
      if (now && line.textContent !== now.text) line.textContent = now.text;
      line.toggleAttribute('data-shown', now !== undefined);
    }
  }, 80);
  return () => {
    clearInterval(timer);
    for (const line of captionLines) line.removeAttribute('data-shown');
  };
}

function watchFiles(duo: Duologue) {
  const playFiles = (chosen: readonly (File | undefined)[]) =>
    attempt(async () => {
      if (!chosen.some(Boolean)) throw new PageError(noFile);
      say('Reading the sound…');
      await duo.start();
      const names = chosen.flatMap((file) => (file ? [file.name] : []));
      await play(duo, await voicesOf(duo.context, chosen), [], names.join(' and '));
    });
  const open = (shown: boolean) => {
    files.hidden = !shown;
    ways[2]!.setAttribute('aria-expanded', String(shown));
  };
  ways[2]!.onclick = () => {
    open(Boolean(files.hidden));
    if (!files.hidden) inputs[0]!.focus();
  };
  const close = () => {
    open(false);
    ways[2]!.focus();
  };
  files.querySelector<HTMLButtonElement>('[data-close]')!.onclick = close;
  window.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    if (document.body.dataset.problem && document.body.dataset.state !== 'error') hideProblem();
    else if (!files.hidden) close();
    else stopPlaying?.();
  });
  files.onsubmit = (event) => {
    event.preventDefault();
    void playFiles(inputs.map(({ files }) => files?.[0]));
  };

  const dropping = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  let depth = 0;
  const enter = (change: number) => {
    depth = Math.max(0, depth + change);
    document.body.toggleAttribute('data-dropping', depth > 0);
  };
  window.addEventListener('dragenter', (event) => enter(dropping(event) ? 1 : 0));
  window.addEventListener('dragleave', (event) => enter(dropping(event) ? -1 : 0));
  window.addEventListener('dragover', (event) => {
    if (dropping(event)) event.preventDefault();
  });
  window.addEventListener('drop', (event) => {
    if (!dropping(event)) return;
    event.preventDefault();
    enter(-depth);
    const dropped = [...event.dataTransfer!.files].sort((a, b) => a.name.localeCompare(b.name));
    const characters = dropped.filter(isCharacter).slice(0, 2);
    // Two at once come to both sides.
    for (const [i, file] of characters.entries())
      void recast(duo, characters.length > 1 ? (i as 0 | 1) : personAt(event), file);
    const sounds = dropped.filter((file) => !isCharacter(file)).slice(0, 2);
    if (sounds.length > 0) void playFiles(sounds);
  });
}

void boot();
void keepPage();
