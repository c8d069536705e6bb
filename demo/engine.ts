import { type BackendChoice, createDuologue, type Duologue } from '../src/index.ts';
import { keepPage } from './offline/register.ts';
import { byId, say, showProblem } from './page.ts';
import { insecurePage, PageError, wordsFor } from './words.ts';

/** What the address of the page says. */
export const query: URLSearchParams = new URLSearchParams(location.search);

/** Puts a page that has states of its own into one of them and says so. */
export function enter(state: string, said: string): void {
  document.body.dataset.state = state;
  say(said);
}

/** Shows what went wrong, whatever was thrown. */
export const showError = (error: unknown): void => showProblem(wordsFor(error));

/**
 * Makes the engine ready for a small page, which lies at `root` from the demo's, beside whatever else has to come; the page
 * shows how far it is. Says what is wrong and gives undefined when it cannot be.
 */
export async function openEngine<Other>(
  root: string,
  other: Promise<Other>,
): Promise<readonly [Duologue, Other] | undefined> {
  const backend = query.get('backend') as BackendChoice | null;
  const progress = byId<HTMLProgressElement>('progress');
  try {
    if (!isSecureContext) throw new PageError(insecurePage);
    const [duo, rest] = await Promise.all([
      createDuologue({
        container: byId('stage'),
        characters: [
          query.get('left') ?? `${root}models/ada.vrm`,
          query.get('right') ?? `${root}models/bo.vrm`,
        ],
        modelBaseUrl: `${root}models/`,
        ...(backend ? { backend } : {}),
        onProgress({ loadedBytes, totalBytes }) {
          if (totalBytes > 0) progress.value = Math.max(progress.value, loadedBytes / totalBytes);
        },
      }),
      other,
    ]);
    duo.on('error', showError);
    void keepPage();
    if (query.has('debug')) Object.assign(window, { duologue: duo });
    return [duo, rest];
  } catch (error) {
    enter('error', '');
    showError(error);
    return undefined;
  }
}

/** A sound file that speaks instead of the user's microphone: `?voice=ADDRESS`; in a call from when the other can hear it. */
export async function voiceFile({ context }: Duologue, address: string): Promise<AudioBuffer> {
  return context.decodeAudioData(await (await fetch(address)).arrayBuffer());
}
