import { EngineError } from '../../errors.ts';
import { TICK_LENGTH } from '../audio/voices.ts';
import { FRAME_RATE_HZ } from '../motion.ts';
import type { Backend, BodyNetwork, BodyWork, Tier } from './backend.ts';
import { isOutOfMemory } from './memory.ts';
import { FACE_TO_FACE } from './models.ts';

/** Median milliseconds of a whole tick up to which WGSL is chosen: the page has to draw on the same GPU. */
export const WEBGPU_LIMIT_MS = 20;

/**
 * Median milliseconds of a whole tick up to which WebAssembly is chosen. It may be more than the tick lasts (33.3 ms): a
 * late machine drops body blocks first, half of its work, and lips alone are the last thing to fall back to.
 */
export const WASM_LIMIT_MS = 60;

/** Ticks over which a median is taken, and the fewest that count. */
const WINDOW = 5;
const LEAST_TICKS = 3;

/** How long a probe lasts where the machine is neither fast at once nor warm yet. */
const LIMIT_MS = 400;

/**
 * How long it lasts where the answer is in doubt: WebAssembly is compiled for speed while it runs, which halves a tick, and
 * the page still reads characters and keeps files.
 */
const DOUBTFUL_LIMIT_MS = 2500;

/** Beyond so many limits there is no doubt. */
const HOPELESS = 4;

/** What a probe needs to know: steps of the sampler, the log-mel value of silence, and a clock in milliseconds. */
export type ProbeOptions = {
  readonly steps: number;
  readonly melSilence: number;
  readonly now?: () => number;
};

/**
 * Median milliseconds of a tick that does everything: hears both voices, makes a frame and its codes, and takes the
 * scheduler's share of a body block; the median of the best five ticks in a row, because the first ones are slow on every
 * machine. It ends as soon as a tick takes half of `limitMs`, and after 0.4 s unless the answer is in doubt; the backend
 * is reset.
 */
export async function probe(
  backend: Backend,
  limitMs: number,
  { steps, melSilence, now = clock }: ProbeOptions,
): Promise<number> {
  const mel = new Float32Array(TICK_LENGTH).fill(melSilence);
  const parts = backend.full ? bodyParts(steps) : [];
  const begin = now();
  const times: number[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (let done = false; !done; ) {
    const started = now();
    const body = parts[times.length % parts.length];
    await backend.tick(mel, { frame: true, ...(body && { body }) });
    times.push(now() - started);
    if (times.length < LEAST_TICKS) continue;
    best = Math.min(best, median(times.slice(-WINDOW)));
    const elapsed = now() - begin;
    const isClear = best <= limitMs || best > HOPELESS * limitMs || elapsed >= DOUBTFUL_LIMIT_MS;
    done = (best <= limitMs / 2 && times.length >= WINDOW) || (elapsed >= LIMIT_MS && isClear);
  }
  await backend.reset();
  return best;
}

/** The body's work of eight ticks: each network from noise to the end of its block. */
function bodyParts(steps: number): BodyWork[] {
  const share = Math.ceil(steps / 4);
  return (['lower', 'upper'] as const satisfies readonly BodyNetwork[]).flatMap((network) =>
    Array.from({ length: Math.ceil(steps / share) }, (_, i) => {
      const [from, to] = [i * share, Math.min(steps, (i + 1) * share)];
      return { network, from, to, ...(i === 0 && { placement: FACE_TO_FACE }) };
    }),
  );
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** A tier that may be chosen. */
export type Candidate = {
  readonly tier: Tier;
  /** Opens it, or says in words why it cannot be had. */
  readonly open: () => Promise<Backend | string>;
  /** Median milliseconds of a tick up to which it is chosen; without it, it always is. */
  readonly limitMs?: number;
};

/**
 * Opens the candidates in turn and takes the first that is fast enough, saying why the earlier ones were not and what was
 * measured; the others are disposed. Throws what opening throws, except that a candidate which is `unsupported` or gets
 * `lost` is passed over.
 */
export async function firstFastEnough(
  candidates: readonly Candidate[],
  options: ProbeOptions,
): Promise<{ backend: Backend; reason: string }> {
  const reasons: string[] = [];
  for (const [i, { tier, open, limitMs }] of candidates.entries()) {
    const isLast = i === candidates.length - 1;
    const backend = await open().catch((error: unknown) => excuse(error, isLast));
    if (typeof backend === 'string') {
      reasons.push(backend);
      continue;
    }
    if (limitMs === undefined) return { backend, reason: sentence(reasons) };
    const measured = await probe(backend, limitMs, options).catch((error: unknown) => excuse(error, isLast));
    if (typeof measured === 'string') reasons.push(`${tier}: ${measured}`);
    else {
      reasons.push(inWords(backend, measured, limitMs));
      if (measured <= limitMs) return { backend, reason: sentence(reasons) };
    }
    backend.dispose();
  }
  throw new EngineError('unsupported', `No way to run the networks here: ${sentence(reasons)}`, {
    hint: 'Use a faster machine, or a browser with WebGPU.',
  });
}

/** Why a candidate fell out, unless the error is no matter of this machine. */
function excuse(error: unknown, isLast: boolean): string {
  const isOurs = error instanceof EngineError && (error.kind === 'unsupported' || error.kind === 'lost');
  if (!isLast && (isOurs || isOutOfMemory(error)))
    return error instanceof Error ? error.message : String(error);
  throw error;
}

function inWords({ info }: Backend, ms: number, limitMs: number) {
  const period = (1000 / FRAME_RATE_HZ).toFixed(0);
  const verdict = ms <= limitMs ? 'within' : 'more than';
  return `${info.adapter}: ${ms.toFixed(1)} ms a tick of ${period} ms, ${verdict} the limit of ${limitMs} ms`;
}

const sentence = (reasons: readonly string[]) =>
  reasons.map((reason) => reason.replace(/\.$/, '')).join('; ');

const clock = () => performance.now();
