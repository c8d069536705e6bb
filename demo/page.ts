import type { Words } from './words.ts';

/** What the page is doing; stands in `data-state` of the body. */
export type PageState = 'loading' | 'ready' | 'playing' | 'error';

/** The element with this id; the page is wrong without it. */
export const byId = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;

const status = byId('status');
const notice = byId('notice');

/** Puts the page into a state and says so. */
export function setState(state: PageState, said: string): void {
  document.body.dataset.state = state;
  say(said);
}

/** Says one sentence on the status line. */
export function say(sentence: string): void {
  if (status.textContent !== sentence) status.textContent = sentence;
}

/** Shows what went wrong and what to do next; `data-problem` of the body names it until it is closed. */
export function showProblem({ problem, sentence, next }: Words): void {
  document.body.dataset.problem = problem;
  notice.querySelector('h2')!.textContent = sentence;
  notice.querySelector('p')!.textContent = next;
  const close = notice.querySelector('button')!;
  const fatal = document.body.dataset.state === 'error';
  close.textContent = fatal ? 'Try again' : 'Close';
  close.onclick = fatal ? () => location.reload() : hideProblem;
  notice.hidden = false;
  close.focus();
}

/** Takes the problem off the page. */
export function hideProblem(): void {
  delete document.body.dataset.problem;
  notice.hidden = true;
}
