import {
  type Call,
  type CallState,
  type Duologue,
  joinCall,
  Microphones,
  type MotionRole,
  type Voice,
  webSocketSignalling,
} from '../../src/index.ts';
import { enter, openEngine, query, showError, voiceFile } from '../engine.ts';
import { type OwnMicrophone, openOwnMicrophone } from '../microphone.ts';
import { byId, hideProblem } from '../page.ts';

const room = byId<HTMLInputElement>('room');
const join = byId<HTMLButtonElement>('join');
const mute = byId<HTMLButtonElement>('mute');
const hangUp = byId<HTMLButtonElement>('hang-up');

const READY = 'Choose a room, and join with your microphone.';
const SAID: Readonly<Record<CallState, string>> = {
  waiting: 'You are in the room. Waiting for the other…',
  connecting: 'The other is here. Finding a way to each other…',
  connected: 'Talk: you hear each other.',
  reconnecting: 'The connection broke. Looking for another way…',
  ended: 'The call is over.',
};
const COMES_FROM: Readonly<Record<MotionRole, string>> = {
  generating: 'The motion is made on this page.',
  following: 'The motion is made on the other page.',
  fallback: 'The motion is made here, because none comes from the other page.',
};

/** What is taken apart when a call ends, last first. */
const stops: (() => void)[] = [];

/** The signalling server: `?signal=`, else the one that `npm run signal` starts on this machine. */
function signalAddress() {
  const given = query.get('signal');
  if (given) return given;
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${location.hostname}:8788`;
}

/**
 * Our voice: a stream, and what hears of the streams that follow it when another microphone is chosen. A file begins when
 * the other can hear it.
 */
type OwnVoice = {
  stream: MediaStream;
  own?: OwnMicrophone;
  onStream?: (stream: MediaStream) => void;
  begin?: () => void;
};

/** The user's microphone. The call itself gives it to the person whom it makes of the user. */
async function listen({ context }: Duologue): Promise<OwnVoice> {
  let voice: OwnVoice | undefined;
  const microphones = new Microphones(context, (_, stream): Voice => {
    if (voice) voice.stream = stream;
    voice?.onStream?.(stream);
    let detach = () => {};
    const ended = new Promise<void>((resolve) => {
      detach = resolve;
    });
    return { state: 'live', detach: () => detach(), ended };
  });
  stops.push(() => microphones.dispose());
  // The other's voice comes out of the loudspeaker, so the echo of it must not go back.
  const own = await openOwnMicrophone(microphones, { echoCancellation: !query.has('headphones') });
  stops.push(() => own.close());
  voice = { stream: microphones.stream(0)!, own };
  return voice;
}

async function speak(duo: Duologue, address: string): Promise<OwnVoice> {
  const source = new AudioBufferSourceNode(duo.context, { buffer: await voiceFile(duo, address) });
  const to = duo.context.createMediaStreamDestination();
  source.connect(to);
  stops.push(() => source.disconnect());
  let begun = false;
  const begin = () => {
    if (!begun) source.start();
    begun = true;
  };
  return { stream: to.stream, begin };
}

async function begin(duo: Duologue) {
  hideProblem();
  join.disabled = true;
  try {
    const address = new URL(location.href);
    address.searchParams.set('room', room.value);
    history.replaceState(null, '', address);
    await duo.start();
    const file = query.get('voice');
    if (!file) enter('ready', 'Waiting for your permission to listen…');
    const voice = file ? await speak(duo, file) : await listen(duo);
    enter('ready', `Going into the room ${room.value}…`);
    const microphone = voice.stream;
    const call = await joinCall({
      duo,
      signalling: webSocketSignalling(signalAddress()),
      room: room.value,
      microphone,
      iceServers: query.getAll('stun').map((urls) => ({ urls })),
    });
    stops.push(() => call.hangUp());
    meet(call, voice);
    if (voice.stream !== microphone) await call.setMicrophone(voice.stream); // it was changed meanwhile
  } catch (error) {
    leave(READY);
    showError(error);
  }
}

function meet(call: Call, voice: OwnVoice) {
  if (query.has('debug')) Object.assign(window, { call });
  voice.onStream = (stream) => call.setMicrophone(stream).catch(showError);
  byId(`name-${call.person}`).textContent = 'You';
  byId(`name-${1 - call.person}`).textContent = 'The other';
  let troubled = false; // by the call: what it says is over once there is a way, or nobody to find one to
  const show = (state: CallState) => {
    if (state === 'connected') voice.begin?.();
    if (troubled && (state === 'connected' || state === 'waiting')) {
      troubled = false;
      hideProblem();
    }
    if (state === 'ended') leave(SAID.ended);
    else enter(state, SAID[state]);
  };
  call.on('state', show);
  call.on('role', ({ role }) => {
    byId('where').textContent = COMES_FROM[role];
    document.body.dataset.role = role;
  });
  call.on('signalling', ({ open }) => {
    const line = byId('line');
    line.hidden = open;
    line.textContent =
      'The signalling server is away. Your talk goes on; nobody can come in until it is back.';
  });
  call.on('error', (error) => {
    troubled = true;
    showError(error);
  });
  mute.onclick = () => {
    const muted = !call.muted;
    call.setMuted(muted);
    if (voice.own) voice.own.muted = muted;
    mute.setAttribute('aria-pressed', String(muted));
    mute.textContent = muted ? 'Unmute' : 'Mute';
  };
  show(call.state);
  byId('microphone').dataset.person = String(call.person);
  byId('door').hidden = true;
  byId('talking').hidden = false;
  hangUp.focus({ preventScroll: true });
}

function leave(said: string) {
  for (const stop of stops.splice(0).reverse()) stop();
  byId('door').hidden = false;
  byId('talking').hidden = true;
  byId('line').hidden = true;
  join.disabled = false;
  mute.setAttribute('aria-pressed', 'false');
  mute.textContent = 'Mute';
  byId('where').textContent = '';
  delete document.body.dataset.role;
  for (const person of [0, 1]) byId(`name-${person}`).textContent = '';
  enter('ready', said);
}

async function boot() {
  room.value = query.get('room') ?? Math.random().toString(36).slice(2, 8);
  const opened = await openEngine('../../', Promise.resolve());
  if (!opened) return;
  const [duo] = opened;
  byId<HTMLFormElement>('door').onsubmit = (event) => {
    event.preventDefault();
    void begin(duo);
  };
  hangUp.onclick = () => {
    leave('You hung up.');
    join.focus({ preventScroll: true });
  };
  addEventListener('pagehide', () => leave(READY));
  join.disabled = false;
  enter('ready', READY);
}

void boot();
