import { readFileSync } from 'node:fs';
import { expect, suite, test } from 'vitest';
import { Checkpoint } from '../../src/engine/model/checkpoint.ts';
import { alphaBars, ddimSteps } from '../../src/engine/model/schedule.ts';
import { EngineError } from '../../src/errors.ts';

/** A safetensors file with one tensor `w` of halves [2, 2] and one `b` of floats [2]. */
function file(metadata: Record<string, string> = {}) {
  const header = JSON.stringify({
    __metadata__: { format: 'duologue', version: '1', network: 'face', config: '{"d":4}', ...metadata },
    b: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    w: { dtype: 'F16', shape: [2, 2], data_offsets: [8, 16] },
  });
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const out = Buffer.alloc(8 + padded.length + 16);
  out.writeBigUInt64LE(BigInt(padded.length), 0);
  out.write(padded, 8);
  out.writeFloatLE(0.5, 8 + padded.length);
  out.writeFloatLE(-2, 12 + padded.length);
  for (const [i, half] of [0x3c00, 0xc000, 0x3555, 0x0001].entries())
    out.writeUInt16LE(half, 16 + padded.length + 2 * i);
  return out.buffer.slice(out.byteOffset, out.byteOffset + out.length) as ArrayBuffer;
}

const open = (bytes: ArrayBuffer) => new Checkpoint(bytes, 'face.safetensors', 'face');
const errorOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error as EngineError;
  }
  throw new Error('nothing was thrown');
};

suite('checkpoint', () => {
  test('floats and halves are read as they were written', () => {
    const checkpoint = open(file());
    expect([...checkpoint.f32('b')]).toEqual([0.5, -2]);
    const w = checkpoint.f32('w', [2, 2]);
    expect([w[0], w[1], w[3]]).toEqual([1, -2, 2 ** -24]);
    expect(w[2]).toBeCloseTo(1 / 3, 3);
    expect(checkpoint.number('d')).toBe(4);
  });

  test.each([
    [
      'another version',
      () => open(file({ version: '2' })),
      /face\.safetensors is version 2, this engine reads version 1/,
    ],
    ['another network', () => open(file({ network: 'body' })), /holds the network "body", expected "face"/],
    ['half a file', () => open(file().slice(0, 200)), /not a whole safetensors file/],
    ['the last byte missing', () => open(file().slice(0, -1)), /not a whole safetensors file/],
    ['an empty file', () => open(new ArrayBuffer(0)), /not a whole safetensors file: 0 bytes/],
    [
      'a web page',
      () => open(new TextEncoder().encode('<!doctype html><title>404</title>').buffer as ArrayBuffer),
      /not a whole/,
    ],
    ['a missing tensor', () => open(file()).f32('out.weight'), /has no tensor out\.weight/],
    ['another shape', () => open(file()).tensor('w', [4, 1]), /w has shape \[2,2\], expected \[4,1\]/],
    ['a missing number', () => open(file()).number('heads'), /config\.heads is undefined, expected a number/],
  ])('%s is an asset error that says so and what to do', (_, run, message) => {
    const error = errorOf(run);
    expect(error).toBeInstanceOf(EngineError);
    expect(error.kind).toBe('asset');
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });

  test('the shipped weights open, and hold what the engine asks for', () => {
    const { buffer, byteOffset, byteLength } = readFileSync('public/models/face.safetensors');
    const shipped = open(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
    expect(shipped.tensor('denoiser.layers.3.attn.qkv.weight', [768, 256]).dtype).toBe('F16');
    expect(shipped.tensor('mean', [51]).dtype).toBe('F32');
  });
});

suite('diffusion schedule', () => {
  const schedule = { T: 1000, betaStart: 0.00085, betaEnd: 0.012 };

  test('ᾱ falls from nearly one to nearly nothing, as in DiffSpeaker', () => {
    const bars = alphaBars(schedule);
    expect(bars[0]).toBeCloseTo(0.99915, 8);
    expect(bars[999]).toBeCloseTo(0.00466, 4);
    expect(bars.every((bar, t) => t === 0 || bar < bars[t - 1])).toBe(true);
  });

  test('four steps end at the data itself, and eta 1 keeps the variance', () => {
    expect(ddimSteps(schedule, 4, 0).map(({ t }) => t)).toEqual([999, 749, 499, 249]);
    const last = ddimSteps(schedule, 4, 1)[3];
    expect([last.sqrtAlphaBarPrev, last.direction, last.sigma]).toEqual([1, 0, 0]);
    for (const step of ddimSteps(schedule, 8, 1))
      expect(step.sqrtAlphaBarPrev ** 2 + step.direction ** 2 + step.sigma ** 2).toBeCloseTo(1, 12);
  });

  test.each([
    [0, 0],
    [9, 0],
    [2.5, 0],
    [4, 1.5],
    [4, Number.NaN],
  ])('%s steps with eta %s are refused', (steps, eta) => {
    expect(errorOf(() => ddimSteps(schedule, steps, eta)).kind).toBe('unsupported');
  });
});
