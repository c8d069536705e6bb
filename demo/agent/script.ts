/** One thing that the agent can say, as sound and as words. */
export type Line = { readonly text: string; readonly samples: Float32Array; readonly rateHz: number };

type Caption = {
  readonly person: 0 | 1;
  readonly startS: number;
  readonly endS: number;
  readonly text: string;
};

const AGENT = 1;
/** Shorter than this is a listener's sound, not a line. */
const LEAST_S = 0.9;
const MARGIN_S = 0.05;
const FADE_S = 0.01;

/** Cuts the agent's lines out of its side of the sample conversation; the longest first, so that one can break into it. */
export async function loadScript(folder: string): Promise<Line[]> {
  const [sound, captions] = await Promise.all([
    fetched(`${folder}b.flac`).then((response) => response.arrayBuffer()),
    fetched(`${folder}captions.json`).then((response) => response.json() as Promise<Caption[]>),
  ]);
  const rateHz = 16_000;
  const buffer = await new OfflineAudioContext(1, 1, rateHz).decodeAudioData(sound);
  const whole = buffer.getChannelData(0);
  return captions
    .filter(({ person, startS, endS }) => person === AGENT && endS - startS >= LEAST_S)
    .map(({ text, startS, endS }) => {
      const from = Math.max(0, Math.round((startS - MARGIN_S) * rateHz));
      const samples = whole.slice(from, Math.round((endS + MARGIN_S) * rateHz));
      fade(samples, Math.round(FADE_S * rateHz));
      return { text, samples, rateHz };
    })
    .sort((a, b) => b.samples.length - a.samples.length);
}

async function fetched(address: string): Promise<Response> {
  const response = await fetch(address).catch(() => undefined);
  if (response?.ok && !response.headers.get('content-type')?.includes('text/html')) return response;
  throw new Error(
    `The agent has no voice: ${address} is not there. Make it with tools/sample-conversation.ts.`,
  );
}

function fade(samples: Float32Array, length: number) {
  for (let i = 0; i < Math.min(length, samples.length); i++) {
    samples[i]! *= i / length;
    samples[samples.length - 1 - i]! *= i / length;
  }
}
