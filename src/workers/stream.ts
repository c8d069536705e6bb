import { EngineError, invariant } from '../errors.ts';
import { Ring } from './ring.ts';

/** One end of a stream, to be handed to the thread that opens it; see {@link transferables}. */
export type StreamEnd = {
  /** Floats of a block. */
  readonly blockLength: number;
  /** Blocks that may wait; a power of two. */
  readonly capacityBlocks: number;
} & ({ readonly port: MessagePort } | { readonly memory: SharedArrayBuffer });

/** Counters of a stream; the reader of a port learns of dropped blocks with the next block that arrives. */
export type StreamStats = {
  readonly pushed: number;
  /** Blocks refused because the reader was late. */
  readonly dropped: number;
  /** Blocks that were pushed and not yet pulled. */
  readonly fill: number;
};

/** Gives blocks to the other thread; only one thread may write. */
export type StreamWriter = {
  readonly blockLength: number;
  readonly stats: StreamStats;
  /** Copies all of `block` or nothing; false means the reader is late, and is counted. Never waits. */
  push(block: Float32Array): boolean;
  close(): void;
};

/** Takes blocks from the other thread; only one thread may read. */
export type StreamReader = {
  readonly blockLength: number;
  readonly stats: StreamStats;
  /** Copies the oldest block into `block` or leaves it; false means nothing has arrived yet. Never waits. */
  pull(block: Float32Array): boolean;
  /** Resolves with true as soon as a block waits, with false after `timeoutMs` or `close`. One wait at a time. */
  wait(timeoutMs: number): Promise<boolean>;
  close(): void;
};

/**
 * A queue of blocks of `blockLength` floats between two threads, at most `capacityBlocks` (rounded up to a power of two)
 * of them. `shared` takes a ring in shared memory (default: where the page is isolated), else blocks are transferred over
 * a port and come back to be used again. Throws `unsupported` when shared memory is asked for and there is none.
 */
export function makeStream(
  blockLength: number,
  capacityBlocks: number,
  { shared = globalThis.crossOriginIsolated === true }: { shared?: boolean | undefined } = {},
): { writer: StreamEnd; reader: StreamEnd } {
  invariant(
    blockLength > 0 && capacityBlocks > 0,
    `stream of ${capacityBlocks} blocks of ${blockLength} floats`,
  );
  const size = { blockLength, capacityBlocks: 2 ** Math.ceil(Math.log2(capacityBlocks)) };
  if (shared) {
    if (typeof SharedArrayBuffer === 'undefined')
      throw new EngineError('unsupported', 'This page has no shared memory.', {
        hint: 'Leave out `shared`, or serve the page with the COOP and COEP headers.',
      });
    const memory = new SharedArrayBuffer(Ring.bytes(size.blockLength, size.capacityBlocks));
    return { writer: { ...size, memory }, reader: { ...size, memory } };
  }
  const { port1, port2 } = new MessageChannel();
  return { writer: { ...size, port: port1 }, reader: { ...size, port: port2 } };
}

/** What must stand in the transfer list when `ends` are posted to another thread. */
export const transferables = (...ends: StreamEnd[]): Transferable[] =>
  ends.flatMap((end) => ('port' in end ? [end.port] : []));

/** Opens the writing end on this thread, which may be an audio worklet. */
export const openWriter = (end: StreamEnd): StreamWriter =>
  'port' in end ? new PortWriter(end, end.port) : new RingWriter(end, end.memory);

/** Opens the reading end on this thread. */
export const openReader = (end: StreamEnd): StreamReader =>
  'port' in end ? new PortReader(end, end.port) : new RingReader(end, end.memory);

const checkLength = (block: Float32Array, blockLength: number) =>
  invariant(
    block.length === blockLength,
    `stream: block has ${block.length} floats, expected ${blockLength}`,
  );

/** Copies into buffers that travel to the reader and back; a buffer is made only when more are under way than ever. */
class PortWriter implements StreamWriter {
  readonly blockLength: number;
  readonly #port: MessagePort;
  readonly #capacity: number;
  readonly #idle: Float32Array<ArrayBuffer>[] = [];
  #made = 0;
  #pushed = 0;
  #dropped = 0;

