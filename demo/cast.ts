import type { Duologue, Person } from '../src/index.ts';
import { showWarnings } from './figures.ts';
import { byId, hideProblem, say, showProblem } from './page.ts';
import { wordsFor } from './words.ts';

const choosers = [...document.querySelectorAll<HTMLInputElement>('#cast input')];

/** Whether a file is a character rather than a sound. */
export const isCharacter = ({ name }: File) => /\.(vrm|glb)$/i.test(name);

/** The person on whose side of the page something is dropped. */
export const personAt = ({ clientX }: MouseEvent): Person => (clientX < innerWidth / 2 ? 0 : 1);

/** Lets a file take a person's place while everything goes on; where it cannot, the page says why and the person stays. */
export async function recast(duo: Duologue, person: Person, file: File): Promise<void> {
  const status = byId('status');
  const before = status.textContent ?? '';
  const coming = `${file.name} is coming in on the ${person === 0 ? 'left' : 'right'}…`;
  hideProblem();
  say(coming);
  try {
    await duo.setCharacter(person, file);
    showWarnings(duo);
  } catch (error) {
    showProblem(wordsFor(error));
  } finally {
    // Something else may have been said meanwhile.
    if (status.textContent === coming) say(before);
  }
}

/** Brings the two file buttons to life. */
export function watchCast(duo: Duologue): void {
  for (const [person, input] of choosers.entries()) {
    input.disabled = false;
    input.onchange = () => {
      const file = input.files?.[0];
      // The same file may be chosen again.
      input.value = '';
      if (file) void recast(duo, person as Person, file);
    };
  }
}
