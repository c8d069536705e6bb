/** A voice-like test sound: gliding harmonics with syllables of 4 Hz, `seconds` long, in −0.6…0.6. */
export function syllables(seconds: number, rateHz: number, pitchHz = 120): Float32Array {
  return Float32Array.from({ length: Math.round(seconds * rateHz) }, (_, i) => {
    const t = i / rateHz;
    const level = 0.5 - 0.5 * Math.cos(2 * Math.PI * 4 * t);
    let sum = 0;
    for (let h = 1; h <= 12; h++) sum += Math.sin(2 * Math.PI * h * pitchHz * (1 + 0.1 * t) * t + h) / h;
    return 0.2 * level * sum;
  });
}

/** How a test wav is stored. */
export type WavFormat = {
  readonly rateHz: number;
  readonly bits?: 8 | 16 | 24 | 32 | 64;
  readonly float?: boolean;
  readonly extensible?: boolean;
};

/** A wav file of equally long channels in −1…1. */
export function wav(channels: readonly Float32Array[], format: WavFormat): Buffer {
  const { rateHz, bits = 16, float = false, extensible = false } = format;
  const width = bits / 8;
  const frames = channels[0].length;
  const data = Buffer.alloc(frames * channels.length * width);
  for (let i = 0, at = 0; i < frames; i++) {
    for (const channel of channels) {
      const x = channel[i];
      if (float) bits === 64 ? data.writeDoubleLE(x, at) : data.writeFloatLE(x, at);
      else if (bits === 8) data.writeUInt8(Math.round(x * 127) + 128, at);
      else data.writeIntLE(Math.round(x * (2 ** (bits - 1) - 1)), at, width);
      at += width;
    }
  }
  const encoding = float ? 3 : 1;
  const fmt = Buffer.alloc(extensible ? 40 : 16);
  fmt.writeUInt16LE(extensible ? 0xfffe : encoding, 0);
  fmt.writeUInt16LE(channels.length, 2);
  fmt.writeUInt32LE(rateHz, 4);
  fmt.writeUInt32LE(rateHz * channels.length * width, 8);
  fmt.writeUInt16LE(channels.length * width, 12);
  fmt.writeUInt16LE(bits, 14);
  if (extensible) {
    fmt.writeUInt16LE(22, 16);
    fmt.writeUInt16LE(bits, 18);
    fmt.writeUInt16LE(encoding, 24);
  }
  const odd = chunk('note', Buffer.from('x')); // chunks of odd length are padded
  const body = Buffer.concat([Buffer.from('WAVE'), odd, chunk('fmt ', fmt), chunk('data', data)]);
  return chunk('RIFF', body);
}

function chunk(id: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, 0, 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

const FLAC_BLOCK = 1024;

/** A flac file (16 bits, verbatim subframes: nothing is compressed) of equally long channels in −1…1, below 65.5 kHz. */
export function flac(channels: readonly Float32Array[], rateHz: number): Buffer {
  const length = channels[0].length;
  const info = Buffer.alloc(34);
  info.writeUInt16BE(FLAC_BLOCK, 0);
  info.writeUInt16BE(FLAC_BLOCK, 2);
  const packed =
    (BigInt(rateHz) << 44n) | (BigInt(channels.length - 1) << 41n) | (15n << 36n) | BigInt(length);
  info.writeBigUInt64BE(packed, 10);
  const parts = [Buffer.from('fLaC'), Buffer.from([0x80, 0, 0, 34]), info];
  for (let from = 0, frame = 0; from < length; from += FLAC_BLOCK, frame++) {
    const count = Math.min(FLAC_BLOCK, length - from);
    // Block size and rate as 16 bits, 16-bit samples, the frame's number as one UTF-8 character.
    const number = Buffer.from(String.fromCodePoint(frame), 'utf8');
    const size = Buffer.from([(count - 1) >> 8, (count - 1) & 255, rateHz >> 8, rateHz & 255]);
    const head = Buffer.concat([
      Buffer.from([0xff, 0xf8, 0x7d, ((channels.length - 1) << 4) | 8]),
      number,
      size,
    ]);
    const body = channels.map((channel) => {
      const subframe = Buffer.alloc(1 + 2 * count);
      subframe[0] = 0x02; // verbatim
      for (let i = 0; i < count; i++) subframe.writeInt16BE(Math.round(channel[from + i] * 32767), 1 + 2 * i);
      return subframe;
    });
    const whole = Buffer.concat([head, Buffer.from([crc(head, 8, 0x07)]), ...body]);
    const check = crc(whole, 16, 0x8005);
    parts.push(whole, Buffer.from([check >> 8, check & 255]));
  }
  return Buffer.concat(parts);
}

function crc(bytes: Buffer, width: 8 | 16, polynomial: number): number {
  let value = 0;
  for (const byte of bytes) {
    value ^= byte << (width - 8);
    for (let bit = 0; bit < 8; bit++)
      value = (value << 1) ^ (value & (1 << (width - 1)) ? (1 << width) | polynomial : 0);
  }
  return value;
}
