import type { Duologue } from '../src/index.ts';
import { byId, say, showProblem } from './page.ts';
import { noMicrophones, PageError, wordsForMicrophone } from './words.ts';

type Voice = { readonly stream: MediaStream; readonly attached: ReturnType<Duologue['attach']> };
type Person = 0 | 1;

const NOBODY = '';
const pickers = [byId<HTMLSelectElement>('device-0'), byId<HTMLSelectElement>('device-1')] as const;

/** Asks for microphones, gives each person one, and lets the user change which; until stopped. */
export class Microphones {
  readonly #duo: Duologue;
  readonly #voices: [Voice | undefined, Voice | undefined] = [undefined, undefined];
  readonly #changed = () => void this.#list();

  constructor(duo: Duologue) {
    this.#duo = duo;
  }

  /** Asks for permission and starts; throws words for the user when there is no microphone to be had. */
  async start(): Promise<void> {
    if (!navigator.mediaDevices?.getUserMedia) throw new PageError(noMicrophones);
    const first = await open();
    const devices = await this.#list();
    const used = first.getAudioTracks()[0]?.getSettings().deviceId;
    const second = devices.find(({ deviceId, groupId }) => isOther(deviceId, groupId, used, devices));
    this.#give(0, first);
    pickers[0].value = used ?? pickers[0].value;
    pickers[1].value = second?.deviceId ?? NOBODY;
    for (const person of [0, 1] as const) {
      pickers[person].hidden = false;
      pickers[person].onchange = () => void this.#choose(person);
    }
    navigator.mediaDevices.addEventListener('devicechange', this.#changed);
    if (second) await this.#choose(1);
    say(
      second
        ? 'Listening to both of you. Talk.'
        : 'One microphone: it speaks for the one on the left. Plug in another for the right, or choose it twice.',
    );
  }

  /** Gives both microphones back. */
  stop(): void {
    navigator.mediaDevices?.removeEventListener('devicechange', this.#changed);
    for (const person of [0, 1] as const) {
      this.#drop(person);
      pickers[person].hidden = true;
      pickers[person].onchange = null;
    }
  }

  async #choose(person: Person) {
    this.#drop(person);
    const { value } = pickers[person];
    if (value === NOBODY) return;
    try {
      this.#give(person, await open(value));
    } catch (error) {
      pickers[person].value = NOBODY;
      showProblem(wordsForMicrophone(error));
    }
  }

  #give(person: Person, stream: MediaStream) {
    this.#voices[person] = { stream, attached: this.#duo.attach(person, stream) };
  }

  #drop(person: Person) {
    const voice = this.#voices[person];
    this.#voices[person] = undefined;
    voice?.attached.detach();
    for (const track of voice?.stream.getTracks() ?? []) track.stop();
  }

  /** Fills both pickers with the devices there are, keeping what is chosen. */
  async #list(): Promise<MediaDeviceInfo[]> {
    const all = await navigator.mediaDevices.enumerateDevices();
    const devices = all.filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId);
    for (const picker of pickers) {
      const { value } = picker;
      picker.replaceChildren(
        new Option('Nobody', NOBODY),
        ...devices.map(({ label, deviceId }, i) => new Option(label || `Microphone ${i + 1}`, deviceId)),
      );
      if (devices.some(({ deviceId }) => deviceId === value)) picker.value = value;
    }
    return devices;
  }
}

/** "Default" and "Communications" are other names of a device that is in the list too. */
const isOther = (deviceId: string, groupId: string, used: string | undefined, all: MediaDeviceInfo[]) => {
  if (deviceId === 'default' || deviceId === 'communications' || deviceId === used) return false;
  const usedGroup = all.find((device) => device.deviceId === used)?.groupId;
  return !(used === 'default' && groupId !== '' && groupId === usedGroup);
};

async function open(deviceId?: string): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      // Nothing of it is played back, so there is no echo to cancel.
      audio: {
        echoCancellation: false,
        noiseSuppression: true,
        autoGainControl: true,
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
      },
    });
  } catch (cause) {
    throw new PageError(wordsForMicrophone(cause), { cause });
  }
}
