import {
  type BackendChoice,
  type Call,
  type CallState,
  createDuologue,
  type Duologue,
  EngineError,
  joinCall,
  type MotionRole,
  webSocketSignalling,
} from '../../src/index.ts';

const byId = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const query = new URLSearchParams(location.search);
const status = byId('status');
const where = byId('where');
const notice = byId('notice');
const room = byId<HTMLInputElement>('room');
const join = byId<HTMLButtonElement>('join');
const hangUp = byId<HTMLButtonElement>('hang-up');
const models = '../../models/';

const SAID: Readonly<Record<CallState, string>> = {
  waiting: 'You are in the room. Waiting for the other…',
  connecting: 'The other is here. Finding a way to each other…',
  connected: 'Talk: you hear each other.',
  reconnecting: 'The connection broke. Looking for another way…',
  ended: 'You hung up.',
};

const COMES_FROM: Readonly<Record<MotionRole, string>> = {
  generating: 'The motion is made on this page, for both.',
  following: 'The motion is made on the other page.',
  fallback: 'The motion is made here, because none comes from the other page.',
};

let call: Call | undefined;
let microphone: MediaStream | undefined;

function setState(state: 'loading' | 'ready' | 'error' | CallState, said: string) {
  document.body.dataset.state = state;
  status.textContent = said;
}

function showProblem(error: unknown) {
  const { message, hint } =
    error instanceof EngineError ? error : { message: String((error as Error)?.message ?? error), hint: '' };
  notice.querySelector('p')!.textContent = `${message} ${hint ?? ''}`.trim();
  notice.hidden = false;
}

/** The signalling server: `?signal=`, else the one that `npm run signal` starts on this machine. */
function signalAddress() {
  const given = query.get('signal');
  if (given) return given;
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${location.hostname}:8788`;
}

async function listen(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia)
    throw new Error('This browser gives the page no microphone. Open it over https or from localhost.');
  try {
    // The other's voice comes out of the loudspeaker, so the echo of it must not go back.
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: !query.has('headphones'), noiseSuppression: true, autoGainControl: true },
    });
  } catch (cause) {
    const denied = cause instanceof DOMException && cause.name === 'NotAllowedError';
    throw new Error(
      denied
        ? 'The microphone was refused. Allow it beside the address of the page, and join again.'
        : 'There is no microphone to be had. Plug one in, and join again.',
      { cause },
    );
  }
}

/** A sound file that speaks instead of the user: `?voice=ADDRESS`. */
async function speak({ context }: Duologue, address: string): Promise<MediaStream> {
  const buffer = await context.decodeAudioData(await (await fetch(address)).arrayBuffer());
  const source = new AudioBufferSourceNode(context, { buffer });
  const to = context.createMediaStreamDestination();
  source.connect(to);
  source.start();
  return to.stream;
}

async function enter(duo: Duologue) {
  notice.hidden = true;
  join.disabled = true;
  try {
    const address = new URL(location.href);
    address.searchParams.set('room', room.value);
    history.replaceState(null, '', address);
    await duo.start();
    const file = query.get('voice');
    microphone = file ? await speak(duo, file) : await listen();
    call = await joinCall({
      duo,
      signalling: webSocketSignalling(signalAddress()),
      room: room.value,
      microphone,
      iceServers: query.getAll('stun').map((urls) => ({ urls })),
    });
    meet(call);
  } catch (error) {
    leave();
    setState('ready', 'Choose a room.');
    showProblem(error);
  }
}

function meet(joined: Call) {
  if (query.has('debug')) Object.assign(window, { call: joined });
  byId(`name-${joined.person}`).textContent = 'You';
  byId(`name-${1 - joined.person}`).textContent = 'The other';
  const show = (state: CallState) => setState(state, SAID[state]);
  joined.on('state', show);
  joined.on('role', ({ role }) => {
    where.textContent = COMES_FROM[role];
    document.body.dataset.role = role;
  });
  joined.on('error', showProblem);
  show(joined.state);
  join.hidden = true;
  room.readOnly = true;
  hangUp.hidden = false;
  hangUp.focus({ preventScroll: true });
}

function leave() {
  call?.hangUp();
  call = undefined;
  for (const track of microphone?.getTracks() ?? []) track.stop();
  microphone = undefined;
  join.hidden = false;
  join.disabled = false;
  hangUp.hidden = true;
  room.readOnly = false;
  where.textContent = '';
  delete document.body.dataset.role;
  for (const person of [0, 1]) byId(`name-${person}`).textContent = '';
}

async function boot() {
  room.value = query.get('room') ?? Math.random().toString(36).slice(2, 8);
  notice.querySelector('button')!.onclick = () => {
    notice.hidden = true;
  };
  const backend = query.get('backend') as BackendChoice | null;
  const progress = byId<HTMLProgressElement>('progress');
  try {
    const duo = await createDuologue({
      container: byId('stage'),
      characters: [query.get('left') ?? `${models}ada.vrm`, query.get('right') ?? `${models}bo.vrm`],
      modelBaseUrl: models,
      ...(backend ? { backend } : {}),
      onProgress({ loadedBytes, totalBytes }) {
        if (totalBytes > 0) progress.value = Math.max(progress.value, loadedBytes / totalBytes);
      },
    });
    duo.on('error', showProblem);
    if (query.has('debug')) Object.assign(window, { duologue: duo });
    byId<HTMLFormElement>('door').onsubmit = (event) => {
      event.preventDefault();
      void enter(duo);
    };
    hangUp.onclick = () => {
      leave();
      setState('ready', SAID.ended);
      join.focus({ preventScroll: true });
    };
    addEventListener('pagehide', leave);
    join.disabled = false;
    setState('ready', 'Choose a room, and join with your microphone.');
  } catch (error) {
    setState('error', '');
    showProblem(error);
  } finally {
    progress.hidden = true;
  }
}

void boot();
