import { type Duologue, type DuologueEvents, microphoneProblem, type Person } from '../src/index.ts';
import { showLevel } from './figures.ts';
import { byId, showProblem } from './page.ts';
import { wordsFor } from './words.ts';

const NOBODY = '';
const PEOPLE = [0, 1] as const;
const SIDES = ['left', 'right'] as const;
const pickers = [byId<HTMLSelectElement>('device-0'), byId<HTMLSelectElement>('device-1')] as const;
const warning = byId('bleed');

/** Nothing of it is played back, so there is no echo to cancel. */
const ALONE = { echoCancellation: false, fallback: true };
/** Gain control would lift the voice of the other person in the room while one is silent. */
const TOGETHER = { ...ALONE, autoGainControl: false };

const BOTH = 'Listening to both of you. Talk.';
const ONE =
  'One microphone: it speaks for the one on the left. Plug in another for the right, or choose it twice.';

/**
 * Gives each person a microphone, asking for permission, and lets the user change which; says who listens, and how to
 * stop. Throws words for the user when there is no microphone to be had.
 */
export async function listenToBoth(duo: Duologue): Promise<{ readonly said: string; stop(): void }> {
  const { microphones } = duo;
  const show = (error: unknown) => {
    if (microphoneProblem(error) !== 'superseded') showProblem(wordsFor(error));
  };
  const mark = () => {
    for (const person of PEOPLE) {
      const device = microphones.device(person);
      const picker = pickers[person];
      picker.value = device?.deviceId ?? NOBODY;
      if (!device || picker.value === device.deviceId) continue;
      // The system's choice, which it does not tell from the devices in the list.
      picker.add(new Option(device.label, device.deviceId));
      picker.value = device.deviceId;
    }
  };
  const list = async () => {
    const devices = (await microphones.devices()).filter(({ deviceId }) => deviceId !== '');
    for (const picker of pickers)
      picker.replaceChildren(
        new Option('Nobody', NOBODY),
        ...devices.map(({ label, deviceId }) => new Option(label, deviceId)),
      );
    mark();
  };
  const choose = async (person: Person, deviceId: string) => {
    try {
      if (deviceId === NOBODY) microphones.close(person);
      else await microphones.open(person, deviceId, TOGETHER);
    } catch (error) {
      show(error);
    }
    showLevel(person);
    mark();
  };

  const { deviceId } = await microphones.open(0, undefined, ALONE);
  await list();
  const others = (await microphones.devices()).filter((device) => device.deviceId !== deviceId);
  const other = others.find(({ isDefault }) => isDefault) ?? others[0];
  let both = other !== undefined;
  if (other)
    try {
      // Both by name and in one breath: the browser then starts them within a hundredth of a second.
      await Promise.all([
        microphones.open(0, deviceId, TOGETHER),
        microphones.open(1, other.deviceId, TOGETHER),
      ]);
    } catch (error) {
      both = false;
      show(error);
    }
  mark();
  const stops = [
    microphones.on('devices', () => void list()),
    microphones.on('opened', mark),
    microphones.on('level', ({ person, level }) => showLevel(person, level)),
    microphones.on('lost', ({ person, error }) => {
      showLevel(person);
      mark();
      show(error);
    }),
    duo.on('permission', ({ error }) => error && show(error)),
    duo.on('bleed', warn),
  ];
  for (const person of PEOPLE) {
    pickers[person].hidden = false;
    pickers[person].onchange = () => void choose(person, pickers[person].value);
  }
  return {
    said: both ? BOTH : ONE,
    stop() {
      for (const stop of stops) stop();
      warning.hidden = true;
      for (const person of PEOPLE) {
        microphones.close(person);
        showLevel(person);
        pickers[person].hidden = true;
        pickers[person].onchange = null;
      }
    },
  };
}

/** Says that two microphones hear each other, and whose voice is in whose. */
function warn({ kind, source, paths }: DuologueEvents['bleed']) {
  warning.dataset.kind = kind;
  warning.hidden = kind === 'none';
  if (kind === 'same')
    warning.textContent = 'Both microphones hear the same voice: use two, or one headset each.';
  else if (kind === 'both-ways')
    warning.textContent = "Each voice is heard in the other's microphone; it is ducked there.";
  else if (kind === 'one-way' && source !== undefined) {
    const late = Math.abs(paths[source].lagMs) > 1000; // too late for the gate
    warning.textContent = `The voice on the ${SIDES[source]} is heard in the ${SIDES[1 - source]} one's microphone${late ? ', much later' : '; it is ducked there'}.`;
  }
}
