import { Timeline } from './engine/timeline.ts';
import { Heard } from './heard.ts';
import { type Opening, openNetworks } from './opening.ts';
import { type TalkOptions, type TalkSetting, talkSettingOf } from './talk.options.ts';
import { Talk, type TalkPlace } from './talk.ts';
import { disposedError } from './voices.ts';
import { capture } from './workers/capture.ts';

/** A talk without characters: who takes its frames shows it. */
class Unseen extends Talk {
  /** Opens the audio of a talk whose networks are there. */
  static async open(options: TalkOptions, { voices }: TalkSetting, opening: Opening): Promise<Talk> {
    const context = new AudioContext({ latencyHint: 'interactive' });
    let talk: Unseen | undefined;
    try {
      if (voices.some(Boolean)) await context.suspend(); // they are heard from `start` on
      const captured = await capture(context, {
        gate: options.gate,
        onBleed: (bleed) => talk?.events.emit('bleed', bleed),
        onRestart: (error) => talk?.recaptured(error),
      });
      const place: TalkPlace = {
        context,
        capture: captured,
        heard: new Heard(context, { input: () => context.destination }),
        timeline: new Timeline(),
      };
      talk = new Unseen({ ...opening, info: await opening.networks }, place);
      talk.attachAll(voices);
      return talk;
    } catch (error) {
      talk?.dispose();
      if (context.state !== 'closed') await context.close();
      throw error;
    }
  }

  protected override seat(): void {}
}

/**
 * Makes a talk without characters, for a renderer of your own: voices in, sound on the page's clock, motion out by
 * `talk.frames()` or `on('frame', …)`. The networks run in a worker, as with `createDuologue`; nothing of three.js is loaded.
 * Throws `asset` when a model file is missing or wrong, `unsupported` when the browser cannot do it.
 *
 * ```ts
 * const talk = await createTalk({ voices: [stream, null] });
 * button.onclick = () => talk.start();
 * for await (const { face, body, contextTimeS } of talk.frames()) show(face, body, contextTimeS);
 * ```
 */
export async function createTalk(options: TalkOptions = {}): Promise<Talk> {
  const setting = talkSettingOf(options);
  const opening = openNetworks(options, setting);
  try {
    await opening.networks;
    opening.loading.finish();
    return await Unseen.open(options, setting, opening);
  } catch (error) {
    opening.host.dispose(disposedError('it was not made'));
    throw error;
  }
}
