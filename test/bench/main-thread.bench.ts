import { expect, test } from 'vitest';
import { mainThread } from '../mainthread.ts';
import { report } from './report.ts';

/** What both characters may cost the main thread per picture, without drawing (ms on one core). */
const BUDGET_MS = 4;

test('main-thread', { timeout: 300_000 }, async () => {
  const { frameMs, bytesPerFrame } = await mainThread(2400);
  const sorted = frameMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  report({
    table: 'main-thread',
    what: 'ada and bo, no drawing',
    frames: sorted.length,
    median_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
    mean_ms: frameMs.reduce((sum, ms) => sum + ms, 0) / frameMs.length,
    garbage_bytes: bytesPerFrame,
  });
  expect(at(0.5)).toBeLessThan(BUDGET_MS);
});
