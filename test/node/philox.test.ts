import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readSafetensors } from '../../src/engine/model/checkpoint.ts';
import { normal, philox4x32 } from '../../src/kernels/philox.ts';

const hex = (words: readonly number[]) => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');
const ones = 0xffffffff;

test('the known answers of Random123', () => {
  expect(hex(philox4x32([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  expect(hex(philox4x32([ones, ones, ones, ones], [ones, ones]))).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
  expect(hex(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).toBe(
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  );
});

test('the numbers are normal: mean 0, variance 1, kurtosis of a sum of eight', () => {
  const count = 20000;
  const numbers = Array.from({ length: count }, (_, i) =>
    normal(i % 51, 1, Math.floor(i / 51), 0, 2 ** 33 + 5),
  );
  const moment = (power: number) => numbers.reduce((sum, z) => sum + z ** power, 0) / count;
  expect(moment(1)).toBeCloseTo(0, 1);
  expect(moment(2)).toBeCloseTo(1, 1);
  expect(moment(4)).toBeCloseTo(3 - 1.2 / 8, 0);
  expect(numbers.every((z) => z === Math.fround(z))).toBe(true);
});

test('the same bits as Python: words, normal numbers, a block of them', () => {
  const file = readFileSync('test/golden/philox.safetensors');
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  const { entries } = readSafetensors(bytes, 'philox.safetensors');
  const golden = (name: string) => new Float32Array(entries.get(name)!.bytes.slice().buffer);
  const [counters, keys, words, normals] = ['counter', 'key', 'words', 'normal'].map(golden);
  const join = (halves: Float32Array, at: number) => halves[2 * at] + halves[2 * at + 1] * 65536;
  for (let i = 0; i < normals.length; i++) {
    const [c0, c1, c2, c3] = [0, 1, 2, 3].map((j) => join(counters, 4 * i + j));
    const [low, high] = [join(keys, 2 * i), join(keys, 2 * i + 1)];
    expect(philox4x32([c0, c1, c2, c3], [low, high])).toEqual(
      [0, 1, 2, 3].map((j) => join(words, 4 * i + j)),
    );
    const seed = low + high * 2 ** 32;
    if (Number.isSafeInteger(seed)) expect(normal(c0, c1, c2, c3, seed)).toBe(normals[i]);
  }
  const block = golden('seed_1234_frame_7_step_2');
  expect(block.length).toBe(2 * 51);
  block.forEach((z, i) => {
    expect(normal(i % 51, Math.floor(i / 51), 7, 2, 1234)).toBe(z);
  });
});
