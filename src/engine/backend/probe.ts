import { EngineError } from '../../errors.ts';
import { TICK_LENGTH } from '../audio/voices.ts';
import { FRAME_RATE_HZ } from '../motion.ts';
import type { Backend, BodyNetwork, Tier } from './backend.ts';
import { FACE_TO_FACE } from './models.ts';

/** Median milliseconds of a whole tick up to which WGSL is chosen: the page has to draw on the same GPU. */
export const WEBGPU_LIMIT_MS = 20;

/** Median milliseconds of a whole tick up to which WebAssembly is chosen: little less than the tick lasts, 33.3 ms. */
export const WASM_LIMIT_MS = 30;

/** First ticks, which a GPU driver and the WebAssembly compiler still work on. */
const WARM_UP_TICKS = 2;

/** Ticks measured where the time is enough: both body networks, each once from noise to its block's end with four steps. */
const TICKS = 8;
const LEAST_TICKS = 3;

/** A probe that has lasted this long is content with `LEAST_TICKS`. */
const LIMIT_MS = 350;

/** What a probe needs to know: steps of the sampler, the log-mel value of silence, and a clock in milliseconds. */
export type ProbeOptions = {
  readonly steps: number;
  readonly melSilence: number;
  readonly now?: () => number;
};

/**
 * Median milliseconds of a tick that does everything: hears both voices, makes a frame and its codes, and takes the
 * scheduler's share of a body block. Half a second at most on a machine that can do it at all; the backend is reset.
 */
export async function probe(
  backend: Backend,
  { steps, melSilence, now = clock }: ProbeOptions,
): Promise<number> {
  const mel = new Float32Array(TICK_LENGTH).fill(melSilence);
  const share = Math.ceil(steps / 4);
  const parts = (['lower', 'upper'] as const satisfies readonly BodyNetwork[]).flatMap((network) =>
    Array.from({ length: Math.ceil(steps / share) }, (_, i) => {
      const [from, to] = [i * share, Math.min(steps, (i + 1) * share)];
      return { network, from, to, ...(i === 0 && { placement: FACE_TO_FACE }) };
    }),
  );
  const begin = now();
  const times: number[] = [];
  for (let n = -WARM_UP_TICKS; n < TICKS; n++) {
    if (times.length >= LEAST_TICKS && now() - begin > LIMIT_MS) break;
    const body = backend.full && n >= 0 ? { body: parts[n % parts.length] } : {};
    const started = now();
    await backend.tick(mel, { frame: true, ...body });
    if (n >= 0) times.push(now() - started);
  }
  await backend.reset();
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

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
    const measured = await probe(backend, options).catch((error: unknown) => excuse(error, isLast));
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
  if (!isLast && error instanceof EngineError && (error.kind === 'unsupported' || error.kind === 'lost'))
    return error.message;
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
