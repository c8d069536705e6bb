import { readFileSync } from 'node:fs';
import type { CDPSession, Page } from 'playwright';
import { processes } from '../../test/faults/faults.ts';

const PAGE_BYTES = 4096;
const PATIENCE_MS = 10_000;

/** Chromium starts its service for language models some minutes after itself, whatever the page does: 97 MB. */
const OWN_AFFAIRS = 'on_device_model.mojom.OnDeviceModelService';

/** Bytes in use after garbage was collected. */
export type Memory = {
  /** Objects of the page's own thread, and buffers that they hold. */
  readonly pageBytes: number;
  /** The same of all its workers; null when one of them does not answer. */
  readonly workerBytes: number | null;
  readonly workers: number;
  /**
   * Resident memory of all processes of the browser but those of {@link OWN_AFFAIRS}, and of the page's alone; null where
   * there is no /proc.
   */
  readonly treeBytes: number | null;
  readonly rendererBytes: number | null;
  /** What `measureUserAgentSpecificMemory` says; null where the page is not isolated. */
  readonly agentBytes: number | null;
};

type Heap = { usedSize: number; embedderHeapUsedSize?: number; backingStorageSize?: number };

const sizeOf = ({ usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 }: Heap) =>
  usedSize + embedderHeapUsedSize + backingStorageSize;

const within = <T>(work: Promise<T>): Promise<T> =>
  Promise.race([
    work,
    new Promise<T>((_, reject) => setTimeout(reject, PATIENCE_MS, new Error('no answer'))),
  ]);

/** Looks into the memory of a page and its workers, over the protocol of the developer tools. */
export class MemoryWatch {
  readonly #page: Page;
  readonly #session: CDPSession;
  readonly #workers = new Set<string>();
  readonly #answers = new Map<string, (result: unknown) => void>();
  #asked = 0;

  /** Attaches to the page and to every worker that it has or will have. */
  static async open(page: Page): Promise<MemoryWatch> {
    const session = await page.context().newCDPSession(page);
    const watch = new MemoryWatch(page, session);
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') watch.#workers.add(sessionId);
    });
    session.on('Target.detachedFromTarget', ({ sessionId }) => watch.#workers.delete(sessionId));
    session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      const { id, result } = JSON.parse(message);
      watch.#answers.get(`${sessionId} ${id}`)?.(result);
    });
    await session.send('Target.setAutoAttach', {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    });
    return watch;
  }

  private constructor(page: Page, session: CDPSession) {
    this.#page = page;
    this.#session = session;
  }

  /** What is in use now, after garbage was collected everywhere. */
  async measure(): Promise<Memory> {
    await within(this.#session.send('HeapProfiler.collectGarbage'));
    const pageHeap = (await within(this.#session.send('Runtime.getHeapUsage'))) as Heap;
    const heaps = await Promise.all([...this.#workers].map((worker) => this.#heapOf(worker)));
    const workerBytes = heaps.reduce(
      (sum, bytes) => (sum === null || bytes === null ? null : sum + bytes),
      0,
    );
    const tree = await processes(this.#page);
    const resident = (which: readonly { id: number }[]) => {
      try {
        return which.reduce((sum, { id }) => sum + (isOwnAffair(id) ? 0 : residentBytes(id)), 0);
      } catch {
        return null;
      }
    };
    return {
      pageBytes: sizeOf(pageHeap),
      workerBytes,
      workers: heaps.length,
      treeBytes: resident(tree),
      rendererBytes: resident(tree.filter(({ type }) => type === 'renderer')),
      agentBytes: await within(
        this.#page.evaluate<number | null>(
          `crossOriginIsolated ? performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes) : null`,
        ),
      ),
    };
  }

  async #heapOf(worker: string): Promise<number | null> {
    try {
      await this.#ask(worker, 'HeapProfiler.collectGarbage');
      return sizeOf((await this.#ask(worker, 'Runtime.getHeapUsage')) as Heap);
    } catch {
      return null; // it hangs, or it is gone
    }
  }

  async #ask(sessionId: string, method: string): Promise<unknown> {
    const id = ++this.#asked;
    const key = `${sessionId} ${id}`;
    const answer = new Promise((resolve) => this.#answers.set(key, resolve));
    try {
      await this.#session.send('Target.sendMessageToTarget', {
        sessionId,
        message: JSON.stringify({ id, method, params: {} }),
      });
      return await within(answer);
    } finally {
      this.#answers.delete(key);
    }
  }
}

const isOwnAffair = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(OWN_AFFAIRS);

const residentBytes = (pid: number) =>
  Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
