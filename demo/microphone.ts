import { type Microphone, type Microphones, microphoneProblem } from '../src/index.ts';
import { showError } from './engine.ts';
import { byId, hideProblem } from './page.ts';

const KEPT = 'duologue-microphone';
/** Person 0 of the microphones is who sits before the page. */
const USER = 0;

/** The user's microphone with its picker and meter, until `close`. */
export type OwnMicrophone = {
  /** Silences the meter too, while the microphone is muted. */
  muted: boolean;
  close(): void;
};

const share = (db: number) => Math.min(1, Math.max(0, (db + 60) / 50));

/**
 * Opens the microphone that was chosen last, or the system's, asking for permission, and brings picker and meter to life:
 * they follow the plug, and the choice is kept. Throws words for the user when there is no microphone to be had.
 */
export async function openOwnMicrophone(
  microphones: Microphones,
  { echoCancellation = true } = {},
): Promise<OwnMicrophone> {
  const picker = byId<HTMLSelectElement>('device');
  const meter = byId<HTMLMeterElement>('level');
  const row = byId('microphone');
  const options = { echoCancellation, fallback: true };
  let open = true;

  const mark = () => {
    const device = microphones.device(USER);
    if (!device) {
      picker.value = '';
      return;
    }
    // The system's choice, which some browsers do not tell from the devices in the list.
    if (![...picker.options].some(({ value }) => value === device.deviceId))
      picker.add(new Option(device.label, device.deviceId));
    picker.value = device.deviceId;
  };
  const list = (devices: readonly Microphone[]) => {
    const named = devices.filter(({ deviceId }) => deviceId !== '');
    picker.replaceChildren(...named.map(({ label, deviceId }) => new Option(label, deviceId)));
    mark();
  };
  const show = (error: unknown) => {
    if (microphoneProblem(error) !== 'superseded') showError(error);
  };
  const choose = async (deviceId: string) => {
    try {
      await microphones.open(USER, deviceId, options);
      localStorage.setItem(KEPT, deviceId);
      hideProblem();
    } catch (error) {
      if (open) show(error);
    }
    mark();
  };

  const kept = localStorage.getItem(KEPT) ?? undefined;
  await microphones.open(USER, kept, options).catch((error: unknown) => {
    if (kept === undefined || microphoneProblem(error) !== 'constraint') throw error;
    return microphones.open(USER, undefined, options); // the chosen one is not plugged in
  });
  list(await microphones.devices());
  const own: OwnMicrophone = {
    muted: false,
    close() {
      open = false;
      for (const stop of stops) stop();
      microphones.close(USER);
      picker.onchange = null;
      meter.value = 0;
      row.hidden = true;
    },
  };
  const stops = [
    microphones.on('devices', list),
    microphones.on('opened', ({ why }) => {
      if (why !== 'asked') hideProblem();
      mark();
    }),
    microphones.on('level', ({ level }) => {
      meter.value = own.muted ? 0 : share(level.rmsDb);
      meter.toggleAttribute('data-clipping', level.clipping);
    }),
    microphones.on('lost', ({ error }) => {
      meter.value = 0;
      mark();
      show(error);
    }),
  ];
  picker.onchange = () => void choose(picker.value);
  row.hidden = false;
  return own;
}
