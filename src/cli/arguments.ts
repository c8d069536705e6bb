import { parseArgs } from 'node:util';
import { ACTIONS, EMOTIONS, RELATIONSHIPS } from '../engine/backend/conditions.ts';
import type { BackendChoice } from '../engine/backend/open.ts';
import { PLACEMENT_PRESETS, type PlacementPreset } from '../engine/body/placement.ts';
import { DEFAULT_STEPS } from '../engine/model/sampler.ts';
import { EngineError } from '../errors.ts';

/** How to make motions: the same for every conversation of a run. */
export type MotionOptions = {
  readonly backend: BackendChoice;
  /** DDIM steps of a face frame and of a body block. */
  readonly steps: { readonly face: number; readonly body: number };
  readonly eta: number;
  readonly seed: number;
  /** Classifier-free guidance scale of the face and of the bodies; 1 is off. */
  readonly guidance: readonly [face: number, body: number];
  /** How codes are drawn; undefined for what the weights were tuned for. */
  readonly temperature: number | undefined;
  readonly topK: number | undefined;
  readonly style: readonly [number, number];
  readonly emotion: readonly [number, number];
  readonly action: readonly [number, number];
  readonly relationship: number;
  readonly placement: PlacementPreset;
  /** Samples that are handed over at a time; Infinity for all. */
  readonly chunk: number;
  /** Folder of the model files; undefined for those that came with this version. */
  readonly models: string | undefined;
};

/** Two sounds and where their motion goes; the sound `-` is silence. */
export type Job = { readonly a: string; readonly b: string; readonly out: string };

/** A command line: help, one job, or the file that lists the jobs. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'job'; readonly job: Job; readonly options: MotionOptions }
  | { readonly kind: 'list'; readonly list: string; readonly options: MotionOptions };

/** What `--help` prints. */
export const USAGE = `Two sounds in, two people out: faces, heads and bodies.

  npm run motion -- A.wav B.wav --out DIR [options]

A and B are wav or flac files of any rate (8 to 192 kHz) and any number of channels; \`-\` is silence.
Writes DIR/a.arkit.csv and DIR/b.arkit.csv (Live Link Face layout, 30 frames/s), DIR/a.bvh and DIR/b.bvh (bodies)
and DIR/motion.json (everything).

  --backend auto|webgpu|wasm|visemes
                               where the networks run (auto: webgpu on a real GPU, else wasm); visemes: lips alone
  --steps N or F,B             denoising steps of faces and bodies, 1 to 8 (1,4)
  --eta X                      fresh noise in every step, 0 to 1 (0)
  --seed N                     seed of the noise, a whole number (1)
  --guidance X or F,B          how closely faces and bodies follow the speech, 0 to 10 (1,1: off)
  --temperature X              of head and listening codes, 0 to 5; 0 takes the likeliest (the model's)
  --topk N                     codes to draw from, 1 to 256 (the model's)
  --style A,B                  speaking style of each person, 0 to 3 (0,0)
  --emotion A,B                ${EMOTIONS.join(', ')} (neutral,neutral)
  --action A,B                 ${ACTIONS.join(', ')} (stand,stand)
  --relationship R             ${RELATIONSHIPS.join(', ')} (none)
  --placement P                ${PLACEMENT_PRESETS.join(', ')} (vis-a-vis)
  --chunk N                    samples handed over at a time, or all (all); changes nothing in the result
  --models DIR                 folder of the model files (public/models)
  --list FILE                  instead of A, B and --out: lines of A, B, DIR, separated by tabs`;

/** A command line that cannot be understood. */
const wrong = (message: string, hint = 'Run `npm run motion -- --help` for the options.') =>
  new EngineError('unsupported', message, { hint });

