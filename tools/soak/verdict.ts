import type { DuologueStats } from '../../src/index.ts';
import type { Outcome } from '../../test/faults/faults.ts';
import type { Load } from './machine.ts';
import type { Memory } from './memory.ts';

/** One look at the page. */
export type Sample = {
  readonly atS: number;
  readonly memory: Memory;
  /** Who had the processors since the sample before. */
  readonly load: Load | null;
  readonly stats: DuologueStats;
  /** Frames that reached the page, and those of them that the picture had passed. */
  readonly arrived: { readonly frames: number; readonly late: number };
  /** Verbs of the engine without an answer, and for how long. */
  readonly pending: readonly { readonly verb: string; readonly ms: number }[];
  readonly tiers: number;
};

/** All that a run has seen. */
export type Run = {
  readonly faults: boolean;
  readonly warmUpS: number;
  readonly samples: readonly Sample[];
  readonly outcomes: readonly Outcome[];
  /** Uncaught errors and errors on the console that nobody caused on purpose. */
  readonly errors: readonly string[];
  readonly alive: boolean;
};

/** One thing that is judged. */
export type Judgement = {
  readonly what: string;
  readonly found: string;
  readonly goal: string;
  /** Undefined when nobody can tell, because others had the machine. */
  readonly good: boolean | undefined;
};

const MOST_GROWTH = 0.05;
const MOST_DRIFT_MS = 10;
const MOST_LATE = 0.005;
const MOST_RECOVERY_MS = 2000;
/** Who has waited longer than this for an answer will not get one. */
const HANGS_MS = 15_000;
/** When others have more of the processors than that, what is late may be late because of them. */
const MOST_TAKEN = 0.1;

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** The samples of the tier that ran longest: another one takes other memory, and that is no growth. */
function ofOneTier(samples: readonly Sample[]): readonly Sample[] {
  const byTier = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { backend } = sample.stats.info;
    byTier.set(backend, [...(byTier.get(backend) ?? []), sample]);
  }
  return [...byTier.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

/** Medians of what is known in the first and in the last tenth of a run after it has warmed up. */
function ends(
  samples: readonly Sample[],
  of: (sample: Sample) => number | null | undefined,
): [number, number] {
  const known = samples.map(of).filter((value): value is number => Number.isFinite(value));
  const tenth = Math.max(1, Math.ceil(known.length / 10));
  return [median(known.slice(0, tenth)), median(known.slice(-tenth))];
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/**
 * What is to be said of a run. Late frames are judged only where nobody made them late on purpose; what fails in time on a
 * machine that was taken away is not judged at all.
 */
export function judge({ faults, warmUpS, samples, outcomes, errors, alive }: Run): Judgement[] {
  const warm = samples.filter(({ atS }) => atS >= warmUpS);
  const same = ofOneTier(warm);
  const judged: Judgement[] = [];
  const add = (what: string, found: string, goal: string, good: boolean) =>
    judged.push({ what, found, goal, good });
  const growth = (what: string, of: (sample: Sample) => number | null | undefined) => {
    const [from, to] = ends(same, of);
    if (Number.isNaN(from)) return;
    const grown = to / from - 1;
    const goal = `≤ ${percent(MOST_GROWTH)}`;
    add(what, `${megabytes(from)} → ${megabytes(to)}, ${percent(grown)}`, goal, grown <= MOST_GROWTH);
  };
  const loads = warm.flatMap(({ load }) => load ?? []);
  const [stolen, others] = [mean(loads.map(({ stolen }) => stolen)), mean(loads.map(({ others }) => others))];
  const taken = loads.length > 0 && stolen + others > MOST_TAKEN;
  const inTime = (what: string, found: string, goal: string, good: boolean) =>
    judged.push({ what, found, goal, good: good || !taken ? good : undefined });
  if (loads.length > 0)
    judged.push({
      what: 'processor time that others took',
      found: `${percent(stolen)} stolen, ${percent(others)} other programs`,
      goal: `≤ ${percent(MOST_TAKEN)} to judge what is late`,
      good: taken ? undefined : true,
    });
  add('the page lives', alive ? 'yes' : 'no', 'yes', alive);
  growth('JavaScript of the page', ({ memory }) => memory.pageBytes);
  growth('JavaScript of the workers', ({ memory }) => memory.workerBytes);
  growth('resident, the page', ({ memory }) => memory.rendererBytes);
  growth('resident, the browser', ({ memory }) => memory.treeBytes);
  growth('measured by the page', ({ memory }) => memory.agentBytes);
  const [first, last] = [warm[0], warm.at(-1)];
  if (first && last) {
    const since = (of: (stats: DuologueStats) => number) => of(last.stats) - of(first.stats);
    const lost = since(({ lostFrames }) => lostFrames);
    const frames = since(({ frames }) => frames) + lost;
    const late = since(({ lateFrames }) => lateFrames) + lost;
    const share = `${late} of ${frames}, ${percent(late / frames)}`;
    if (faults) add('late or lost frames', share, 'not judged among faults', true);
    else inTime('late or lost frames', share, `< ${percent(MOST_LATE)}`, late < MOST_LATE * frames);
    const [from, to] = ends(same, ({ stats }) => stats.skewMsP50);
    const drift = to - from;
    inTime(
      'drift of the skew',
      `${from.toFixed(1)} → ${to.toFixed(1)} ms`,
      `within ±${MOST_DRIFT_MS} ms`,
      Math.abs(drift) <= MOST_DRIFT_MS,
    );
  }
  if (faults) {
    const slow = outcomes.filter(({ recoveryMs }) => recoveryMs === null || recoveryMs > MOST_RECOVERY_MS);
    const times = outcomes.map(({ recoveryMs }) => recoveryMs ?? Number.POSITIVE_INFINITY);
    const found = `${outcomes.length} faults, median ${median(times).toFixed(0)} ms, longest ${Math.max(...times).toFixed(0)} ms, ${slow.length} too long`;
    const never = outcomes.length === 0 || slow.some(({ recoveryMs }) => recoveryMs === null);
    const goal = `≤ ${MOST_RECOVERY_MS} ms each`;
    if (never) add('moving again after a fault', found, goal, false);
    else inTime('moving again after a fault', found, goal, slow.length === 0);
  }
  const hanging = samples.at(-1)?.pending.filter(({ ms }) => ms > HANGS_MS) ?? [];
  const verbs = hanging.map(({ verb, ms }) => `${verb} for ${(ms / 1000).toFixed(0)} s`).join(', ');
  add('promises left hanging', hanging.length > 0 ? verbs : 'none', 'none', hanging.length === 0);
  add(
    'uncaught errors',
    errors.length > 0 ? `${errors.length}: ${errors[0]}` : 'none',
    'none',
    errors.length === 0,
  );
  return judged;
}
