import { BLOCK_HEADER, blockFrame } from '../engine/audio/block.ts';
import { rmsDb } from '../engine/audio/levels.ts';
import type { WireLevels } from '../engine/wire.ts';
import { capture, hopWithin } from '../workers/capture.ts';
import { openReader } from '../workers/stream.ts';

/** Measures how loud two sounds are on the audio clock. */
export type LevelTap = {
  /** What to connect sound 0 or 1 to. */
  input(index: 0 | 1): AudioNode;
  close(): void;
};

const EVERY_MS = 50;
/** Longest time of one value, in seconds. */
const PERIOD_S = 0.006;

/** Tells, twenty times a second, how loud two sounds were, one value for each block of about 5 ms. */
export async function tapLevels(
  context: AudioContext,
  listener: (index: 0 | 1, levels: WireLevels) => void,
): Promise<LevelTap> {
  const tap = await capture(context, {
    hopFrames: hopWithin(PERIOD_S, context),
    gate: 'off', // they are compared with the levels of the same voice elsewhere, where nobody ducks it
    onRestart() {
      reader.close();
      reader = openReader(tap.renew());
    },
  });
  let reader = openReader(tap.end);
  const block = new Float32Array(reader.blockLength);
  const { hopFrames } = tap;
  const rate = context.sampleRate;
  const drain = () => {
    let runs: { frame: number; levels: [number[], number[]] } | undefined;
    const flush = () => {
      if (!runs) return;
      const timeS = (runs.frame + hopFrames / 2) / rate;
      for (const index of [0, 1] as const)
        listener(index, { timeS, periodS: hopFrames / rate, levels: runs.levels[index] });
      runs = undefined;
    };
    while (reader.pull(block)) {
      const frame = blockFrame(block);
      // One run holds blocks without a hole, and fits into one packet.
      if (runs && (frame !== runs.frame + runs.levels[0].length * hopFrames || runs.levels[0].length === 200))
        flush();
      runs ??= { frame, levels: [[], []] };
      for (const index of [0, 1] as const) {
        const from = BLOCK_HEADER + index * hopFrames;
        runs.levels[index].push(rmsDb(block, from, from + hopFrames));
      }
    }
    flush();
  };
  const timer = setInterval(drain, EVERY_MS);
  return {
    input: (index) => tap.input(index),
    close() {
      clearInterval(timer);
      reader.close();
      tap.dispose();
    },
  };
}