  constructor({ blockLength, capacityBlocks }: StreamEnd, port: MessagePort) {
    this.blockLength = blockLength;
    this.#capacity = capacityBlocks;
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) => this.#idle.push(data);
  }

  get stats(): StreamStats {
    return { pushed: this.#pushed, dropped: this.#dropped, fill: this.#made - this.#idle.length };
  }

  push(block: Float32Array): boolean {
    checkLength(block, this.blockLength);
    const carrier = this.#idle.pop() ?? this.#make();
    if (!carrier) {
      this.#dropped++;
      return false;
    }
    carrier.set(block);
    carrier[this.blockLength] = this.#dropped;
    this.#port.postMessage(carrier, [carrier.buffer]);
    this.#pushed++;
    return true;
  }

  close() {
    this.#port.close();
  }

  #make() {
    if (this.#made === this.#capacity) return undefined;
    this.#made++;
    return new Float32Array(this.blockLength + 1);
  }
}

class PortReader implements StreamReader {
  readonly blockLength: number;
  readonly #port: MessagePort;
  readonly #arrived: (Float32Array<ArrayBuffer> | undefined)[];
  #head = 0;
  #pulled = 0;
  #fill = 0;
  #dropped = 0;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor({ blockLength, capacityBlocks }: StreamEnd, port: MessagePort) {
    this.blockLength = blockLength;
    this.#arrived = Array.from({ length: capacityBlocks }, () => undefined);
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) => {
      this.#arrived[(this.#head + this.#fill++) % capacityBlocks] = data;
      this.#dropped = data[blockLength];
      this.#wake?.();
    };
  }

  get stats(): StreamStats {
    return { pushed: this.#pulled + this.#fill, dropped: this.#dropped, fill: this.#fill };
  }

  pull(block: Float32Array): boolean {
    checkLength(block, this.blockLength);
    const carrier = this.#arrived[this.#head];
    if (!carrier) return false;
    for (let i = 0; i < block.length; i++) block[i] = carrier[i];
    this.#arrived[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#arrived.length;
    this.#fill--;
    this.#pulled++;
    this.#port.postMessage(carrier, [carrier.buffer]);
    return true;
  }

  async wait(timeoutMs: number): Promise<boolean> {
    invariant(!this.#wake, 'stream: wait() while another wait is under way');
    if (this.#fill === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        const timer = Number.isFinite(timeoutMs) ? setTimeout(() => this.#wake?.(), timeoutMs) : undefined;
        this.#wake = () => {
          clearTimeout(timer);
          this.#wake = undefined;
          resolve();
        };
      });
    }
    return this.#fill > 0;
  }

  close() {
    this.#closed = true;
    this.#port.close();
    this.#wake?.();
  }
}

class RingWriter implements StreamWriter {
  readonly blockLength: number;
  readonly #ring: Ring;

  constructor({ blockLength }: StreamEnd, memory: SharedArrayBuffer) {
    this.blockLength = blockLength;
    this.#ring = new Ring(memory, blockLength);
  }

  get stats(): StreamStats {
    return { pushed: this.#ring.pushed, dropped: this.#ring.dropped, fill: this.#ring.fill };
  }

  push(block: Float32Array): boolean {
    checkLength(block, this.blockLength);
    return this.#ring.push(block);
  }

  close() {}
}

class RingReader implements StreamReader {
  readonly blockLength: number;
  readonly #ring: Ring;
  #closed = false;
  #waiting = false;

  constructor({ blockLength }: StreamEnd, memory: SharedArrayBuffer) {
    this.blockLength = blockLength;
    this.#ring = new Ring(memory, blockLength);
  }

  get stats(): StreamStats {
    return { pushed: this.#ring.pushed, dropped: this.#ring.dropped, fill: this.#ring.fill };
  }

  pull(block: Float32Array): boolean {
    checkLength(block, this.blockLength);
    return this.#ring.pull(block);
  }

  async wait(timeoutMs: number): Promise<boolean> {
    invariant(!this.#waiting, 'stream: wait() while another wait is under way');
    this.#waiting = true;
    const deadline = performance.now() + timeoutMs;
    for (let left = timeoutMs; left > 0 && this.#ring.fill === 0 && !this.#closed; ) {
      await this.#ring.change(left);
      left = deadline - performance.now();
    }
    this.#waiting = false;
    return this.#ring.fill > 0;
  }

  close() {
    this.#closed = true;
    this.#ring.wake();
  }
}
