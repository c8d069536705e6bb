import { EngineError, microphoneProblem } from '../src/index.ts';

/** What went wrong in one sentence, what to do next in another, and a name for tests. */
export type Words = { readonly problem: string; readonly sentence: string; readonly next: string };

/** A problem that the page knows itself. */
export class PageError extends Error {
  override readonly name = 'PageError';
  readonly words: Words;

  constructor(words: Words, options?: ErrorOptions) {
    super(words.sentence, options);
    this.words = words;
  }
}

/** The browser hides microphones, sound processing and WebGPU from pages it cannot trust. */
export const insecurePage: Words = {
  problem: 'insecure',
  sentence: 'This page is not secure, so the browser keeps microphones and sound processing from it.',
  next: 'Open it over https:// or on localhost.',
};

/** The user pressed play before choosing. */
export const noFile: Words = {
  problem: 'no-file',
  sentence: 'No sound file is chosen.',
  next: 'Choose one or two files, or drop them on the page.',
};

/** Words for whatever was thrown. */
export function wordsFor(error: unknown): Words {
  if (error instanceof PageError) return error.words;
  if (error instanceof EngineError)
    return {
      problem: microphoneProblem(error) ?? error.kind,
      sentence: sentence(error.message),
      next: error.hint ? sentence(error.hint) : NEXT[error.kind],
    };
  const message = error instanceof Error ? error.message : String(error);
  return { problem: 'bug', sentence: `Something broke: ${message}`, next: NEXT.bug };
}

const NEXT = {
  unsupported: 'Try a current Chrome, Edge, Firefox or Safari.',
  asset: 'Check that the file is there and of the right version, then reload the page.',
  lost: 'The engine builds itself again; reload the page if it does not come back.',
  bug: 'Reload the page; if it happens again, tell us what you did just before.',
} as const;

const sentence = (text: string) => {
  const trimmed = text.trim();
  // A file name keeps its own first letter.
  if (/^\S+\.\w/.test(trimmed)) return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? '' : '.');
};
