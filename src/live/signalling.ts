import { EngineError } from '../errors.ts';

/** What a seat in a room hears. */
export type SignallingListener = {
  /** Somebody sits opposite, by that name; `null` when the seat is empty again. */
  peer(id: string | null): void;
  /** Something the one opposite sent, in order. */
  message(data: unknown): void;
  /** The line to the server broke (and is being mended), or is back. */
  line(open: boolean): void;
  /** The seat is gone for good, and why: somebody else has taken it while the line was broken. */
  lost(error: EngineError): void;
};

/** A seat in a room of two. */
export type Seat = {
  /** Person 0 was in the room first and stands on the left, on both pages. */
  readonly person: 0 | 1;
  /** Sends to the one opposite; kept while the line is down, lost when nobody is there. */
  send(data: unknown): void;
  /** Gives the seat back; safe to call twice. */
  leave(): void;
};

/** Brings two pages together, so that they can find a way to each other; any server that can do this will do. */
export type Signalling = {
  /** Takes a seat; throws `unsupported` when the room is full or the server cannot be reached. */
  join(room: string, listener: SignallingListener): Promise<Seat>;
};

type FromServer =
  | { readonly type: 'seat'; readonly person: 0 | 1 }
  | { readonly type: 'peer'; readonly id: string | null }
  | { readonly type: 'message'; readonly data: unknown }
  | { readonly type: 'refused'; readonly reason: string };

/** What the server says when it refuses a third. */
const FULL = 'two people are in it already';
const MOST_KEPT = 100;
const JOIN_MS = 10_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 8000;
/** A server that was started again knows nobody until they have come back. */
const EMPTY_GRACE_MS = 5000;

function parse(text: unknown): FromServer | undefined {
  try {
    const value = JSON.parse(String(text)) as FromServer;
    return typeof value === 'object' && value !== null && 'type' in value ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Signalling over a WebSocket to the server of `npm run signal`, or to one that speaks as it does. */
export function webSocketSignalling(url: string | URL): Signalling {
  return {
    join: (room, listener) =>
      new Promise((resolve, reject) => {
        new WebSocketSeat(String(url), room, listener, resolve, reject);
      }),
  };
}

class WebSocketSeat {
  readonly #url: string;
  readonly #room: string;
  readonly #listener: SignallingListener;
  readonly #id = crypto.randomUUID();
  readonly #resolve: (seat: Seat) => void;
  readonly #reject: (error: EngineError) => void;
  #waiting: string[] = [];
  #socket!: WebSocket;
  #peer: string | null = null;
  #joined = false;
  #left = false;
  #retryMs = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout>;
  #emptyTimer: ReturnType<typeof setTimeout> | undefined;
  #mendedAt = Number.NEGATIVE_INFINITY;

  constructor(
    url: string,
    room: string,
    listener: SignallingListener,
    resolve: (seat: Seat) => void,
    reject: (error: EngineError) => void,
  ) {
    this.#url = url;
    this.#room = room;
    this.#listener = listener;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#refuse(`${url} does not answer`), JOIN_MS);
    this.#open();
  }

  #open() {
    try {
      this.#socket = new WebSocket(this.#url);
    } catch {
      this.#refuse(`${this.#url} is no address of a signalling server`);
      return;
    }
    const socket = this.#socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: 'join', room: this.#room, id: this.#id }));
    socket.onmessage = ({ data }) => {
      const message = parse(data);
      if (message && socket === this.#socket && !this.#left) this.#take(message);
    };
    socket.onerror = () => undefined; // it is closed next
    socket.onclose = () => {
      if (socket === this.#socket && !this.#left) this.#lost();
    };
  }

  #take(message: FromServer) {
    if (message.type === 'refused') this.#refuse(message.reason);
    else if (message.type === 'seat') this.#sit(message.person);
    else if (message.type === 'message') this.#listener.message(message.data);
    else this.#opposite(message.id);
  }

  #opposite(id: string | null) {
    clearTimeout(this.#emptyTimer);
    if (id === this.#peer) return;
    if (id === null && performance.now() - this.#mendedAt < EMPTY_GRACE_MS) {
      this.#emptyTimer = setTimeout(() => this.#opposite(null), EMPTY_GRACE_MS);
      return;
    }
    this.#peer = id;
    this.#waiting = [];
    this.#listener.peer(id);
  }

  #sit(person: 0 | 1) {
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#joined) {
      this.#mendedAt = performance.now();
      this.#listener.line(true);
      for (const text of this.#waiting.splice(0)) this.#socket.send(text);
      return;
    }
    this.#joined = true;
    clearTimeout(this.#timer);
    this.#resolve({ person, send: (data) => this.#send(data), leave: () => this.#leave() });
  }

  #send(data: unknown) {
    if (this.#left || this.#peer === null) return;
    const text = JSON.stringify({ type: 'message', to: this.#peer, data });
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
    else if (this.#waiting.push(text) > MOST_KEPT) this.#waiting.shift();
  }

  #lost() {
    if (!this.#joined) {
      this.#refuse(`${this.#url} cannot be reached`);
      return;
    }
    clearTimeout(this.#emptyTimer);
    if (this.#retryMs === FIRST_RETRY_MS) this.#listener.line(false);
    this.#timer = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(LONGEST_RETRY_MS, 2 * this.#retryMs);
  }

  #refuse(reason: string) {
    const wasIn = this.#joined;
    this.#leave();
    if (wasIn)
      this.#listener.lost(
        new EngineError('unsupported', `The seat in the room "${this.#room}" is lost: ${reason}.`, {
          hint: 'Join again, or take another room.',
        }),
      );
    else
      this.#reject(
        new EngineError('unsupported', `The room "${this.#room}" cannot be joined: ${reason}.`, {
          hint:
            reason === FULL
              ? 'A room is for two: take another one.'
              : 'Start the server with `npm run signal`, or take another room.',
        }),
      );
  }

  #leave() {
    if (this.#left) return;
    this.#left = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#emptyTimer);
    this.#socket?.close(1000);
  }
}
