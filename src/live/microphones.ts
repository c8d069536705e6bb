import { SILENCE_DB } from '../engine/audio/levels.ts';
import { type Level, LevelMeter } from '../engine/audio/meter.ts';
import { PERSONS } from '../engine/motion.ts';
import { EngineError } from '../errors.ts';
import type { Voice } from '../workers/voice.ts';
import { deviceOf, type Microphone, microphonesOf, sameDevice } from './devices.ts';
import { fromBrowser, microphoneError, microphoneProblem } from './microphone.error.ts';
import {
  type MicrophoneEvents,
  type MicrophoneOptions,
  type MicrophonePermission,
  type MicrophoneSystem,
  pageSystem,
} from './microphone.types.ts';

type Open = {
  readonly stream: MediaStream;
  readonly track: MediaStreamTrack;
  readonly device: Microphone;
  readonly voice: Voice;
  readonly meter: MediaStreamAudioSourceNode;
  readonly samples: Float32Array<ArrayBuffer>;
  readonly analyser: AnalyserNode;
  readonly levels: LevelMeter;
  readonly listeners: Readonly<Record<'ended' | 'mute' | 'unmute', () => void>>;
};

type Seat = {
  open: Open | undefined;
  /** What is to come back when it is away; undefined while nobody wants a microphone here. */
  wanted:
    | { readonly device: Microphone; readonly options: MicrophoneOptions; readonly fallback: boolean }
    | undefined;
  /** Counts the wishes, so that the last one wins. */
  wish: number;
  /** Wishes under way. */
  opening: number;
  level: Level;
};

const LEVEL_EVERY_MS = 100;
/** A device that is listed but does not open yet, as after sleep, is tried again. */
const RETRY_MS = 1000;
const SILENT: Level = { rmsDb: SILENCE_DB, peakDb: SILENCE_DB, clipping: false };

/**
 * The microphones of the two persons: opens them, follows plugging and unplugging, measures levels, and says in plain
 * words what is wrong. Nothing is asked of the user before `open`, and that only after a click or a key.
 */
export class Microphones {
  readonly #context: AudioContext;
  readonly #attach: (person: 0 | 1, stream: MediaStream) => Voice;
  readonly #system: MicrophoneSystem | undefined;
  readonly #seats: readonly Seat[];
  readonly #listeners = new Map<keyof MicrophoneEvents, Set<(event: never) => void>>();
  readonly #deviceChange = () => void this.#refresh();
  #permission: MicrophonePermission;
  #status: PermissionStatus | undefined;
  readonly #statusChange = () => this.#follow(this.#status);
  #timer: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #meteredAtS = 0;
  #disposed = false;

