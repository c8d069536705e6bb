import type { Seat, Signalling } from '../src/live/signalling.ts';

/** A seat, and all that it heard. */
export type SeatEvents = {
  readonly seat: Seat;
  readonly peers: (string | null)[];
  readonly heard: unknown[];
  readonly lines: boolean[];
};

/** Takes a seat and writes down what it hears. */
export async function sit(signalling: Signalling, room: string): Promise<SeatEvents> {
  const [peers, heard, lines]: [(string | null)[], unknown[], boolean[]] = [[], [], []];
  const seat = await signalling.join(room, {
    peer: (id) => peers.push(id),
    message: (data) => heard.push(data),
    line: (open) => lines.push(open),
  });
  return { seat, peers, heard, lines };
}
