import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
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
