import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { type MotionOptions, parseCommand } from '../../src/cli/arguments.ts';
import { generateMotion } from '../../src/cli/generate.ts';
import { type Engine, openEngine } from '../../src/cli/models.ts';
import { readSound } from '../../src/cli/sound.ts';
import { FRAME_RATE_HZ } from '../../src/engine/motion.ts';
import { VisemeMap } from '../../src/engine/visemes.ts';
import { LipGap, lipClosures, type Segment } from '../ict.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DATA = join(process.env.DUOLOGUE_SHARED ?? join(ROOT, '../shared'), 'data');
const KATHLEEN = join(DATA, 'speech-kathleen');
/** What may not get worse, a little under what these utterances gave (model card of the face); the goal is 0.90 and 0.05. */
const LIMITS = { visemes: 0.75, closed: 0.8, falselyClosed: 0.14 };
const UTTERANCES = 24; // of the 60 to 80 that `npm run eval` measures, spread over them

const absent = !existsSync(KATHLEEN);
if (absent)
  console.warn(`eval.test.ts is skipped: the recordings ${KATHLEEN} are absent (set DUOLOGUE_SHARED).`);

const readJson = <T>(name: string) => JSON.parse(readFileSync(join(KATHLEEN, name), 'utf8')) as T;

/** Aligned test utterances whose sentence does not occur in train. */
function heldOut(): { id: string; segments: Segment[] }[] {
  const split = readJson<Record<string, string>>('split.json');
  const phones = readJson<Record<string, [string, string, number, number][]>>('phones.json');
  const rows = readFileSync(join(KATHLEEN, 'transcripts.tsv'), 'utf8').trimEnd().split(/\r?\n/).slice(1);
  const texts = new Map(rows.map((row) => row.split('\t') as [string, string]));
  const plain = (id: string) =>
    (texts.get(id) ?? '')
      .toLowerCase()
      .replaceAll(/[^a-z' ]/g, ' ')
      .trim()
      .replaceAll(/ +/g, ' ');
  const trained = new Set([...texts.keys()].filter((id) => split[id] === 'train').map(plain));
  return Object.keys(phones)
    .filter((id) => split[id] === 'test' && !trained.has(plain(id)))
    .toSorted()
    .map((id) => ({
      id,
      segments: phones[id].map(([, phone, startS, durationS]) => ({ phone, startS, durationS })),
    }));
}

let engine: Engine | undefined;
afterAll(() => engine?.core.dispose());

test.skipIf(absent)(
  'lips: visemes and closures of held-out speech keep their limits',
  { timeout: 600_000 },
  async () => {
    const command = parseCommand(['-', '-', '--out', '-', '--backend', 'wasm']) as { options: MotionOptions };
    engine = await openEngine(command.options);
    const gap = new LipGap(join(DATA, 'face-ict/ict_arkit.npz'));
    const phones = engine.source.phones;
    const visemes = new VisemeMap(phones);
    const all = heldOut();
    const step = all.length / UTTERANCES;
    const sum = { right: 0, speech: 0, bilabials: 0, closed: 0, vowels: 0, falselyClosed: 0 };
    for (let u = 0; u < UTTERANCES; u++) {
      const { id, segments } = all[Math.floor(u * step)];
      const sound = await readSound(join(KATHLEEN, 'flac', `${id}.flac`));
      const { persons, frames } = await generateMotion([sound, undefined], engine, command.options);
      for (const { phone, startS, durationS } of segments) {
        if (phone === 'SIL') continue;
        const truth = visemes.visemeOfPhone[phones.indexOf(phone)];
        const end = Math.min(frames, Math.ceil((startS + durationS) * FRAME_RATE_HZ - 1e-6));
        for (let k = Math.ceil(startS * FRAME_RATE_HZ - 1e-6); k < end; k++) {
          sum.speech++;
          sum.right += Number(visemes.likeliest(persons[0].phones, k * phones.length) === truth);
        }
      }
      const counts = lipClosures(gap.of(persons[0].face), segments);
      for (const key of ['bilabials', 'closed', 'vowels', 'falselyClosed'] as const) sum[key] += counts[key];
    }
    console.log(`lips of ${UTTERANCES} utterances: ${JSON.stringify(sum)}`);
    expect(sum.right / sum.speech).toBeGreaterThanOrEqual(LIMITS.visemes);
    expect(sum.closed / sum.bilabials).toBeGreaterThanOrEqual(LIMITS.closed);
    expect(sum.falselyClosed / sum.vowels).toBeLessThanOrEqual(LIMITS.falselyClosed);
  },
);
