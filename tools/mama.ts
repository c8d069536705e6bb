// Makes test/fixtures/mama.{wav,json}: "mama" over and over, every /m/ and /a/ brought to the same loudness, and their times.
// Needs the `flite` command. Run: npx tsx tools/mama.ts
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { padded, samplesOf, writeWav } from '../test/e2e/sound.ts';

const TEXT = 'mama, mama, mama, mama';
const RMS = 0.1;
const LEAD_S = 1;

const folder = mkdtempSync(path.join(tmpdir(), 'mama-'));
const file = path.join(folder, 'mama.wav');
const said = execFileSync(
  'flite',
  ['-voice', 'slt', '--setf', 'duration_stretch=1.6', '-psdur', '-t', TEXT, '-o', file],
  { encoding: 'utf8' },
);
const { samples, rateHz } = await samplesOf(file);
rmSync(folder, { recursive: true });

let begin = 0;
const phones = said
  .trim()
  .split(/\s+/)
  .map((word) => {
    const [phone, end] = word.split(':');
    const from = begin;
    begin = Number(end);
    return { phone, from, to: begin };
  });

// Each phone gets one gain; the gains are joined by 10 ms ramps so that nothing clicks.
const gains = new Float32Array(samples.length).fill(0);
for (const { phone, from, to } of phones) {
  const part = samples.subarray(Math.round(from * rateHz), Math.round(to * rateHz));
  const rms = Math.sqrt(part.reduce((sum, v) => sum + v * v, 0) / part.length);
  if (phone !== 'pau') gains.fill(RMS / rms, Math.round(from * rateHz), Math.round(to * rateHz));
}
const half = Math.round(0.005 * rateHz);
const level = samples.map((v, i) => {
  const window = gains.subarray(Math.max(0, i - half), i + half);
  return v * (window.reduce((a, b) => a + b, 0) / window.length);
});
writeWav(
  'test/fixtures/mama.wav',
  padded(level, rateHz, LEAD_S, samples.length / rateHz + 2 * LEAD_S),
  rateHz,
);
const shifted = phones.map(({ phone, from, to }) => ({
  phone,
  from: Number((from + LEAD_S).toFixed(3)),
  to: Number((to + LEAD_S).toFixed(3)),
}));
writeFileSync('test/fixtures/mama.json', `${JSON.stringify(shifted, null, 1)}\n`);
console.log(readFileSync('test/fixtures/mama.json', 'utf8').length, 'bytes of phones');
