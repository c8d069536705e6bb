import { Resampler } from '../src/engine/audio/resample.ts';
import { TICK_LENGTH, Voices } from '../src/engine/audio/voices.ts';
import type { GeneratedFrame, Generator } from '../src/engine/model/generator.ts';
import type { Effort } from '../src/engine/model/scheduler.ts';

/** A person's sound at its own rate; undefined never comes. */
export type Sound = { readonly samples: Float32Array; readonly rateHz: number } | undefined;

/** The log-mel rows of every tick of two sounds, handed over `chunk` samples at a time. */
export function ticksOf(sounds: readonly [Sound, Sound], seconds: number, chunk = 4096): Float32Array[] {
  const voices = new Voices();
  const resamplers = sounds.map((sound) => sound && new Resampler(sound.rateHz));
  const ticks: Float32Array[] = [];
  const silence = new Float32Array(chunk);
  for (let at = 0; ticks.length <= seconds * 30; at += chunk) {
    sounds.forEach((sound, p) => {
      const resampler = resamplers[p];
      const end = Math.min(sound?.samples.length ?? 0, at + chunk);
      if (!sound || !resampler || at >= end) voices.push(p, silence, voices.samples(p));
      else {
        const count = resampler.push(sound.samples, at, end);
        voices.push(p, resampler.output.subarray(0, count), voices.samples(p));
      }
    });
    for (let mel = new Float32Array(TICK_LENGTH); voices.pull(mel); mel = new Float32Array(TICK_LENGTH))
      ticks.push(mel);
  }
  return ticks;
}

/** All numbers of a frame: face [2, 51], body [2, 75], codes [4, 2]. */
export const numbersOf = ({ frameIndex, face, body, codes, turn }: GeneratedFrame) => [
  frameIndex,
  ...face,
  ...(body ?? []),
  ...(codes ?? []),
  ...turn,
];

/** Runs ticks through a generator; gives the numbers of every frame. */
export async function frames(
  generator: Generator,
  ticks: readonly Float32Array[],
  effort: (tick: number) => Effort = () => 'all',
): Promise<number[][]> {
  const out: number[][] = [];
  for (const [i, mel] of ticks.entries()) {
    const frame = await generator.tick(mel.slice(), effort(i));
    if (frame) out.push(numbersOf(frame));
  }
  return out;
}
