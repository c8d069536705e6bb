import { EngineError } from './errors.ts';
import { disposedError } from './voices.ts';

/** How often (ms) a context that was stopped from outside is asked to go on. */
const RETRY_MS = 500;

/** Tries on a page that is seen, after which the user is asked for a click. */
const TRIES = 6;

/** What may end a pause: the page comes back, another device is there, or somebody makes the gesture that browsers ask for. */
const WINDOW_EVENTS = ['pageshow', 'focus', 'pointerdown', 'keydown'] as const;
const DOCUMENT_EVENTS = ['visibilitychange', 'resume'] as const;

/**
 * Keeps an audio context running between `start` and `stop`: when the system suspends it, as in sleep, in a call on a phone
 * or when a device goes, it goes on by itself as soon as it may.
 */
export class ContextKeeper {
  readonly #context: AudioContext;
  readonly #onError: (error: EngineError) => void;
  readonly #waiting = new Set<(why: EngineError) => void>();
  #runs: boolean;
  #tries = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isDisposed = false;

  /** `onError` hears once of a pause that does not end by itself. */
  constructor(context: AudioContext, onError: (error: EngineError) => void) {
    this.#context = context;
    this.#onError = onError;
    this.#runs = context.state === 'running';
    context.addEventListener('statechange', this.#look);
    for (const name of WINDOW_EVENTS) window.addEventListener(name, this.#look, { capture: true });
    for (const name of DOCUMENT_EVENTS) document.addEventListener(name, this.#look);
    const devices: MediaDevices | undefined = navigator.mediaDevices; // insecure pages have none
    devices?.addEventListener('devicechange', this.#look);
  }

  /** Lets the context run; resolves when it does. Throws `unsupported` when it is disposed of, or the browser refuses. */
  async start(): Promise<void> {
    await this.#settled(() => this.#context.resume());
    this.#runs = true;
  }

  /** Lets the context rest until `start`. */
  async stop(): Promise<void> {
    this.#runs = false;
    await this.#settled(() => this.#context.suspend());
  }

  /** Leaves the context alone from now on; who waits for it to start is told. */
  dispose(): void {
    this.#isDisposed = true;
    this.#rest();
    this.#context.removeEventListener('statechange', this.#look);
    for (const name of WINDOW_EVENTS) window.removeEventListener(name, this.#look, { capture: true });
    for (const name of DOCUMENT_EVENTS) document.removeEventListener(name, this.#look);
    const devices: MediaDevices | undefined = navigator.mediaDevices;
    devices?.removeEventListener('devicechange', this.#look);
    for (const reject of this.#waiting) reject(disposedError('its sound starts and stops no more'));
  }

  #settled(change: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isDisposed) return reject(disposedError('its sound starts and stops no more'));
      this.#waiting.add(reject);
      change()
        .then(resolve, (cause: unknown) =>
          reject(
            new EngineError('unsupported', `The sound does not start or stop: ${cause}`, {
              hint: 'Call start() in the handler of a click or a key.',
              cause,
            }),
          ),
        )
        .finally(() => this.#waiting.delete(reject));
    });
  }

  readonly #look = () => {
    const { state } = this.#context;
    if (state === 'running') {
      this.#runs ||= this.#waiting.size === 0; // somebody let it run without us
      this.#rest();
    } else if (this.#runs && !this.#isDisposed) this.#resume();
  };

  #resume() {
    if (this.#context.state === 'closed') {
      this.#runs = false;
      this.#rest();
      this.#onError(
        new EngineError('unsupported', 'The audio context was closed: nobody is heard any more.', {
          hint: 'Dispose of the conversation and make a new one; to be silent for a while, call stop().',
        }),
      );
      return;
    }
    this.#context.resume().catch(() => undefined); // it is tried again
    this.#timer ??= setInterval(() => this.#retry(), RETRY_MS);
  }

  #retry() {
    if (document.visibilityState === 'visible' && ++this.#tries === TRIES)
      this.#onError(
        new EngineError(
          'unsupported',
          `The sound is ${this.#context.state}: the system or the browser stopped it.`,
          {
            hint: 'Click on the page, or call start() in the handler of a click.',
          },
        ),
      );
    this.#look();
  }

  #rest() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#tries = 0;
  }
}