  /** `attach` gives a person a stream as its voice; it is called again whenever a microphone comes back. */
  constructor(
    context: AudioContext,
    attach: (person: 0 | 1, stream: MediaStream) => Voice,
    system: MicrophoneSystem | undefined = pageSystem(),
  ) {
    this.#context = context;
    this.#attach = attach;
    this.#system = system;
    this.#permission = system ? 'prompt' : 'unavailable';
    this.#seats = Array.from({ length: PERSONS }, () => ({
      open: undefined,
      wanted: undefined,
      wish: 0,
      opening: 0,
      level: SILENT,
    }));
    system?.mediaDevices.addEventListener('devicechange', this.#deviceChange);
    void this.#watchPermission();
  }

  /** Whether the page may listen, as far as is known without asking. */
  get permission(): MicrophonePermission {
    return this.#permission;
  }

  /** The microphones there are, each once; without names and addresses until the user has allowed one. */
  async devices(): Promise<readonly Microphone[]> {
    return microphonesOf((await this.#system?.mediaDevices.enumerateDevices()) ?? []);
  }

  /** The microphone of a person, if one is open. */
  device(person: 0 | 1): Microphone | undefined {
    return this.#seat(person).open?.device;
  }

  /** The stream of a person's microphone, for recording it or sending it on; it changes when the device does. */
  stream(person: 0 | 1): MediaStream | undefined {
    return this.#seat(person).open?.stream;
  }

  /** How loud a person's microphone is, at most 100 ms ago. */
  level(person: 0 | 1): Level {
    return this.#seat(person).level;
  }

  /**
   * Gives a person a microphone: the one named, else the system's, else one that the other person has not. Asks the user
   * if need be. Throws `unsupported` with words for the user; what was open stays then. Of two wishes the later counts.
   */
  async open(person: 0 | 1, deviceId?: string, options: MicrophoneOptions = {}): Promise<Microphone> {
    const seat = this.#seat(person);
    if (!this.#system) throw this.#refuse('unavailable', unavailable());
    if (!this.#mayAsk()) throw this.#refuse(this.#permission, microphoneError('gesture'));
    const named = deviceId ?? (await this.#free(person));
    const fallback = options.fallback ?? deviceId === undefined;
    const device = await this.#take(person, named, options, 'asked');
    seat.wanted = { device, options, fallback };
    return device;
  }

  /** Takes a person's microphone away and gives it back to the system; safe to call when there is none. */
  close(person: 0 | 1): void {
    const seat = this.#seat(person);
    seat.wish++;
    seat.wanted = undefined;
    this.#release(seat);
  }

  /** Listens to an event; returns what stops it. */
  on<Name extends keyof MicrophoneEvents>(
    name: Name,
    listener: (event: MicrophoneEvents[Name]) => void,
  ): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener as (event: never) => void);
    return () => listeners.delete(listener as (event: never) => void);
  }

  /** Gives all microphones back and listens to nothing any more; safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    for (const person of [0, 1] as const) this.close(person);
    this.#disposed = true;
    clearTimeout(this.#retry);
    this.#system?.mediaDevices.removeEventListener('devicechange', this.#deviceChange);
    this.#status?.removeEventListener('change', this.#statusChange);
    this.#listeners.clear();
  }

  #seat(person: number): Seat {
    if (person === 0 || person === 1) return this.#seats[person];
    throw new EngineError('unsupported', `There is no person ${person}, expected 0 or 1.`);
  }

  #emit<Name extends keyof MicrophoneEvents>(name: Name, event: MicrophoneEvents[Name]) {
    for (const listener of this.#listeners.get(name) ?? [])
      (listener as (event: MicrophoneEvents[Name]) => void)(event);
  }

  /** Tells of a change of the permission, and of every refusal. */
  #setPermission(state: MicrophonePermission, error?: EngineError) {
    if (state === this.#permission && !error) return;
    this.#permission = state;
    this.#emit('permission', error ? { state, error } : { state });
  }

  #refuse(state: MicrophonePermission, error: EngineError): EngineError {
    this.#setPermission(state, error);
    return error;
  }

  async #watchPermission() {
    try {
      const name = 'microphone' as PermissionName; // TypeScript's list lacks it
      this.#status = await this.#system?.permissions?.query({ name });
    } catch {
      return; // some browsers have no such name: what open() meets is what is known
    }
    if (this.#disposed) return;
    this.#status?.addEventListener('change', this.#statusChange);
    this.#follow(this.#status);
  }

  #follow(status: PermissionStatus | undefined) {
    if (!status) return;
    // An open microphone proves more than what is on record, which knows nothing of permissions for one time.
    if (status.state === 'prompt' && this.#seats.some(({ open }) => open)) return;
    if (status.state === 'denied') this.#setPermission('denied', microphoneError('denied'));
    else this.#setPermission(status.state);
    if (status.state === 'granted') void this.#refresh();
  }

  /** A browser asks at any time; we do only after the user did something. */
  #mayAsk() {
    const { userActivation } = this.#system ?? {};
    return this.#permission === 'granted' || !userActivation || userActivation.hasBeenActive;
  }

  /** A device that the other person has not, or undefined where the choice is the system's. */
  async #free(person: 0 | 1): Promise<string | undefined> {
    const other = this.#seats[1 - person].open?.device;
    if (!other) return undefined;
    const free = (await this.devices()).filter(({ deviceId }) => deviceId && deviceId !== other.deviceId);
    const found = free.find(({ isDefault }) => isDefault) ?? free[0];
    if (found) return found.deviceId;
    throw this.#refuse(this.#permission, microphoneError('no-device'));
  }

  /** Opens a device for a person in the place of what was open. */
  async #take(
    person: 0 | 1,
    deviceId: string | undefined,
    options: MicrophoneOptions,
    why: MicrophoneEvents['opened']['why'],
  ): Promise<Microphone> {
    const seat = this.#seats[person];
    const wish = ++seat.wish;
    const alone = !this.#seats[1 - person].open;
    const { echoCancellation = true, noiseSuppression = true, autoGainControl = alone } = options;
    seat.opening++;
    let stream: MediaStream;
    try {
      const audio = { echoCancellation, noiseSuppression, autoGainControl };
      stream = await (this.#system as MicrophoneSystem).mediaDevices.getUserMedia({
        audio: deviceId ? { ...audio, deviceId: { exact: deviceId } } : audio,
      });
    } catch (cause) {
      const error = fromBrowser(cause);
      const refused = microphoneProblem(error) === 'denied';
      if (refused || why === 'asked') this.#setPermission(refused ? 'denied' : this.#permission, error);
      throw error;
    } finally {
      seat.opening--;
    }
    const [track] = stream.getAudioTracks();
    const list = await this.devices().catch(() => []);
    if (wish !== seat.wish || this.#disposed || !track) {
      for (const each of stream.getTracks()) each.stop();
      throw microphoneError(track ? 'superseded' : 'failed');
    }
    const settings = track.getSettings();
    const device = deviceOf(settings, track.label, list) ?? {
      deviceId: settings.deviceId ?? deviceId ?? '',
      label: track.label || 'Microphone 1',
      groupId: settings.groupId ?? '',
      isDefault: deviceId === undefined,
    };
    this.#release(seat);
    this.#install(person, seat, stream, track, device);
    this.#setPermission('granted');
    this.#emit('devices', list);
    this.#emit('opened', { person, device, why });
    return device;
  }

  #install(person: 0 | 1, seat: Seat, stream: MediaStream, track: MediaStreamTrack, device: Microphone) {
    const context = this.#context;
    const meter = context.createMediaStreamSource(stream);
    const analyser = new AnalyserNode(context, { fftSize: 8192 }); // 0.17 s: no moment is missed between two looks
    meter.connect(analyser);
    const voice = this.#attach(person, stream);
    const listeners = {
      ended: () => this.#lose(person),
      mute: () => this.#emit('muted', { person, muted: true }),
      unmute: () => this.#emit('muted', { person, muted: false }),
    };
    const samples = new Float32Array(analyser.fftSize);
    for (const [name, listener] of Object.entries(listeners)) track.addEventListener(name, listener);
    const levels = new LevelMeter();
    seat.open = { stream, track, device, voice, meter, samples, analyser, levels, listeners };
    this.#timer ??= setInterval(() => this.#measure(), LEVEL_EVERY_MS);
    this.#meteredAtS = context.currentTime;
    if (track.readyState === 'ended') this.#lose(person); // while we asked for the list
  }

  #release(seat: Seat) {
    const { open } = seat;
    seat.open = undefined;
    seat.level = SILENT;
    if (open) {
      for (const [name, listener] of Object.entries(open.listeners))
        open.track.removeEventListener(name, listener);
      open.voice.detach();
      open.meter.disconnect();
      for (const track of open.stream.getTracks()) track.stop();
    }
    if (this.#seats.some((each) => each.open)) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #measure() {
    const nowS = this.#context.currentTime;
    const sinceS = nowS - this.#meteredAtS;
    this.#meteredAtS = nowS;
    for (const person of [0, 1] as const) {
      const { open } = this.#seats[person];
      if (!open) continue;
      open.analyser.getFloatTimeDomainData(open.samples);
      const level = open.levels.take(open.samples, nowS, sinceS);
      this.#seats[person].level = level;
      this.#emit('level', { person, level });
    }
  }

  #lose(person: 0 | 1) {
    const seat = this.#seats[person];
    const { open } = seat;
    if (!open) return;
    this.#release(seat);
    const error = microphoneError(this.#permission === 'denied' ? 'denied' : 'constraint');
    this.#emit('lost', { person, device: open.device, error });
    void this.#refresh();
  }

  /** Tells of the devices there are now, and brings back what is away. */
  async #refresh() {
    if (this.#disposed) return;
    const list = await this.devices().catch(() => []);
    if (this.#disposed) return;
    this.#emit('devices', list);
    for (const person of [0, 1] as const) await this.#recover(person, list);
  }

  async #recover(person: 0 | 1, list: readonly Microphone[]) {
    const seat = this.#seats[person];
    const { wanted } = seat;
    if (!wanted || seat.opening > 0 || this.#permission === 'denied') return;
    const own = sameDevice(wanted.device, list);
    if (seat.open && (!own || own.deviceId === seat.open.device.deviceId)) return;
    const taken = this.#seats[1 - person].open?.device.deviceId;
    const other = list.find(({ deviceId }) => deviceId && deviceId !== taken);
    const next = own ?? (wanted.fallback ? other : undefined);
    if (!next) return;
    try {
      const device = await this.#take(person, next.deviceId, wanted.options, own ? 'returned' : 'fallback');
      if (own && seat.wanted === wanted) seat.wanted = { ...wanted, device };
    } catch {
      if (this.#disposed || seat.wanted !== wanted || seat.open) return;
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.#refresh(), RETRY_MS);
    }
  }
}

/** Why a page has no microphones at all. */
const unavailable = () => microphoneError(globalThis.isSecureContext === false ? 'insecure' : 'no-device');
