import { FRAME_RATE_HZ, PERSONS } from './engine/motion.ts';
import type { Person } from './engine/person.ts';
import type { DuologueEvents, Emitter } from './events.ts';
import { type ArrivedFrame, SPEAKING_HOLD_FRAMES } from './workers/motion.player.ts';

/** Who has more than this of the turn speaks, who has less listens. */
const HAS_TURN = 0.5;

/** Tells who begins and ends to speak, and who takes the turn, from the frames that are shown. */
export class Speech {
  readonly #events: Pick<Emitter<DuologueEvents>, 'emit'>;
  readonly #speaking = [false, false];
  #holder: Person | undefined;
  #lastS = 0;

  constructor(events: Pick<Emitter<DuologueEvents>, 'emit'>) {
    this.#events = events;
  }

  /** Takes a frame, and what its source says of who speaks. */
  take({ contextTimeS, turn }: ArrivedFrame, speaking: (person: Person) => boolean): void {
    this.#lastS = contextTimeS;
    for (const person of [0, 1] as const) {
      const now = speaking(person);
      if (now === this.#speaking[person]) continue;
      this.#speaking[person] = now;
      if (now) this.#events.emit('speechstart', { person, contextTimeS });
      else this.#end(person, contextTimeS - SPEAKING_HOLD_FRAMES / FRAME_RATE_HZ);
    }
    for (const person of [0, 1] as const) {
      const takes = turn[person] > HAS_TURN && !(turn[1 - person] > HAS_TURN);
      if (!takes || this.#holder === person) continue;
      this.#holder = person;
      this.#events.emit('turn', { person, contextTimeS });
    }
  }

  /** Another conversation begins: whoever spoke has ended, and nobody has the turn. */
  clear(): void {
    for (let person = 0; person < PERSONS; person++)
      if (this.#speaking[person]) {
        this.#speaking[person] = false;
        this.#end(person as Person, this.#lastS);
      }
    this.#holder = undefined;
  }

  #end(person: Person, contextTimeS: number) {
    this.#events.emit('speechend', { person, contextTimeS });
  }
}
