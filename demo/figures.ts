import type { Duologue, Level } from '../src/index.ts';
import { byId } from './page.ts';

const panel = byId('debug');
const lacks = byId('lacks');
const meters = [...document.querySelectorAll<HTMLMeterElement>('#voices meter')];

const ms = (value: number) => (Number.isFinite(value) ? `${value.toFixed(1)} ms` : '–');
const db = (value: number) => (Number.isFinite(value) ? `${value.toFixed(0)} dB` : 'silent');

/** The figures of the `?debug` panel: what, and its value now. */
const rows = (duo: Duologue): [string, string][] => {
  const stats = duo.stats();
  return [
    ['backend', duo.info.backend],
    ['because', duo.info.reason],
    ['adapter', duo.info.adapter],
    ['time per block', ms(stats.blockMs)],
    ['real-time factor', stats.realTimeFactor.toFixed(2)],
    ['latency p50 · p95', `${ms(stats.latencyMsP50)} · ${ms(stats.latencyMsP95)}`],
    [
      'picture − sound p2.5 · p50 · p97.5',
      [stats.skewMsP2_5, stats.skewMsP50, stats.skewMsP97_5].map(ms).join(' · '),
    ],
    ['sound delayed by', ms(stats.delayMs)],
    ['frames', String(stats.frames)],
    ['late · held · lost', `${stats.lateFrames} · ${stats.heldFrames} · ${stats.lostFrames}`],
    ['bodies held', `${stats.heldBodyFrames} frames`],
    ['gaps', `${stats.gapSamples} samples`],
    ['level left · right', stats.level.map(db).join(' · ')],
    ['speaking', stats.speaking.map((speaking) => (speaking ? 'yes' : 'no')).join(' · ')],
  ];
};

/** Shows the engine's figures four times a second. */
export function showFigures(duo: Duologue): void {
  const list = panel.querySelector('dl')!;
  const values = rows(duo).map(([name]) => {
    const term = document.createElement('dt');
    const value = document.createElement('dd');
    term.textContent = name;
    list.append(term, value);
    return value;
  });
  panel.hidden = false;
  lacks.hidden = false;
  setInterval(() => {
    for (const [i, [, value]] of rows(duo).entries()) values[i]!.textContent = value;
  }, 250);
}

/** Lists beside each character what it lacks and what follows from it; part of `?debug`. */
export function showWarnings({ reports }: Duologue): void {
  for (const [person, list] of [...lacks.querySelectorAll('ul')].entries()) {
    const { name, warnings } = reports[person]!;
    const items = (warnings.length > 0 ? warnings : ['lacks nothing']).map((warning) => {
      const item = document.createElement('li');
      item.textContent = `${name}: ${warning}`;
      return item;
    });
    list.replaceChildren(...items);
  }
}

const shareOf = (db: number) => Math.min(1, Math.max(0, (db + 60) / 50));

/** Shows how loud a microphone is, and whether it is too loud; no level for one that is closed. */
export function showLevel(person: number, level?: Level): void {
  const meter = meters[person]!;
  meter.value = level ? shareOf(level.rmsDb) : 0;
  meter.toggleAttribute('data-clipping', level?.clipping ?? false);
}

/** Moves the two level meters until the returned function is called. */
export function showLevels(duo: Duologue): () => void {
  const timer = setInterval(() => {
    for (const [person, level] of duo.stats().level.entries()) meters[person]!.value = shareOf(level);
  }, 66);
  return () => {
    clearInterval(timer);
    for (const meter of meters) meter.value = 0;
  };
}
