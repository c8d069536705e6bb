import type { Duologue, XrMode, XrRole } from '../src/index.ts';
import { byId, hideProblem, showProblem } from './page.ts';
import { wordsFor } from './words.ts';

const bar = byId('headset');
const who = byId<HTMLSelectElement>('headset-as');
const buttons = [...bar.querySelectorAll<HTMLButtonElement>('[data-xr]')];

/** Shows a button for each way into a headset that there is here, and brings it to life. */
export function watchHeadset(duo: Duologue): void {
  const find = async () => {
    for (const button of buttons) button.hidden = !(await duo.xr.supported(button.dataset.xr as XrMode));
    bar.hidden = buttons.every((button) => button.hidden);
  };
  // Headsets are plugged in and wake up while the page is open.
  navigator.xr?.addEventListener('devicechange', () => void find());
  void find();
  for (const button of buttons)
    button.onclick = async () => {
      hideProblem();
      const as = (who.value === 'watcher' ? 'watcher' : Number(who.value)) as XrRole;
      try {
        // Both need the click that is being handled.
        await Promise.all([duo.enterXR({ mode: button.dataset.xr as XrMode, as }), duo.start()]);
      } catch (error) {
        showProblem(wordsFor(error));
      }
    };
  duo.on('xr', (state) => document.body.toggleAttribute('data-xr', state !== null));
}
