import type { EngineError } from '../src/errors.ts';
import type { Seat, Signalling } from '../src/live/signalling.ts';

/** A seat, and all that it heard. */
export type SeatEvents = {
  readonly seat: Seat;
  readonly peers: (string | null)[];
  readonly heard: unknown[];
  readonly lines: boolean[];
  readonly lost: EngineError[];
};

/** Takes a seat and writes down what it hears. */
export async function sit(signalling: Signalling, room: string): Promise<SeatEvents> {
  const [peers, heard, lines, lost]: [(string | null)[], unknown[], boolean[], EngineError[]] = [
    [],
    [],
    [],
    [],
  ];
  const seat = await signalling.join(room, {
    peer: (id) => peers.push(id),
    message: (data) => heard.push(data),
    line: (open) => lines.push(open),
    lost: (error) => lost.push(error),
  });
  return { seat, peers, heard, lines, lost };
}
