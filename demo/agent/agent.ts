import { type Duologue, PcmSource } from '../../src/index.ts';
import type { Line } from './script.ts';

/** What the agent does: waits for the user's turn to end, or has the turn itself. */
export type AgentState = 'listening' | 'answering';

/** Something that happened, on the page's audio clock. */
export type AgentEvent = {
  readonly what: 'user-starts' | 'user-ends' | 'line' | 'line-ends' | 'interrupted';
  readonly timeS: number;
};

const USER = 0;
const AGENT = 1;
const VOICED = 0.5;
/** Voiced frames in a row from which on somebody speaks: a cough is shorter. */
const START_FRAMES = 3;
/** Frames without voice after which the turn is over: pauses within a turn are mostly shorter. */
const END_FRAMES = 20;

/**
 * A scripted agent: says its next line when the user's turn is over, and stops in mid-word when the user breaks in. Its
 * voice is pushed in chunks, as one from text-to-speech would be.
 */
export class Agent {
  readonly events: AgentEvent[] = [];
  readonly #duo: Duologue;
  readonly #lines: readonly Line[];
  readonly #onChange: (state: AgentState, line: Line | undefined) => void;
  readonly #voice: PcmSource;
  readonly #stops: (() => void)[];
  #next = 0;
  #voiced = 0;
  #unvoiced = 0;
  #userSpeaks = false;
  #state: AgentState = 'listening';

  constructor(
    duo: Duologue,
    lines: readonly Line[],
    onChange: (state: AgentState, line: Line | undefined) => void,
  ) {
    this.#duo = duo;
    this.#lines = lines;
    this.#onChange = onChange;
    this.#voice = new PcmSource(duo.context);
    const attached = duo.attach(AGENT, this.#voice);
    this.#stops = [
      duo.on('frame', ({ voicing }) => this.#hear(voicing[USER] > VOICED)),
      () => attached.detach(),
      () => this.#voice.dispose(),
    ];
  }

  /** Falls silent for good; safe to call twice. */
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #hear(voiced: boolean) {
    this.#voiced = voiced ? this.#voiced + 1 : 0;
    this.#unvoiced = voiced ? 0 : this.#unvoiced + 1;
    if (!this.#userSpeaks && this.#voiced >= START_FRAMES) {
      this.#userSpeaks = true;
      this.#note('user-starts');
      if (this.#state === 'answering') this.#yield();
    } else if (this.#userSpeaks && this.#unvoiced >= END_FRAMES) {
      this.#userSpeaks = false;
      this.#note('user-ends');
      void this.#answer();
    }
  }

  #yield() {
    this.#duo.interrupt(AGENT);
    this.#note('interrupted');
    this.#become('listening', undefined);
  }

  async #answer() {
    const line = this.#lines[this.#next++ % this.#lines.length]!;
    this.#become('answering', line);
    this.#note('line');
    // Chunks of a fifth of a second, all at once: faster than real time, as synthesis mostly is.
    const chunk = Math.round(line.rateHz / 5);
    for (let at = 0; at < line.samples.length; at += chunk)
      this.#voice.push(line.samples.slice(at, at + chunk), line.rateHz);
    const whole = await this.#voice.flush();
    if (!whole) return; // interrupted
    this.#note('line-ends');
    this.#become('listening', undefined);
  }

  #become(state: AgentState, line: Line | undefined) {
    this.#state = state;
    this.#onChange(state, line);
  }

  #note(what: AgentEvent['what']) {
    this.events.push({ what, timeS: this.#duo.context.currentTime });
  }
}
