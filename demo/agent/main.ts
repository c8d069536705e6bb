import type { Duologue } from '../../src/index.ts';
import { enter, openEngine, query, showError, voiceFile } from '../engine.ts';
import { openOwnMicrophone } from '../microphone.ts';
import { byId, hideProblem } from '../page.ts';
import { Agent } from './agent.ts';
import { type Line, loadScript } from './script.ts';

const said = byId('line');
const talk = byId<HTMLButtonElement>('talk');
const stop = byId<HTMLButtonElement>('stop');
const READY = 'Talk to it with your microphone. Nothing leaves this page.';

/** What is taken apart when the talk ends, last first. */
const stops: (() => void)[] = [];

/** Gives the user a voice: the microphone, or a sound file that speaks instead. */
async function listen(duo: Duologue) {
  const file = query.get('voice');
  if (file) {
    const voice = duo.attach(0, await voiceFile(duo, file), { play: false });
    stops.push(() => voice.detach());
    return;
  }
  enter('ready', 'Waiting for your permission to listen…');
  // With headphones there is no echo, and a canceller would only weaken the voice of who breaks in.
  const own = await openOwnMicrophone(duo.microphones, { echoCancellation: !query.has('headphones') });
  stops.push(() => own.close());
}

async function begin(duo: Duologue, lines: readonly Line[]) {
  hideProblem();
  talk.disabled = true;
  try {
    await duo.start();
    await duo.reset();
    await listen(duo);
    const agent = new Agent(duo, lines, (state, line) => {
      enter(state, state === 'listening' ? 'It listens. Talk.' : 'It answers. Break in whenever you like.');
      if (line) said.textContent = line.text;
    });
    stops.push(() => agent.stop());
    if (query.has('debug')) Object.assign(window, { agent });
    enter('listening', 'Say something. When you stop, it answers.');
    talk.hidden = true;
    stop.hidden = false;
    stop.focus({ preventScroll: true });
  } catch (error) {
    end();
    showError(error);
  }
}

function end() {
  for (const each of stops.splice(0).reverse()) each();
  said.textContent = '';
  talk.hidden = false;
  talk.disabled = false;
  stop.hidden = true;
  enter('ready', READY);
}

async function boot() {
  const opened = await openEngine('../../', loadScript('../../sample/'));
  if (!opened) return;
  const [duo, lines] = opened;
  talk.onclick = () => void begin(duo, lines);
  stop.onclick = end;
  end();
}

void boot();
