import { Peer, type PeerOptions, type PeerSignal, type PeerState } from './peer.ts';

/** What a link hears and needs; `send` goes through the signalling to the one opposite. */
export type LinkOptions = Omit<PeerOptions, 'send' | 'onBroken'> & {
  send(signal: unknown): void;
  /** No way to the other side was ever found, after a first honest try; it is looked for again and again. */
  onNoWay(): void;
};

/** Which of a side's connections a signal comes from, and which of the other's it is for, as far as that is known. */
type Addressed = PeerSignal & { readonly id: string; readonly for: string | null };

const isAddressed = (data: unknown): data is Addressed =>
  typeof data === 'object' && data !== null && typeof (data as Addressed).id === 'string';

/**
 * The way to whoever sits opposite: a connection, and another one in its place when it is beyond help or the other side
 * has begun anew. Each connection has a name, so that what was meant for an earlier one is left out.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #retired = new Set<string>();
  #microphone: MediaStream;
  #peer!: Peer;
  #id = '';
  #theirs: string | undefined;
  #connected = false;
  #told = false;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#microphone = options.microphone;
    this.#open();
  }

  /** Sends on the reliable channel; lost when it is not open. */
  control(message: unknown): void {
    this.#peer.control(message);
  }

  /** Takes what the other side's `send` gave to the signalling, in order. */
  signal(data: unknown): void {
    if (this.#closed || !isAddressed(data) || this.#retired.has(data.id)) return;
    if (data.for !== null && data.for !== this.#id) return;
    if (this.#theirs !== undefined && data.id !== this.#theirs) this.#renew();
    this.#theirs = data.id;
    this.#peer.signal(data);
  }

  /** Speaks through another microphone from now on. */
  async setMicrophone(microphone: MediaStream): Promise<void> {
    this.#microphone = microphone;
    await this.#peer.setMicrophone(microphone);
  }

  /** Seconds that received sound waits in the jitter buffer, over the time since the last call; NaN when unknown. */
  jitterBufferS(): Promise<number> {
    return this.#peer.jitterBufferS();
  }

  /** Ends the connection; safe to call twice. */
  close(): void {
    this.#closed = true;
    this.#peer.close();
  }

  #open() {
    const id = crypto.randomUUID();
    this.#id = id;
    this.#peer = new Peer({
      ...this.#options,
      microphone: this.#microphone,
      send: (signal) => {
        if (id !== this.#id) return;
        this.#options.send({ ...signal, id, for: this.#theirs ?? null } satisfies Addressed);
      },
      onState: (state) => this.#become(state),
      onBroken: () => {
        if (id !== this.#id || this.#closed) return;
        if (!this.#connected && !this.#told) {
          this.#told = true;
          this.#options.onNoWay();
        }
        this.#renew();
      },
    });
  }

  #renew() {
    if (this.#theirs !== undefined) this.#retired.add(this.#theirs);
    this.#theirs = undefined;
    this.#peer.close();
    if (this.#connected) this.#options.onState('reconnecting');
    this.#open();
  }

  #become(state: PeerState) {
    this.#connected ||= state === 'connected';
    this.#options.onState(state);
  }
}
