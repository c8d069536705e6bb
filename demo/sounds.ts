import { PageError } from './words.ts';

/** The sound of each person; null for one who stays silent. */
export type Voices = readonly [AudioBuffer | null, AudioBuffer | null];

/** One caption of the sample conversation. */
export type Caption = {
  readonly person: 0 | 1;
  readonly startS: number;
  readonly endS: number;
  readonly text: string;
};

const SAMPLE = `${import.meta.env.BASE_URL}sample/`;

/** Fetches the sample conversation; throws words for the user when it is missing. */
export async function loadSample(
  context: BaseAudioContext,
): Promise<{ voices: Voices; captions: Caption[] }> {
  const [a, b, captions] = await Promise.all([
    fetched('a.flac').then((response) => response.arrayBuffer()),
    fetched('b.flac').then((response) => response.arrayBuffer()),
    fetched('captions.json').then((response) => response.json() as Promise<Caption[]>),
  ]);
  return { voices: [await decode(context, a, 'a.flac'), await decode(context, b, 'b.flac')], captions };
}

async function fetched(name: string): Promise<Response> {
  const response = await fetch(SAMPLE + name).catch(() => undefined);
  if (response?.ok && !response.headers.get('content-type')?.includes('text/html')) return response;
  throw new PageError({
    problem: 'sample-missing',
    sentence: `The sample conversation is not where it should be: ${SAMPLE}${name}.`,
    next: 'Run `npx tsx tools/sample-conversation.ts` to make it again, or use your own sound files.',
  });
}

/**
 * The voices of one or two files: two files are left and right, one stereo file is split, one mono file speaks for the
 * left person. Throws words for the user about a file that holds no sound.
 */
export async function voicesOf(
  context: BaseAudioContext,
  files: readonly (File | undefined)[],
): Promise<Voices> {
  const [left, right] = await Promise.all(
    files.map(async (file) => (file ? decode(context, await file.arrayBuffer(), file.name) : null)),
  );
  if (left && right) return [left, right];
  const only = left ?? right ?? null;
  if (only && only.numberOfChannels === 2 && !sameSides(only)) return [side(only, 0), side(only, 1)];
  return [left ?? null, right ?? null];
}

async function decode(context: BaseAudioContext, bytes: ArrayBuffer, name: string): Promise<AudioBuffer> {
  try {
    return await context.decodeAudioData(bytes);
  } catch (cause) {
    throw new PageError(
      {
        problem: 'undecodable',
        sentence: `This browser cannot read ${name} as sound.`,
        next: 'Use a WAV, MP3, FLAC, OGG or M4A file.',
      },
      { cause },
    );
  }
}

/** True for a mono recording stored as stereo. */
const sameSides = (buffer: AudioBuffer) => {
  const left = buffer.getChannelData(0);
  const right = buffer.getChannelData(1);
  let difference = 0;
  let sound = 0;
  for (let i = 0; i < left.length; i += 7) {
    difference += Math.abs(left[i]! - right[i]!);
    sound += Math.abs(left[i]!) + Math.abs(right[i]!);
  }
  return difference < 0.1 * sound;
};

const side = (buffer: AudioBuffer, channel: number) => {
  const mono = new AudioBuffer({ length: buffer.length, sampleRate: buffer.sampleRate });
  mono.copyToChannel(buffer.getChannelData(channel), 0);
  return mono;
};
