import { AudioClock } from './engine/audio/clock.ts';
import { Lateness } from './lateness.ts';
import { PARTING_S } from './workers/pcm.ts';

const FIRST_DELAY_S = 0.2;
const LONGEST_DELAY_S = 0.8;
/** A moment between two frames needs the later one, so the picture trails the latency by a frame and a little slack. */
const DELAY_SLACK_MS = 1000 / 30 + 8;
/** The delay moves by at most this share of time: a pitch shift that nobody hears. */
const HEARD_SLEW = 0.01;
/** And by this while it holds nothing but silence, where only the picture could tell. */
const SILENT_SLEW = 0.2;
/** Within the first seconds of motion it goes at once where it belongs, if nobody has said anything yet. */
const FIRST_SECONDS = 3;
/** Smaller changes (s) are not worth one. */
const LEAST_CHANGE_S = 0.005;
/** What is below this amplitude (−54 dB) is silence. */
const SILENCE = 0.002;
/** The longest stretch of sound that an analyser keeps, 0.7 s. */
const KEPT_SAMPLES = 32768;
const FADE_S = 0.005;
/** What is hushed is taken out of the graph after its fade, as soon as a timer has the time. */
const TAKE_OUT_MS = 100;

/** Where a person's voice comes out. */
export type Outputs = { input(person: 0 | 1): AudioNode };

/** What is heard of the two: their voices, delayed to meet the motion, flat or from the mouths. */
export class Heard {
  readonly #outputs: Outputs;
  readonly #context: AudioContext;
  readonly #clock: AudioClock;
  readonly #lateness = new Lateness();
  readonly #inputs: readonly [GainNode, GainNode];
  // One for each: what is delayed after it was panned would follow the head of the listener too late.
  readonly #delays: [DelayNode, DelayNode];
  readonly #gates: [GainNode, GainNode];
  /** Where the delay goes, and by when. */
  #goal = { delayS: FIRST_DELAY_S, atS: 0 };
  readonly #analyser: AnalyserNode;
  readonly #waiting = new Float32Array(KEPT_SAMPLES);
  #sounded = false;

  constructor(context: AudioContext, outputs: Outputs) {
    this.#outputs = outputs;
    this.#context = context;
    this.#clock = new AudioClock(context);
    this.#analyser = new AnalyserNode(context, { fftSize: KEPT_SAMPLES });
    this.#inputs = [new GainNode(context), new GainNode(context)];
    for (const input of this.#inputs) input.connect(this.#analyser);
    const [a, b] = [this.#line(0, FIRST_DELAY_S), this.#line(1, FIRST_DELAY_S)];
    this.#delays = [a.delay, b.delay];
    this.#gates = [a.gate, b.gate];
  }

  /** Where a person's voice goes in, to be heard. */
  input(person: 0 | 1): AudioNode {
    return this.#inputs[person];
  }

  /** By how much voices are delayed at the moment. */
  get delayS(): number {
    return this.#delays[0].delayTime.value;
  }

  /** The context time (s) at which the sound that is heard at `atMs` (`performance.now()`) went in. */
  wentInS(atMs: number): number {
    return this.#clock.heardS(atMs) - this.delayS;
  }

  /** A frame of motion came that stands at `contextTimeS`. */
  came(contextTimeS: number, nowMs = performance.now()): void {
    this.#lateness.add((this.#clock.renderedS(nowMs) - contextTimeS) * 1000, nowMs);
  }

  /** The motion comes from elsewhere now: how late it was says nothing about how late it will be. */
  forget(): void {
    this.#lateness.clear();
  }

  /**
   * Delays what is heard by what the motion needs, so slowly that nobody hears the change; to be called twice a second.
   * Pictures are drawn for a moment `leadMs` ahead, and what the output takes need not be waited for.
   */
  follow(leadMs: number): void {
    const wantedS = (this.#lateness.ms + DELAY_SLACK_MS + leadMs) / 1000 - this.#clock.outputS();
    const target = Math.min(LONGEST_DELAY_S, Math.max(0, wantedS));
    const from = this.delayS;
    const change = target - from;
    const silent = this.#isSilent();
    this.#sounded ||= !silent;
    if (Number.isNaN(target) || Math.abs(change) < LEAST_CHANGE_S) return;
    const now = this.#context.currentTime;
    const atOnce = !this.#sounded && this.#lateness.seconds <= FIRST_SECONDS;
    for (const { delayTime } of this.#delays) {
      delayTime.cancelScheduledValues(now);
      delayTime.setValueAtTime(atOnce ? target : from, now);
      if (atOnce) continue;
      // Silence that waits lasts for as long as the delay: what comes now comes out when the change is over.
      const most = silent ? SILENT_SLEW * from : Math.abs(change);
      const step = Math.sign(change) * Math.min(Math.abs(change), Math.max(most, LEAST_CHANGE_S));
      const lastsS = Math.abs(step) / (silent ? SILENT_SLEW : HEARD_SLEW);
      delayTime.linearRampToValueAtTime(from + step, now + lastsS);
      this.#goal = { delayS: from + step, atS: now + lastsS };
    }
  }

  /** Lets nothing more be heard of what a person has said until now; what is said from now on is heard whole. */
  hush(person: 0 | 1): void {
    const [delay, gate] = [this.#delays[person], this.#gates[person]];
    const now = this.#context.currentTime;
    gate.gain.cancelScheduledValues(now);
    gate.gain.setValueAtTime(gate.gain.value, now);
    gate.gain.linearRampToValueAtTime(0, now + FADE_S);
    this.#inputs[person].disconnect(delay);
    setTimeout(() => gate.disconnect(), TAKE_OUT_MS);
    // What was on its way stays in the old line: the sound from now on has one of its own.
    const line = this.#line(person, delay.delayTime.value);
    const { delayTime } = line.delay;
    if (this.#goal.atS > now) {
      delayTime.setValueAtTime(delayTime.value, now);
      delayTime.linearRampToValueAtTime(this.#goal.delayS, this.#goal.atS);
    }
    // Whatever was stopped may still fade into its first moment, in which nothing new is said.
    const openS = now + delayTime.value + PARTING_S - 2 * FADE_S;
    line.gate.gain.setValueAtTime(0, now);
    line.gate.gain.setValueAtTime(0, openS);
    line.gate.gain.linearRampToValueAtTime(1, openS + FADE_S);
    this.#delays[person] = line.delay;
    this.#gates[person] = line.gate;
  }

  #line(person: 0 | 1, delayS: number) {
    const delay = new DelayNode(this.#context, { delayTime: delayS, maxDelayTime: 1 });
    const gate = new GainNode(this.#context);
    this.#inputs[person].connect(delay).connect(gate).connect(this.#outputs.input(person));
    return { delay, gate };
  }

  /** Whether all that the delay holds is silence. */
  #isSilent(): boolean {
    this.#analyser.getFloatTimeDomainData(this.#waiting);
    return this.#waiting.every((v) => Math.abs(v) < SILENCE);
  }
}
