import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BODY_NUMBERS, FACE_CHANNELS } from '../../src/engine/motion.ts';
import { type Character, loadCharacter } from '../../src/engine/stage/character.ts';
import { VARIANTS } from '../../tools/characters/variants.ts';
import { addUpper, bodiesOf, type Mover } from '../bodies.ts';
import { mainThread } from '../mainthread.ts';
import { clearance, Subject, watchFeet } from '../retargeting.ts';

// What is measured on all characters and in many poses: test/node/retarget.characters.test.ts. Here the real loader, with
// pictures and materials, says what it found, and the figure stands and folds its hands.
const ROW = 2 * BODY_NUMBERS;
const fold: Mover = (f) => {
  for (const [side, s] of [
    ['left', 1],
    ['right', -1],
  ] as const) {
    addUpper(f, `${side}UpperArm`, 0.35, -0.25 * s, 0.12 * s);
    addUpper(f, `${side}LowerArm`, 0.1, -1.2 * s, 0);
  }
};
const folded = bodiesOf(fold, 75);

const files = new Map<string, ArrayBuffer>();
beforeAll(async () => {
  for (const name of ['ada', 'bo']) files.set(name, await (await fetch(`/models/${name}.vrm`)).arrayBuffer());
}, 60_000);

let character: Character | undefined;
afterEach(() => character?.dispose());

const CASES = VARIANTS.flatMap((variant, k) =>
  ['ada', 'bo'].filter((_, who) => who === k % 2).map((who) => [who, variant.name, variant] as const),
);

describe.each(CASES)('%s, %s', { timeout: 60_000 }, (who, _, { make, kind, warnings }) => {
  test('says what it is and lacks; stands and folds its hands', async () => {
    character = await loadCharacter(make(files.get(who)!));
    const report = character.report();
    expect(report.kind).toBe(kind);
    for (const [i, warning] of warnings.entries()) expect(report.warnings[i]).toMatch(warning);
    expect(report.warnings).toHaveLength(warnings.length);
    expect(report.licence.authors).toEqual(['Duologue']);
    const weights = new Float32Array(FACE_CHANNELS).fill(0.2);
    character.face.look(weights, 0, 0.1, 0.05, 0.02);
    character.update(1 / 60, weights, 0);
    const subject = new Subject(character);
    const { lowest, standing, slideMost } = watchFeet(subject, folded, 50, 6);
    expect(lowest).toBeGreaterThan(-0.01);
    expect(standing[1]).toBeLessThan(0.015);
    expect(slideMost).toBeLessThan(0.01);
    subject.show(folded, 74 * ROW);
    expect(clearance(subject).trunk).toBeGreaterThan(0);
  });
});

test('the same bytes make the same variant', () => {
  const same = (a: ArrayBuffer, b: ArrayBuffer) => {
    const [x, y] = [new Uint32Array(a), new Uint32Array(b)];
    return x.length === y.length && x.every((word, i) => word === y[i]);
  };
  for (const { name, make } of VARIANTS) {
    const first = make(files.get('ada')!);
    expect(same(first, make(files.get('ada')!)), name).toBe(true);
    expect(same(first, files.get('ada')!), name).toBe(false);
  }
});

// A guard against a cost that is several times as high; the measure itself is `npm run bench -- main-thread`.
test('a picture of two costs the main thread little', { timeout: 60_000 }, async () => {
  const { frameMs } = await mainThread(240, 120);
  expect(frameMs.toSorted((a, b) => a - b)[frameMs.length >> 1]).toBeLessThan(12);
});
