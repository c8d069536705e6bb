import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import decodeFlac from 'audio-decode';
import { EngineError } from '../errors.ts';

/** A sound as one channel (the mean of all channels), full scale ±1. */
export type Sound = { readonly name: string; readonly samples: Float32Array; readonly sampleRateHz: number };

const MIN_RATE_HZ = 8000;
const MAX_RATE_HZ = 192_000;

/** A wav whose writer could not seek back says that its data are about as long as the field can say. */
const STREAMED_BYTES = 0x7fff_0000;

const CONVERT = 'Convert it with `ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav`.';
const COPY_AGAIN = 'Copy or record the file again.';

/** Reads a wav or flac file of 8…192 kHz; throws `asset` when it is missing, empty, damaged or another format. */
export async function readSound(path: string): Promise<Sound> {
  const file = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const missing = cause.code === 'ENOENT';
    throw new EngineError(
      'asset',
      `${path}: ${missing ? 'no such file' : `cannot be read (${cause.message})`}`,
      {
        hint: missing ? 'Check the path.' : 'It must be a wav or flac file that you may read.',
        cause,
      },
    );
  });
  if (file.length === 0) throw new EngineError('asset', `${path} is empty (0 bytes)`, { hint: COPY_AGAIN });
  const tag = file.toString('latin1', 0, 4);
  if (tag !== 'RIFF' && tag !== 'RF64' && tag !== 'fLaC')
    throw new EngineError('asset', `${path} is no sound file that I know, expected wav or flac`, {
      hint: CONVERT,
    });
  const { samples, sampleRateHz } = tag === 'fLaC' ? await readFlac(file, path) : readWav(file, path);
  if (!(sampleRateHz >= MIN_RATE_HZ && sampleRateHz <= MAX_RATE_HZ))
    throw new EngineError(
      'asset',
      `${path} has ${sampleRateHz} samples a second, expected ${MIN_RATE_HZ} to ${MAX_RATE_HZ}`,
      { hint: 'Convert it with `ffmpeg -i INPUT -ar 16000 OUTPUT.wav`.' },
    );
  if (samples.length === 0)
    throw new EngineError('asset', `${path} holds no sound (0 samples)`, { hint: COPY_AGAIN });
  return { name: basename(path), samples, sampleRateHz };
}

type Mono = { samples: Float32Array; sampleRateHz: number };

function readWav(file: Buffer, path: string): Mono {
  const broken = (detail: string, hint = COPY_AGAIN) =>
    new EngineError('asset', `${path} is no whole wav file: ${detail}`, { hint });
  if (file.toString('latin1', 8, 12) !== 'WAVE') throw broken('it is another kind of RIFF file', CONVERT);
  let format: { encoding: number; channels: number; sampleRateHz: number; width: number } | undefined;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.toString('latin1', at, at + 4);
    const size = file.readUInt32LE(at + 4);
    const body = file.subarray(at + 8, at + 8 + size);
    if (id === 'fmt ') {
      if (body.length < 16) throw broken(`its format chunk has ${body.length} bytes, expected at least 16`);
      const tag = body.readUInt16LE(0);
      const extended = tag === 0xfffe && body.length >= 26;
      const channels = body.readUInt16LE(2);
      format = {
        encoding: extended ? body.readUInt16LE(24) : tag,
        channels,
        sampleRateHz: body.readUInt32LE(4),
        width: body.readUInt16LE(12) / channels, // bytes of a sample; shorter samples stand at its top
      };
    }
    if (id === 'data') {
      if (!format) throw broken('its sound stands before its format');
      const left = file.length - at - 8;
      const streamed = size >= STREAMED_BYTES || size === 0;
      if (size > left && !streamed) throw broken(`it is cut off, ${left} bytes of sound of ${size}`);
      const { encoding, channels, width } = format;
      const read = reader(encoding, width);
      if (!read || channels === 0)
        throw new EngineError(
          'asset',
          `${path} has encoding ${encoding} with ${width * 8} bits and ${channels} channels, expected PCM of 8, 16, 24 or 32 bits or floats`,
          { hint: CONVERT },
        );
      const data = streamed ? file.subarray(at + 8) : body;
      const samples = new Float32Array(Math.floor(data.length / (width * channels)));
      for (let i = 0, from = 0; i < samples.length; i++) {
        let sum = 0;
        for (let c = 0; c < channels; c++, from += width) sum += read(data, from);
        samples[i] = sum / channels;
      }
      return { samples, sampleRateHz: format.sampleRateHz };
    }
    at += 8 + size + (size % 2); // chunks begin at even bytes
  }
  throw broken(format ? 'it has no sound data' : 'it has no format chunk');
}

/** Reads one little-endian sample at a byte; undefined for an encoding that is neither PCM (1) nor float (3). */
function reader(encoding: number, width: number): ((data: Buffer, at: number) => number) | undefined {
  if (encoding === 3 && width === 4) return (data, at) => data.readFloatLE(at);
  if (encoding === 3 && width === 8) return (data, at) => data.readDoubleLE(at);
  if (encoding !== 1) return undefined;
  if (width === 1) return (data, at) => (data[at] - 128) / 128;
  if (width === 2 || width === 3 || width === 4) {
    const scale = 2 ** (1 - 8 * width);
    return (data, at) => data.readIntLE(at, width) * scale;
  }
  return undefined;
}

async function readFlac(file: Buffer, path: string): Promise<Mono> {
  const broken = (detail: string, cause?: unknown) =>
    new EngineError('asset', `${path} is no whole flac file: ${detail}`, { hint: COPY_AGAIN, cause });
  if (file.length < 42) throw broken(`${file.length} bytes`);
  const info = file.readBigUInt64BE(18); // of STREAMINFO: 20 bits rate, 3 channels, 5 bits a sample, 36 samples
  const expected = Number(info & 0xf_ffff_ffffn);
  const peak = 2 ** Number((info >> 36n) & 31n);
  const { channelData, sampleRate } = await quietly(() => decodeFlac(file)).catch((cause: unknown) => {
    throw broken(cause instanceof Error ? cause.message : String(cause), cause);
  });
  const length = channelData[0]?.length ?? 0;
  if (length === 0) throw broken('no frame of it decodes');
  if (expected !== 0 && length !== expected) throw broken(`${length} samples of ${expected} decode`);
  const samples = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    let sum = 0;
    for (const channel of channelData) sum += Math.round(channel[i] * (peak - 1)); // the decoder's full scale is peak − 1
    samples[i] = sum / channelData.length / peak;
  }
  return { samples, sampleRateHz: sampleRate };
}

/** Keeps the decoder's own words about each damaged frame off stderr: the error that is thrown says it once. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { error } = console;
  console.error = () => undefined;
  try {
    return await work();
  } finally {
    console.error = error;
  }
}