/** Reads a command line (without node and script); throws `unsupported` when it makes no sense. */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  if (values.help) return { kind: 'help' };
  const options: MotionOptions = {
    backend: oneOf('--backend', values.backend ?? 'auto', ['auto', 'webgpu', 'wasm', 'visemes']),
    steps: values.steps === undefined ? DEFAULT_STEPS : steps(values.steps),
    eta: number('--eta', values.eta ?? '0', 0, 1),
    seed: wholeNumber('--seed', values.seed ?? '1', 0, Number.MAX_SAFE_INTEGER),
    guidance: guidance(values.guidance ?? '1'),
    temperature:
      values.temperature === undefined ? undefined : number('--temperature', values.temperature, 0, 5),
    topK: values.topk === undefined ? undefined : wholeNumber('--topk', values.topk, 1, 256),
    style: pair('--style', values.style ?? '0,0', (text) => wholeNumber('--style', text, 0, 3)),
    emotion: pair('--emotion', values.emotion ?? 'neutral,neutral', (text) =>
      indexOf('--emotion', text, EMOTIONS),
    ),
    action: pair('--action', values.action ?? 'stand,stand', (text) => indexOf('--action', text, ACTIONS)),
    relationship: indexOf('--relationship', values.relationship ?? 'none', RELATIONSHIPS),
    placement: oneOf('--placement', values.placement ?? 'vis-a-vis', PLACEMENT_PRESETS),
    chunk: values.chunk === undefined || values.chunk === 'all' ? Infinity : chunk(values.chunk),
    models: values.models,
  };
  if (values.list !== undefined) {
    if (positionals.length > 0 || values.out !== undefined)
      throw wrong('--list names the sounds and the folders itself, got others beside it');
    return { kind: 'list', list: values.list, options };
  }
  if (positionals.length !== 2)
    throw wrong(`got ${positionals.length} sound files, expected two: A.wav B.wav`);
  if (!values.out) throw wrong('--out DIR is missing: where should the motion go?');
  const [a, b] = positionals;
  return { kind: 'job', job: { a, b, out: values.out }, options };
}

/** Reads the lines A, B, DIR of a `--list` file (tabs between them); throws `asset` with the line's number. */
export function parseList(text: string, path: string): Job[] {
  const jobs: Job[] = [];
  const lineOf = new Map<string, number>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const fields = line.split('\t');
    if (fields.length !== 3 || fields.some((field) => field === ''))
      throw new EngineError('asset', `${path}:${i + 1} has ${fields.length} fields, expected A, B and DIR`, {
        hint: 'Put one tab between the three; `-` is silence.',
      });
    const [a, b, out] = fields;
    const before = lineOf.get(out);
    if (before !== undefined)
      throw new EngineError('asset', `${path}:${i + 1} writes to ${out}, like line ${before}`, {
        hint: 'Give every conversation a folder of its own.',
      });
    lineOf.set(out, i + 1);
    jobs.push({ a, b, out });
  }
  if (jobs.length === 0)
    throw new EngineError('asset', `${path} lists no conversation`, { hint: 'Write lines of A, B and DIR.' });
  return jobs;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        out: text,
        backend: text,
        steps: text,
        eta: text,
        seed: text,
        guidance: text,
        temperature: text,
        topk: text,
        action: text,
        relationship: text,
        placement: text,
        style: text,
        emotion: text,
        chunk: text,
        models: text,
        list: text,
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw wrong((error as Error).message.split('. ')[0]);
  }
}

function number(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max))
    throw wrong(`${option} is ${JSON.stringify(text)}, expected a number from ${min} to ${max}`);
  return value;
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = number(option, text, min, max);
  if (!Number.isInteger(value)) throw wrong(`${option} is ${text}, expected a whole number`);
  return value;
}

function chunk(text: string): number {
  return wholeNumber('--chunk', text, 1, Number.MAX_SAFE_INTEGER);
}

function oneOf<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined)
    throw wrong(`${option} is ${JSON.stringify(text)}, expected ${choices.join(', ')}`);
  return found;
}

function indexOf(option: string, text: string, choices: readonly string[]): number {
  return choices.indexOf(oneOf(option, text, choices));
}

/** One number of steps for faces and bodies, or one for each. */
function steps(text: string): MotionOptions['steps'] {
  const count = (part: string) => wholeNumber('--steps', part, 1, 8);
  const [face, body] = pair('--steps', text.includes(',') ? text : `${text},${text}`, count);
  return { face, body };
}

/** One scale for faces and bodies, or one for each. */
function guidance(text: string): [number, number] {
  const scale = (part: string) => number('--guidance', part, 0, 10);
  return text.includes(',') ? pair('--guidance', text, scale) : [scale(text), scale(text)];
}

function pair(option: string, text: string, read: (part: string) => number): [number, number] {
  const parts = text.split(',');
  if (parts.length !== 2) throw wrong(`${option} is ${JSON.stringify(text)}, expected two values: A,B`);
  return [read(parts[0].trim()), read(parts[1].trim())];
}
