import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { EngineError } from '../../src/errors.ts';
import type { Microphone } from '../../src/live/devices.ts';
import { microphoneProblem } from '../../src/live/microphone.error.ts';
import type { MicrophoneEvents, MicrophoneSystem } from '../../src/live/microphone.types.ts';
import { Microphones } from '../../src/live/microphones.ts';
import { type Bleed, capture } from '../../src/workers/capture.ts';
import { attachVoice, type Voice } from '../../src/workers/voice.ts';

const open: Microphones[] = [];
let context: AudioContext;
let inputs: GainNode[];
let voices: (Voice | undefined)[];

beforeEach(async () => {
  context = new AudioContext();
  inputs = [new GainNode(context), new GainNode(context)];
  voices = [];
  await userEvent.click(document.body);
  await context.resume();
});

afterEach(async () => {
  for (const microphones of open.splice(0)) microphones.dispose();
  await context.close();
});

/** Microphones whose voices go into `inputs`, and all that they tell. */
function make(system?: MicrophoneSystem) {
  const attach = (person: 0 | 1, stream: MediaStream) => {
    const voice = attachVoice(context, stream, inputs[person], undefined);
    voices[person] = voice;
    return voice;
  };
  const microphones = system ? new Microphones(context, attach, system) : new Microphones(context, attach);
  open.push(microphones);
  const told: [name: string, event: unknown][] = [];
  for (const name of ['permission', 'devices', 'opened', 'lost', 'muted'] as const)
    microphones.on(name, (event) => told.push([name, event]));
  const of = <Name extends keyof MicrophoneEvents>(name: Name) =>
    told.filter(([n]) => n === name).map(([, event]) => event as MicrophoneEvents[Name]);
  return { microphones, told, of };
}

const problemOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => {
      expect(error).toBeInstanceOf(EngineError);
      expect((error as EngineError).hint).toMatch(/\w+ \w+/);
      return microphoneProblem(error);
    },
  );

describe('the browser’s own devices', () => {
  test('two microphones at once, listed once each, with levels; disposed they stop', async () => {
    const { microphones, of } = make();
    const first = await microphones.open(0);
    expect(microphones.permission).toBe('granted');
    const list = await microphones.devices();
    expect(list.length).toBeGreaterThanOrEqual(2);
    expect(new Set(list.map(({ deviceId }) => deviceId)).size).toBe(list.length);
    expect(list.every(({ label }) => label.length > 3)).toBe(true);
    expect(list.map(({ deviceId }) => deviceId)).not.toContain('default');
    expect(list.filter(({ isDefault }) => isDefault).length).toBe(1);
    const second = await microphones.open(1);
    expect(second.deviceId).not.toBe(first.deviceId);
    expect(of('opened').map(({ person, why }) => [person, why])).toEqual([
      [0, 'asked'],
      [1, 'asked'],
    ]);
    const [a, b] = [microphones.stream(0), microphones.stream(1)].map(
      (stream) => stream!.getAudioTracks()[0],
    );
    expect(a.getSettings()).toMatchObject({
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    });
    expect(b.getSettings()).toMatchObject({ echoCancellation: true, autoGainControl: false });
    await vi.waitFor(() => {
      for (const person of [0, 1] as const) {
        const { rmsDb, peakDb } = microphones.level(person);
        expect(rmsDb).toBeGreaterThan(-50);
        expect(peakDb).toBeGreaterThan(rmsDb);
      }
    }, 8000);
    microphones.dispose();
    microphones.dispose();
    expect([a.readyState, b.readyState]).toEqual(['ended', 'ended']);
    expect(voices.map((voice) => voice?.state)).toEqual(['ended', 'ended']);
    expect(microphones.level(0).rmsDb).toBe(-120);
  });

  test('both play one file: the capture raises the warning within two seconds of speech', async () => {
    const { microphones } = make();
    const told: [bleed: Bleed, afterS: number][] = [];
    let spokenS = Number.NaN;
    const captured = await capture(context, {
      onBleed: (bleed) => told.push([bleed, context.currentTime - spokenS]),
    });
    inputs.forEach((input, person) => {
      input.connect(captured.input(person));
    });
    microphones.on('level', ({ level }) => {
      if (level.rmsDb > -40 && Number.isNaN(spokenS)) spokenS = context.currentTime - 0.27;
    });
    await microphones.open(0, undefined, { autoGainControl: false }); // as for two people in one room
    await microphones.open(1);
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), 15_000);
    const [[bleed]] = told;
    expect(bleed.kind).not.toBe('none');
    expect(told[0][1]).toBeLessThan(2);
    // which of the two is whose shows a little later: nobody can say, and nobody is ducked
    await vi.waitFor(() => expect(told.map(([{ kind }]) => kind)).toContain('same'), 15_000);
    expect(
      told.filter(([{ kind }]) => kind === 'same').every(([{ ducked }]) => !ducked[0] && !ducked[1]),
    ).toBe(true);
    captured.dispose();
  }, 30_000);

  test('a device that is not there is refused, and what was open stays', async () => {
    const { microphones } = make();
    const first = await microphones.open(0);
    expect(await problemOf(microphones.open(0, 'no-such-device'))).toBe('constraint');
    expect(microphones.device(0)).toEqual(first);
    expect(microphones.stream(0)?.active).toBe(true);
    microphones.close(0);
    expect(microphones.device(0)).toBeUndefined();
  });
});

