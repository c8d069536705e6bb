import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import decode from 'audio-decode';

/** Real recordings for tests; not part of the project, so tests that need them say when they are absent. */
export const RECORDINGS = path.resolve(
  process.env.DUOLOGUE_SHARED ?? '../shared',
  'data/speech-kathleen/flac',
);

/** A recorded voice where the recordings are at hand, else the first words of the sample conversation. */
export function recordedVoice(): string {
  const recorded = path.join(RECORDINGS, 'arctic_a0032_1592747822.flac');
  if (existsSync(recorded)) return recorded;
  console.log(`${RECORDINGS} is absent: the sample conversation speaks instead of a recording`);
  return 'public/sample/a.flac';
}

/** Recorded voices of three people where the recordings are at hand, else both of the sample conversation. */
export function recordedVoices(): string[] {
  const data = path.resolve(RECORDINGS, '../..');
  const recorded = [
    path.join(RECORDINGS, 'arctic_a0032_1592747822.flac'),
    path.join(data, 'speech-dc-tts/flac/LJ003-0030.flac'),
    path.join(data, 'face-grid-s1/flac/bbaf5a.flac'),
  ].filter(existsSync);
  if (recorded.length > 0) return recorded;
  console.log(`${data} is absent: the sample conversation speaks instead of recordings`);
  return ['public/sample/a.flac', 'public/sample/b.flac'];
}

/** Mono samples of a sound file. */
export async function samplesOf(file: string): Promise<{ samples: Float32Array; rateHz: number }> {
  const { channelData, sampleRate } = await decode(readFileSync(file));
  return { samples: channelData[0], rateHz: sampleRate };
}

/** Writes 16-bit mono PCM. */
export function writeWav(file: string, samples: Float32Array, rateHz: number) {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + samples.length * 2, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rateHz, 24);
  bytes.writeUInt32LE(rateHz * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((v, i) => {
    bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, v)) * 32767), 44 + i * 2);
  });
  writeFileSync(file, bytes);
}

/** `samples` with silence before and after, so that the whole lasts `durationS`. */
export function padded(samples: Float32Array, rateHz: number, beginS: number, durationS: number) {
  const out = new Float32Array(Math.round(durationS * rateHz));
  out.set(samples.subarray(0, out.length - Math.round(beginS * rateHz)), Math.round(beginS * rateHz));
  return out;
}
