import { EngineError } from '../errors.ts';

/**
 * Why there is no microphone: `denied` (the user or a policy said no), `no-device`, `in-use` (something else holds it),
 * `constraint` (that very device is not there), `insecure` (not https), `gesture` (nobody has clicked yet),
 * `superseded` (a later wish for the same person came first), `failed` (the browser does not say).
 */
export type MicrophoneProblem =
  | 'denied'
  | 'no-device'
  | 'in-use'
  | 'constraint'
  | 'insecure'
  | 'gesture'
  | 'superseded'
  | 'failed';

const WORDS: Readonly<Record<MicrophoneProblem, readonly [message: string, hint: string]>> = {
  denied: [
    'The browser was told not to give this page the microphone.',
    'Allow the microphone beside the address of the page, then try again.',
  ],
  'no-device': ['No microphone was found.', 'Plug one in and try again.'],
  'in-use': [
    'The microphone is there, but something else holds it.',
    'Close the other program or tab that listens, then try again.',
  ],
  constraint: ['That microphone is not there any more.', 'Choose another one from the list.'],
  insecure: [
    'This page is not secure, so the browser keeps the microphone from it.',
    'Open it over https:// or on localhost.',
  ],
  gesture: [
    'The microphone was asked for before the user did anything.',
    'Call open() from a click or a key, so that the user knows why the browser asks.',
  ],
  superseded: ['Another microphone was chosen in the meantime.', 'Nothing needs to be done.'],
  failed: ['The microphone could not be opened.', 'Plug it out and in again, or restart the browser.'],
};

/** What `getUserMedia` throws; names of older browsers included. */
const BY_NAME: Readonly<Record<string, MicrophoneProblem>> = {
  NotAllowedError: 'denied',
  PermissionDeniedError: 'denied',
  NotFoundError: 'no-device',
  DevicesNotFoundError: 'no-device',
  NotReadableError: 'in-use',
  TrackStartError: 'in-use',
  OverconstrainedError: 'constraint',
  SecurityError: 'insecure',
  InvalidStateError: 'gesture',
  AbortError: 'failed',
};

const PROBLEMS = new WeakMap<EngineError, MicrophoneProblem>();

/** An error in words for the user, with `cause` as what the browser said. */
export function microphoneError(problem: MicrophoneProblem, cause?: unknown): EngineError {
  const [message, hint] = WORDS[problem];
  const error = new EngineError('unsupported', message, { hint, cause });
  PROBLEMS.set(error, problem);
  return error;
}

/** What `getUserMedia` threw, in words for the user. */
export const fromBrowser = (cause: unknown): EngineError =>
  microphoneError((cause instanceof Error && BY_NAME[cause.name]) || 'failed', cause);

/** Which problem an error of `Microphones` is, for a page that has its own words; undefined for any other error. */
export const microphoneProblem = (error: unknown): MicrophoneProblem | undefined =>
  error instanceof EngineError ? PROBLEMS.get(error) : undefined;
