
const FIRST_DELAY_S = 0.2;
const LEAST_DELAY_S = 0.05;
const LONGEST_DELAY_S = 0.8;
/** A moment between two frames needs the later one, so the picture trails the latency by a frame and a little slack. */
const DELAY_SLACK_MS = 1000 / 30 + 8;
/** The delay moves by at most this share of time: a pitch shift that nobody hears. */
const DELAY_SLEW = 0.01;
/** Smaller changes (s) are not worth one. */
const LEAST_CHANGE_S = 0.01;
const FADE_S = 0.005;
/** What has been stopped goes on for so long, until the audio thread hears of it. */
export const STRAGGLING_S = 0.12;

/** Where a person's voice comes out. */
export type Outputs = { input(person: 0 | 1): AudioNode };

/** What is heard of the two: their voices, delayed to meet the motion, flat or from the mouths. */
export class Heard {
  readonly #outputs: Outputs;
  readonly #context: AudioContext;
  // One for each: what is delayed after it was panned would follow the head of the listener too late.
  readonly #delays: readonly [DelayNode, DelayNode];
  readonly #gates: readonly [GainNode, GainNode];

  constructor(context: AudioContext, outputs: Outputs) {
    this.#outputs = outputs;
    this.#context = context;
    this.#gates = [new GainNode(context), new GainNode(context)];
    const delay = (person: 0 | 1) => {
      const node = new DelayNode(context, { delayTime: FIRST_DELAY_S, maxDelayTime: 1 });
      node.connect(this.#gates[person]).connect(this.#outputs.input(person));
      return node;
    };
    this.#delays = [delay(0), delay(1)];
  }

  /** Where a person's voice goes in, to be heard. */
  input(person: 0 | 1): AudioNode {
    return this.#delays[person];
  }

  /** By how much voices are delayed at the moment. */
  get delayS(): number {
    return this.#delays[0].delayTime.value;
  }

  /** Delays what is heard by what the motion needs, so slowly that nobody hears the change. */
  follow(latencyMs: number): void {
    const wanted = (latencyMs + DELAY_SLACK_MS) / 1000;
    const target = Math.min(LONGEST_DELAY_S, Math.max(LEAST_DELAY_S, wanted));
    const from = this.delayS;
    const change = Math.abs(target - from);
    if (Number.isNaN(target) || change < LEAST_CHANGE_S) return;
    const now = this.#context.currentTime;
    for (const { delayTime } of this.#delays) {
      delayTime.cancelScheduledValues(now);
      delayTime.setValueAtTime(from, now);
      delayTime.linearRampToValueAtTime(target, now + change / DELAY_SLEW);
    }
  }

  /** Lets nothing more be heard of what a person has said until now; what is said from now on is heard again. */
  hush(person: 0 | 1): void {
    const { gain } = this.#gates[person];
    const now = this.#context.currentTime;
    const back = now + this.delayS + STRAGGLING_S;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(gain.value, now);
    gain.linearRampToValueAtTime(0, now + FADE_S);
    gain.setValueAtTime(0, back);
    gain.linearRampToValueAtTime(1, back + FADE_S);
  }
}
