import type { PacketTransport } from './motion-channel.ts';

/** A packet that would have to wait behind more than this is dropped: a later one replaces it. */
const MOST_WAITING_BYTES = 8192;

/** A lossy data channel as a transport, which may be replaced by another channel while whoever uses it goes on. */
export class MotionLine implements PacketTransport {
  readonly #listeners = new Set<(packet: Uint8Array) => void>();
  readonly #take = ({ data }: MessageEvent) => {
    if (!(data instanceof ArrayBuffer)) return;
    for (const listener of [...this.#listeners]) listener(new Uint8Array(data));
  };
  #channel: RTCDataChannel | undefined;

  /** Goes over to another channel; what still comes from the old one is left out. */
  use(channel: RTCDataChannel): void {
    this.#channel?.removeEventListener('message', this.#take);
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', this.#take);
  }

  send(packet: Uint8Array<ArrayBuffer>): void {
    const channel = this.#channel;
    if (channel?.readyState !== 'open' || channel.bufferedAmount > MOST_WAITING_BYTES) return;
    try {
      channel.send(packet);
    } catch {
      // it closed in this moment
    }
  }

  listen(listener: (packet: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
