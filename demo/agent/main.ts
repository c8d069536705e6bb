import { type BackendChoice, createDuologue, type Duologue, EngineError } from '../../src/index.ts';
import { Agent } from './agent.ts';
import { type Line, loadScript } from './script.ts';

const byId = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const query = new URLSearchParams(location.search);
const status = byId('status');
const said = byId('line');
const notice = byId('notice');
const talk = byId<HTMLButtonElement>('talk');
const stop = byId<HTMLButtonElement>('stop');
const root = '../../';

let microphone: MediaStream | undefined;
let agent: Agent | undefined;

function setState(state: string, sentence: string) {
  document.body.dataset.state = state;
  status.textContent = sentence;
}

function showProblem(error: unknown) {
  const { message, hint } =
    error instanceof EngineError ? error : { message: String((error as Error)?.message ?? error), hint: '' };
  notice.querySelector('p')!.textContent = `${message} ${hint ?? ''}`.trim();
  notice.hidden = false;
}

/** Opens the microphone; throws what to tell the user. */
async function listen(): Promise<MediaStream> {
  try {
    // With headphones there is no echo, and a canceller would only weaken the voice of who breaks in.
    const echoCancellation = !query.has('headphones');
    microphone = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation, noiseSuppression: true, autoGainControl: true },
    });
    return microphone;
  } catch (cause) {
    throw new Error('There is no microphone to be had, or it was refused. Allow it, and try again.', {
      cause,
    });
  }
}

/** A sound file that speaks instead of the user: `?voice=ADDRESS`. */
const sound = async ({ context }: Duologue, address: string) =>
  context.decodeAudioData(await (await fetch(address)).arrayBuffer());

async function begin(duo: Duologue, lines: readonly Line[]) {
  notice.hidden = true;
  talk.disabled = true;
  try {
    await duo.start();
    await duo.reset();
    const file = query.get('voice');
    duo.attach(0, file ? await sound(duo, file) : await listen(), { play: false });
    agent = new Agent(duo, lines, (state, line) => {
      setState(
        state,
        state === 'listening' ? 'It listens. Talk.' : 'It answers. Break in whenever you like.',
      );
      if (line) said.textContent = line.text;
    });
    if (query.has('debug')) Object.assign(window, { agent });
    setState('listening', 'Say something. When you stop, it answers.');
    talk.hidden = true;
    stop.hidden = false;
    stop.focus({ preventScroll: true });
  } catch (error) {
    end();
    showProblem(error);
  }
}

function end() {
  agent?.stop();
  agent = undefined;
  for (const track of microphone?.getTracks() ?? []) track.stop();
  microphone = undefined;
  said.textContent = '';
  talk.hidden = false;
  talk.disabled = false;
  stop.hidden = true;
  setState('ready', 'Talk to it with your microphone. Nothing leaves this page.');
}

async function boot() {
  notice.querySelector('button')!.onclick = () => {
    notice.hidden = true;
  };
  const backend = query.get('backend') as BackendChoice | null;
  const progress = byId<HTMLProgressElement>('progress');
  try {
    if (!navigator.mediaDevices?.getUserMedia)
      throw new Error('This page gets no microphone here. Open it over https or from localhost.');
    const [duo, lines] = await Promise.all([
      createDuologue({
        container: byId('stage'),
        characters: [`${root}models/ada.vrm`, `${root}models/bo.vrm`],
        modelBaseUrl: `${root}models/`,
        ...(backend ? { backend } : {}),
        onProgress({ loadedBytes, totalBytes }) {
          if (totalBytes > 0) progress.value = Math.max(progress.value, loadedBytes / totalBytes);
        },
      }),
      loadScript(`${root}sample/`),
    ]);
    duo.on('error', showProblem);
    if (query.has('debug')) Object.assign(window, { duologue: duo });
    talk.onclick = () => void begin(duo, lines);
    stop.onclick = end;
    end();
  } catch (error) {
    setState('error', '');
    showProblem(error);
  } finally {
    progress.hidden = true;
  }
}

void boot();
