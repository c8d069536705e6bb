// Makes the sample conversation of the demo: two voices on two tracks of equal length, and their captions.
// Needs the `flite` and `ffmpeg` commands. Run: npx tsx tools/sample-conversation.ts
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SAMPLE_RATE_HZ = 16_000;
const LEAD_IN_S = 0.6;
const LEAD_OUT_S = 1.2;
const OUT = path.join(import.meta.dirname, '..', 'public', 'sample');

/** The voices of person 0 and 1: flite's CMU ARCTIC voices, and how much longer than usual they speak. */
const VOICES = [
  { name: 'slt', stretch: 1.02 },
  { name: 'rms', stretch: 0.94 },
] as const;

type Line = {
  person: 0 | 1;
  text: string;
  /** Seconds from the end of the line before; negative overlaps it. */
  gapS?: number;
  /** A backchannel: seconds after the beginning of the line before; the next line counts from the line before. */
  withinS?: number;
  /** What flite is to say where its spelling differs. */
  spoken?: string;
  /** Phones in its place where no spelling helps. */
  phones?: string;
  stretch?: number;
  gain?: number;
};

// Gaps of about 200 ms and overlaps, as people have them (Stivers et al. 2009; Heldner & Edlund 2010).
const DIALOGUE: Line[] = [
  { person: 0, text: 'So. I adopted a sourdough starter.' },
  { person: 1, text: 'You adopted it?', gapS: 0.14 },
  {
    person: 0,
    text: 'It has a name. Clint. Clint Yeastwood.',
    gapS: 0.19,
    spoken: 'It has a name. Clint. Clint, yeast wood.',
  },
  { person: 1, text: 'Oh no.', gapS: 0.32, stretch: 1.15 },
  { person: 1, text: 'And how is Clint?', gapS: 0.3 },
  { person: 0, text: 'Hungry. All the time!', gapS: 0.16 },
  { person: 0, text: 'I get up at six to feed him, and he just sits there, and bubbles at me.', gapS: 0.34 },
  { person: 1, text: 'Mhm.', withinS: 1.75, phones: 'pau m m hh m m pau', gain: 0.6 },
  { person: 1, text: 'That sounds like my brother.', gapS: -0.12 },
  { person: 0, text: 'Does your brother smell like old beer, too?', gapS: 0.22 },
  { person: 1, text: 'Only on weekends.', gapS: 0.12 },
  { person: 0, text: 'Anyway. Last night, I baked my first loaf.', gapS: 0.42 },
  { person: 1, text: 'Right.', gapS: -0.06, gain: 0.65 },
  { person: 0, text: 'Four hours! And it came out flat as a manhole cover.', gapS: 0.02 },
  { person: 1, text: 'Could you eat it?', gapS: -0.08 },
  { person: 0, text: 'Well, it makes a wonderful door stop.', gapS: 0.38 },
  { person: 1, text: 'You know, that is the nicest thing I ever heard anyone say about bread.', gapS: 0.24 },
  { person: 0, text: 'Uh huh.', withinS: 2.1, gain: 0.6 },
  { person: 1, text: 'Will you bring me a slice?', gapS: 0.36 },
  { person: 0, text: 'Only if you bring a saw.', gapS: 0.2, stretch: 1.06 },
];

const scratch = mkdtempSync(path.join(tmpdir(), 'sample-'));

/** Says one line and returns its samples without the silence around it. */
const say = ({ person, text, spoken, phones, stretch }: Line): Float32Array => {
  const voice = VOICES[person];
  const file = path.join(scratch, 'line.wav');
  const seconds = String(voice.stretch * (stretch ?? 1));
  execFileSync('flite', [
    '-voice',
    voice.name,
    '--setf',
    `duration_stretch=${seconds}`,
    phones ? '-p' : '-t',
    phones ?? spoken ?? text,
    '-o',
    file,
  ]);
  const raw = execFileSync('ffmpeg', [
    '-v',
    'error',
    '-i',
    file,
    '-ar',
    `${SAMPLE_RATE_HZ}`,
    '-ac',
    '1',
    '-f',
    'f32le',
    '-',
  ]);
  const samples = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
  const heard = (sample: number) => Math.abs(sample) > 0.004;
  const margin = 0.03 * SAMPLE_RATE_HZ;
  const from = Math.max(0, samples.findIndex(heard) - margin);
  const to = Math.min(samples.length, samples.findLastIndex(heard) + 2 * margin);
  const line = samples.slice(from, to);
  const fade = 0.008 * SAMPLE_RATE_HZ;
  for (let i = 0; i < fade; i++) {
    line[i]! *= i / fade;
    line[line.length - 1 - i]! *= i / fade;
  }
  return line;
};

type Placed = { line: Line; startS: number; samples: Float32Array };

const place = (): Placed[] => {
  const placed: Placed[] = [];
  let turn = { startS: LEAD_IN_S, endS: LEAD_IN_S };
  for (const line of DIALOGUE) {
    const samples = say(line);
    const startS = line.withinS === undefined ? turn.endS + (line.gapS ?? 0) : turn.startS + line.withinS;
    placed.push({ line, startS, samples });
    if (line.withinS === undefined) turn = { startS, endS: startS + samples.length / SAMPLE_RATE_HZ };
  }
  return placed;
};

const mix = (placed: Placed[], person: number, length: number): Float32Array => {
  const track = new Float32Array(length);
  for (const { line, startS, samples } of placed) {
    if (line.person !== person) continue;
    const at = Math.round(startS * SAMPLE_RATE_HZ);
    for (let i = 0; i < samples.length; i++) track[at + i]! += samples[i]! * (line.gain ?? 1);
  }
  // Both voices equally loud while they speak.
  const speech = track.filter((sample) => Math.abs(sample) > 0.01);
  const rms = Math.sqrt(speech.reduce((sum, sample) => sum + sample * sample, 0) / speech.length);
  const peak = track.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const gain = Math.min(0.12 / rms, 0.9 / peak);
  return track.map((sample) => sample * gain);
};

const placed = place();
const length = Math.max(
  ...placed.map(({ startS, samples }) => Math.round((startS + LEAD_OUT_S) * SAMPLE_RATE_HZ) + samples.length),
);
mkdirSync(OUT, { recursive: true });
for (const [person, name] of ['a', 'b'].entries()) {
  const raw = path.join(scratch, `${name}.f32`);
  writeFileSync(raw, new Uint8Array(mix(placed, person, length).buffer));
  const source = ['-f', 'f32le', '-ar', `${SAMPLE_RATE_HZ}`, '-ac', '1', '-i', raw];
  const flac = [
    '-sample_fmt',
    's16',
    '-compression_level',
    '12',
    '-bitexact',
    path.join(OUT, `${name}.flac`),
  ];
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...source, ...flac]);
}
const round = (seconds: number) => Math.round(seconds * 100) / 100;
const captions = placed.map(({ line: { person, text }, startS, samples }) => ({
  person,
  startS: round(startS),
  endS: round(startS + samples.length / SAMPLE_RATE_HZ),
  text,
}));
writeFileSync(path.join(OUT, 'captions.json'), `${JSON.stringify(captions, null, 2)}\n`);
const sizes = ['a.flac', 'b.flac'].map((name) => readFileSync(path.join(OUT, name)).length);
rmSync(scratch, { recursive: true });
console.log(
  `${(length / SAMPLE_RATE_HZ).toFixed(1)} s, ${sizes.map((size) => `${(size / 1024).toFixed(0)} KiB`).join(' + ')}`,
);
for (const { startS, endS, person, text } of captions) console.log(startS, endS, 'AB'[person], text);
