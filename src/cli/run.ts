import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ACTIONS } from '../engine/backend/conditions.ts';
import { measureBodies } from '../engine/body/measures.ts';
import { bvh } from '../engine/export/bvh.ts';
import { motionJson } from '../engine/export/json.ts';
import { liveLinkCsv } from '../engine/export/livelink.ts';
import { BODY_NUMBERS, PERSONS } from '../engine/motion.ts';
import { EngineError } from '../errors.ts';
import { type Job, type MotionOptions, parseCommand, parseList, USAGE } from './arguments.ts';
import { checkFolder, writeFolder } from './files.ts';
import { durationOf, framesOf, generateMotion, type Motion } from './generate.ts';
import { type Engine, FACING, openEngine } from './models.ts';
import { readSound, type Sound } from './sound.ts';

type Print = (line: string) => void;

/** Runs `motion` with the arguments of a command line; `print` takes the summary. Throws EngineErrors. */
export async function runMotion(args: readonly string[], print: Print): Promise<void> {
  const command = parseCommand(args);
  if (command.kind === 'help') return print(USAGE);
  const jobs = command.kind === 'job' ? [command.job] : await readList(command.list);
  for (const { out } of jobs) await checkFolder(out);
  const first = await readSounds(jobs[0]); // a wrong file is told before the models load
  const engine = await openEngine(command.options);
  try {
    const { backend, adapter, reason } = engine.source.backend;
    print(`backend  ${backend} on ${adapter} (${reason})`);
    for (const [i, job] of jobs.entries()) {
      if (jobs.length > 1) print(`\n${i + 1}/${jobs.length}`);
      await runJob(job, i === 0 ? first : await readSounds(job), engine, command.options, print);
    }
  } finally {
    engine.core.dispose();
  }
}

type Sounds = [Sound | undefined, Sound | undefined];

async function runJob(job: Job, sounds: Sounds, engine: Engine, options: MotionOptions, print: Print) {
  const longer = Math.max(...sounds.map(framesOf));
  const durationS = Math.max(...sounds.map(durationOf));
  for (const [p, sound] of sounds.entries()) {
    const missing =
      framesOf(sound) < longer ? `, then silence for ${(durationS - durationOf(sound)).toFixed(2)} s` : '';
    const words = sound ? `${durationOf(sound).toFixed(2)} s at ${sound.sampleRateHz} Hz${missing}` : '';
    print(`voice ${'AB'[p]}  ${sound?.name ?? 'silence'}  ${words}`.trimEnd());
  }
  const begin = performance.now();
  const motion = await generateMotion(sounds, engine, options);
  const wallS = (performance.now() - begin) / 1000;
  const persons = motion.persons.map((personMotion, p) => ({
    sound: sounds[p]?.name ?? 'silence',
    durationS: durationOf(sounds[p]),
    style: options.style[p],
    facing: FACING[p],
    emotion: options.emotion[p],
    action: ACTIONS[options.action[p]],
    motion: personMotion,
  }));
  const [a, b] = motion.persons.map(({ whole }) => whole);
  const paths = await writeFolder(job.out, {
    'a.arkit.csv': liveLinkCsv(motion.persons[0].face),
    'b.arkit.csv': liveLinkCsv(motion.persons[1].face),
    ...(a && b && { 'a.bvh': bvh(a.body, b.body), 'b.bvh': bvh(b.body, a.body) }),
    'motion.json': `${JSON.stringify(motionJson(engine.source, persons))}\n`,
  });
  if (motion.nonFinite > 0)
    print(`warning  ${motion.nonFinite} samples were NaN or infinite and were taken as silence`);
  report(motion, wallS, print);
  print(`wrote    ${paths.join(', ')}`);
}

function report(motion: Motion, wallS: number, print: Print) {
  const { frames, durationS, tickMs, heldBodyFrames } = motion;
  const sorted = tickMs.toSorted();
  const quantile = (q: number) => sorted[Math.min(frames - 1, Math.floor(q * frames))].toFixed(2);
  const factor = wallS / durationS;
  print(`motion   ${frames} frames, ${durationS.toFixed(2)} s of two people in ${wallS.toFixed(2)} s`);
  print(
    `speed    real-time factor ${factor.toFixed(3)}; a tick takes ${quantile(0.5)} ms, p95 ${quantile(0.95)} ms`,
  );
  const bodies = bodiesOf(motion);
  if (!bodies) return print('bodies   none: this backend has lips alone');
  const { footSlideCmS, leastDistanceM, outsideShare } = measureBodies(bodies);
  print(
    `bodies   feet slide ${footSlideCmS.toFixed(2)} cm/s, the two never closer than ${leastDistanceM.toFixed(2)} m, ` +
      `${(100 * outsideShare).toFixed(2)} % of frames outside joint limits, ${heldBodyFrames} frames held`,
  );
}

/** Both bodies as one [n, 2, 75], or undefined where there are none. */
function bodiesOf({ frames, persons }: Motion): Float32Array | undefined {
  if (!persons[0].whole) return undefined;
  const bodies = new Float32Array(frames * PERSONS * BODY_NUMBERS);
  for (const [p, { whole }] of persons.entries())
    for (let k = 0; k < frames; k++)
      bodies.set(
        whole?.body.subarray(k * BODY_NUMBERS, (k + 1) * BODY_NUMBERS) ?? [],
        (k * PERSONS + p) * BODY_NUMBERS,
      );
  return bodies;
}

async function readSounds({ a, b }: Job): Promise<Sounds> {
  if (a === '-' && b === '-')
    throw new EngineError('unsupported', 'both sounds are silence (-), expected a file for one of them', {
      hint: 'Give a wav or flac file as A or B.',
    });
  return [a === '-' ? undefined : await readSound(a), b === '-' ? undefined : await readSound(b)];
}

async function readList(path: string): Promise<Job[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new EngineError('asset', `${path} cannot be read: ${cause.message}`, {
      hint: 'Check --list.',
      cause,
    });
  });
  return parseList(text, resolve(path));
}
