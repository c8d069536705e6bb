/** A microphone that can be chosen. */
export type Microphone = {
  /** What `open` takes; empty before permission, when the browser hides which devices there are. */
  readonly deviceId: string;
  /** The device's own name, or `Microphone 1` while the browser hides it. */
  readonly label: string;
  /** Devices of one group are parts of one thing, such as a headset. */
  readonly groupId: string;
  /** Whether it is what the system gives when none is chosen. */
  readonly isDefault: boolean;
};

type Device = Pick<MediaDeviceInfo, 'deviceId' | 'label' | 'groupId' | 'kind'>;

/** Chromium lists the system's choices once more under these names. */
const ALIASES: readonly string[] = ['default', 'communications'];

/** The microphones of a list of devices, each once, whatever other names the system has for it. */
export function microphonesOf(devices: readonly Device[]): Microphone[] {
  const inputs = devices.filter(({ kind }) => kind === 'audioinput');
  const real = inputs.filter(({ deviceId }) => !ALIASES.includes(deviceId));
  const listed = real.length > 0 ? real : inputs;
  const alias = inputs.find(({ deviceId }) => deviceId === 'default');
  const chosen = listed.find((device) => isAliasOf(alias, device)) ?? listed[0];
  return listed.map(({ deviceId, label, groupId }, i) => ({
    deviceId,
    label: label || `Microphone ${i + 1}`,
    groupId,
    isDefault: listed[i] === chosen,
  }));
}

const isAliasOf = (alias: Device | undefined, { label, groupId }: Device) =>
  alias !== undefined &&
  ((label !== '' && alias.label.endsWith(label)) || (groupId !== '' && alias.groupId === groupId));

/** The device that an open track comes from, by its settings: an alias stands for the device that it means. */
export function deviceOf(
  settings: Pick<MediaTrackSettings, 'deviceId' | 'groupId'>,
  label: string,
  list: readonly Microphone[],
): Microphone | undefined {
  const { deviceId, groupId } = settings;
  return (
    list.find((device) => device.deviceId === deviceId) ??
    list.find((device) => label.endsWith(device.label)) ??
    list.find((device) => groupId && device.groupId === groupId)
  );
}

/** The same device later: by its name in the browser, or, where that has changed with the plug, by its own name. */
export const sameDevice = (wanted: Microphone, list: readonly Microphone[]): Microphone | undefined =>
  list.find(({ deviceId }) => deviceId !== '' && deviceId === wanted.deviceId) ??
  list.find(({ label, deviceId }) => deviceId !== '' && label === wanted.label);
