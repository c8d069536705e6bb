import { checkPerson, type Person } from './engine/person.ts';
import { EngineError } from './errors.ts';
import type { Heard } from './heard.ts';
import type { MicrophoneEvents } from './live/microphone.types.ts';
import { Microphones } from './live/microphones.ts';
import type { Capture } from './workers/capture.ts';
import { PcmSource } from './workers/pcm.ts';
import { attachVoice, type Voice, type VoiceSource } from './workers/voice.ts';

/** A smaller change (s) of the delay moves nobody's voice out of where its leak is looked for. */
const LEAST_CHANGE_S = 0.001;

/** Why nothing more can be asked of a conversation. */
export const disposedError = (what: string): EngineError =>
  new EngineError('unsupported', `The conversation was disposed of: ${what}.`, {
    hint: 'Make a new one with createDuologue.',
  });

/** Hears of what happens to voices by itself. */
export type VoicesListener = {
  error(cause: unknown): void;
  permission(event: MicrophoneEvents['permission']): void;
};

/** The voices of the two: attached, pushed or from microphones. */
export class Voices {
  readonly #context: AudioContext;
  readonly #capture: Capture;
  readonly #heard: Heard;
  readonly #listener: VoicesListener;
  readonly #voices = new Map<
    Voice,
    { readonly person: Person; readonly source: VoiceSource; readonly played: boolean }
  >();
  readonly #pushed: [PcmSource | undefined, PcmSource | undefined] = [undefined, undefined];
  readonly #playDelays: [number, number] = [0, 0];
  #microphones: Microphones | undefined;
  #disposed = false;

  constructor(context: AudioContext, capture: Capture, heard: Heard, listener: VoicesListener) {
    this.#context = context;
    this.#capture = capture;
    this.#heard = heard;
    this.#listener = listener;
  }

  /** The microphones of the two, made when first asked for. */
  get microphones(): Microphones {
    this.#check();
    if (!this.#microphones) {
      this.#microphones = new Microphones(this.#context, (person, stream) =>
        this.attach(person, stream, false),
      );
      this.#microphones.on('permission', (event) => this.#listener.permission(event));
    }
    return this.#microphones;
  }

  /** Gives a person a voice, and lets it be heard if it is to be played. */
  attach(person: Person, source: VoiceSource, played: boolean): Voice {
    this.#check();
    checkPerson(person);
    const output = played ? this.#heard.input(person) : undefined;
    const voice = attachVoice(this.#context, source, this.#capture.input(person), output);
    this.#voices.set(voice, { person, source, played });
    void voice.ended.then(() => {
      this.#voices.delete(voice);
      this.follow();
    });
    this.follow();
    return voice;
  }

  /** Lets a person say a chunk of sound after what was pushed before. */
  pushSamples(person: Person, samples: Float32Array, sampleRateHz: number): void {
    this.#check();
    checkPerson(person);
    const source = this.#pushed[person] ?? this.#open(person);
    source.push(samples, sampleRateHz);
  }

  /** Says that what was pushed for a person is complete. */
  flushSamples(person: Person): Promise<boolean> {
    checkPerson(person);
    return this.#pushed[person]?.flush() ?? Promise.resolve(true);
  }

  /** Takes back what a person was still to say: pushed sound and buffers; what plays by itself stays. */
  interrupt(person: Person): void {
    for (const [voice, { person: whose, source }] of [...this.#voices])
      if (whose === person && source instanceof PcmSource) source.interrupt();
      else if (whose === person && source instanceof AudioBuffer) voice.detach();
  }

  /** Tells the watch for bleed when the voices are heard; to be called whenever that may have changed. */
  follow(): void {
    if (this.#disposed) return;
    for (const person of [0, 1] as const) {
      const played = [...this.#voices.values()].some((voice) => voice.played && voice.person === person);
      const delayS = played ? this.#heard.delayS + (this.#context.outputLatency || 0) : 0;
      if (Math.abs(delayS - this.#playDelays[person]) < LEAST_CHANGE_S) continue;
      this.#playDelays[person] = delayS;
      this.#capture.setPlayDelay(person, delayS);
    }
  }

  /** Takes all voices away, and gives the microphones back. */
  clear(): void {
    for (const person of [0, 1] as const) {
      this.#microphones?.close(person);
      this.#pushed[person]?.dispose();
      this.#pushed[person] = undefined;
    }
    for (const voice of [...this.#voices.keys()]) voice.detach();
  }

  /** Takes all voices away for good. */
  dispose(): void {
    this.#microphones?.dispose();
    this.clear();
    this.#disposed = true;
  }

  #open(person: Person): PcmSource {
    const source = new PcmSource(this.#context);
    source.ready.catch((error: unknown) => this.#listener.error(error));
    this.#pushed[person] = source;
    this.attach(person, source, true);
    return source;
  }

  #check() {
    if (!this.#disposed) return;
    throw disposedError('nobody in it can have a voice');
  }
}