const device = (id: string, label = `Mic ${id}`): Microphone => ({
  deviceId: id,
  label,
  groupId: `group ${id}`,
  isDefault: false,
});

/** A browser whose microphones are plugged and unplugged by hand. */
class Room extends EventTarget {
  plugged: Microphone[];
  asked: (boolean | MediaTrackConstraints | undefined)[] = [];
  fails: string | undefined;
  holds: Promise<void> | undefined;
  readonly tracks = new Map<string, MediaStreamTrack>();

  constructor(...ids: string[]) {
    super();
    this.plugged = ids.map((id) => device(id));
  }

  enumerateDevices = async () =>
    this.plugged.map((each) => ({ ...each, kind: 'audioinput' as const, toJSON: () => each }));

  getUserMedia = async ({ audio }: MediaStreamConstraints = {}) => {
    this.asked.push(audio);
    if (this.fails) throw new DOMException('refused', this.fails);
    const wanted = (audio as MediaTrackConstraints).deviceId as { exact: string } | undefined;
    const found = this.plugged.find(({ deviceId }) => !wanted || deviceId === wanted.exact);
    await this.holds;
    if (!found) throw new DOMException('none', wanted ? 'OverconstrainedError' : 'NotFoundError');
    const tone = new OscillatorNode(context);
    const out = new MediaStreamAudioDestinationNode(context);
    tone.connect(out);
    tone.start();
    const [track] = out.stream.getAudioTracks();
    track.getSettings = () => ({ deviceId: found.deviceId, groupId: found.groupId });
    this.tracks.set(found.deviceId, track);
    return out.stream;
  };

  plug(...ids: string[]) {
    this.plugged = ids.map((id) => device(id));
    for (const [id, track] of this.tracks)
      if (!ids.includes(id) && track.readyState === 'live') {
        track.stop();
        track.dispatchEvent(new Event('ended'));
      }
    this.dispatchEvent(new Event('devicechange'));
  }

  system(more: Partial<MicrophoneSystem> = {}): MicrophoneSystem {
    return { mediaDevices: this as unknown as MediaDevices, ...more };
  }
}

/** A permission on record, as `navigator.permissions` gives it. */
class Recorded extends EventTarget {
  state: PermissionState = 'prompt';
  set(state: PermissionState) {
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
  query = async () => this as unknown as PermissionStatus;
}

describe('a room where things go wrong', () => {
  test('nothing is asked before a gesture, nor on construction', async () => {
    const room = new Room('a');
    const { microphones } = make(room.system({ userActivation: { hasBeenActive: false } }));
    await microphones.devices();
    expect(microphones.permission).toBe('prompt');
    expect(await problemOf(microphones.open(0))).toBe('gesture');
    expect(room.asked).toEqual([]);
    // who was allowed before need not click
    const granted = new Recorded();
    granted.state = 'granted';
    const again = make(room.system({ userActivation: { hasBeenActive: false }, permissions: granted }));
    await vi.waitFor(() => expect(again.microphones.permission).toBe('granted'));
    await again.microphones.open(0);
    expect(room.asked.length).toBe(1);
  });

  test.each([
    ['NotAllowedError', 'denied', 'denied'],
    ['NotFoundError', 'no-device', 'prompt'],
    ['NotReadableError', 'in-use', 'prompt'],
    ['OverconstrainedError', 'constraint', 'prompt'],
    ['SecurityError', 'insecure', 'prompt'],
    ['AbortError', 'failed', 'prompt'],
    ['WhateverError', 'failed', 'prompt'],
  ])('%s is told as %s', async (name, problem, state) => {
    const room = new Room('a');
    room.fails = name;
    const { microphones, of } = make(room.system());
    expect(await problemOf(microphones.open(0))).toBe(problem);
    expect(microphones.permission).toBe(state);
    expect(of('permission')).toMatchObject([{ state, error: { name: 'EngineError' } }]);
    expect(microphoneProblem(of('permission')[0].error)).toBe(problem);
    room.fails = undefined;
    await microphones.open(0); // the next try may do better
    expect(microphones.permission).toBe('granted');
  });

  test('a page without microphones says so', async () => {
    vi.stubGlobal('isSecureContext', false);
    vi.spyOn(navigator, 'mediaDevices', 'get').mockReturnValue(undefined as unknown as MediaDevices);
    const { microphones, of } = make();
    vi.restoreAllMocks();
    expect(microphones.permission).toBe('unavailable');
    expect(await microphones.devices()).toEqual([]);
    expect(await problemOf(microphones.open(0))).toBe('insecure');
    vi.unstubAllGlobals();
    expect(of('permission')[0]).toMatchObject({ state: 'unavailable', error: { kind: 'unsupported' } });
  });

  test('unplugged, a voice goes; plugged in again, it comes back by itself', async () => {
    const room = new Room('a', 'b');
    const { microphones, told, of } = make(room.system());
    await microphones.open(0, 'b');
    expect(voices[0]?.state).toBe('live');
    room.plug('a');
    await vi.waitFor(() => expect(of('lost').length).toBe(1));
    expect(of('lost')[0]).toMatchObject({ person: 0, device: { deviceId: 'b' } });
    expect(voices[0]?.state).toBe('ended');
    expect(microphones.device(0)).toBeUndefined();
    await vi.waitFor(() =>
      expect(
        of('devices')
          .at(-1)
          ?.map(({ deviceId }) => deviceId),
      ).toEqual(['a']),
    );
    expect(room.asked.length).toBe(1); // a named device is waited for
    const back = performance.now();
    room.plug('a', 'b');
    await vi.waitFor(() =>
      expect(of('opened').at(-1)).toMatchObject({ why: 'returned', device: { deviceId: 'b' } }),
    );
    expect(performance.now() - back).toBeLessThan(1000);
    expect(voices[0]?.state).toBe('live');
    microphones.close(0);
    told.length = 0;
    room.plug('a');
    room.plug('a', 'b');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(of('opened')).toEqual([]); // nobody wants it any more
  });

  test('where no device was named another steps in, until the first is back under whatever address', async () => {
    const room = new Room('a', 'b');
    const { microphones, of } = make(room.system());
    expect((await microphones.open(1)).deviceId).toBe('a');
    room.plug('b');
    await vi.waitFor(() =>
      expect(of('opened').at(-1)).toMatchObject({ why: 'fallback', device: { deviceId: 'b' } }),
    );
    room.plugged = [device('b'), device('a2', 'Mic a')];
    room.dispatchEvent(new Event('devicechange'));
    await vi.waitFor(() =>
      expect(of('opened').at(-1)).toMatchObject({ why: 'returned', device: { deviceId: 'a2' } }),
    );
    expect(room.tracks.get('b')?.readyState).toBe('ended');
  });

  test('a device that does not open at once, as after sleep, is tried again', async () => {
    const room = new Room('a');
    const { microphones, of } = make(room.system());
    await microphones.open(0);
    room.fails = 'NotReadableError';
    const track = room.tracks.get('a')!;
    track.stop();
    track.dispatchEvent(new Event('ended'));
    await vi.waitFor(() => expect(room.asked.length).toBe(2));
    room.fails = undefined;
    await vi.waitFor(() => expect(of('opened').at(-1)).toMatchObject({ why: 'returned' }), 3000);
    expect(microphones.device(0)?.deviceId).toBe('a');
  });

  test('a permission that is taken back is told, and given again it brings the voice back', async () => {
    const room = new Room('a');
    const recorded = new Recorded();
    const { microphones, of } = make(room.system({ permissions: recorded }));
    await microphones.open(0);
    recorded.set('denied');
    room.fails = 'NotAllowedError';
    const track = room.tracks.get('a')!;
    track.stop();
    track.dispatchEvent(new Event('ended'));
    expect(microphoneProblem(of('lost')[0].error)).toBe('denied');
    expect(microphones.permission).toBe('denied');
    room.fails = undefined;
    recorded.set('granted');
    await vi.waitFor(() => expect(of('opened').at(-1)).toMatchObject({ why: 'returned' }));
  });

  test('of two wishes the later counts, and no track is left open', async () => {
    const room = new Room('a', 'b');
    const { microphones } = make(room.system());
    let go: () => void = () => undefined;
    room.holds = new Promise((resolve) => {
      go = resolve;
    });
    const first = problemOf(microphones.open(0, 'a'));
    const second = microphones.open(0, 'b');
    await vi.waitFor(() => expect(room.asked.length).toBe(2));
    go();
    expect(await first).toBe('superseded');
    expect((await second).deviceId).toBe('b');
    expect(room.tracks.get('a')?.readyState).toBe('ended');
    const third = problemOf(microphones.open(1, 'a'));
    microphones.dispose();
    expect(await third).toBe('superseded');
    expect([...room.tracks.values()].map((track) => track.readyState)).toEqual(['ended', 'ended']);
  });

  test('a second microphone is another one, or there is none; silenced by the system it says so', async () => {
    const room = new Room('a');
    const { microphones, of } = make(room.system());
    await microphones.open(0);
    expect(await problemOf(microphones.open(1))).toBe('no-device');
    await microphones.open(1, 'a'); // named, one may serve both
    const track = microphones.stream(1)!.getAudioTracks()[0];
    track.dispatchEvent(new Event('mute'));
    track.dispatchEvent(new Event('unmute'));
    expect(of('muted')).toEqual([
      { person: 1, muted: true },
      { person: 1, muted: false },
    ]);
    await expect(microphones.open(2 as 0)).rejects.toThrow(/no person 2/);
  });
});
