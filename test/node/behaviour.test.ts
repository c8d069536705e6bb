import { expect, suite, test } from 'vitest';
import {
  BEHAVIOUR_OF_FACE,
  blendTurns,
  drawCodes,
  followTurn,
  guide,
  normaliseBehaviour,
  showBehaviour,
  turnsOf,
} from '../../src/engine/model/behaviour.ts';
import { ARKIT_51, BEHAVIOUR_CHANNELS, BEHAVIOUR_FACE } from '../../src/engine/motion.ts';

const K = 256;

/** Numbers in −1…1 from a seed. */
function random(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

suite('codes', () => {
  const draw = (
    logits: Float32Array,
    options: { temperature: number; topK: number; frame?: number; seed?: number },
  ) => {
    const codes = new Float32Array(8);
    drawCodes(codes, logits, { frame: 0, seed: 1, ...options });
    return [...codes];
  };
  const next = random(3);
  const logits = Float32Array.from({ length: 8 * K }, () => 3 * next());
  const ranked = (row: number) =>
    Array.from({ length: K }, (_, k) => k).sort((a, b) => logits[row * K + b] - logits[row * K + a] || a - b);

  test('temperature 0 and a single candidate take the likeliest', () => {
    const likeliest = Array.from({ length: 8 }, (_, row) => ranked(row)[0]);
    expect(draw(logits, { temperature: 0, topK: 26 })).toEqual(likeliest);
    expect(draw(logits, { temperature: 0.8, topK: 1 })).toEqual(likeliest);
  });

  test('only the likeliest may be drawn, each as often as the softmax says', () => {
    const topK = 5;
    const temperature = 0.8;
    const counts = new Map<number, number>();
    const frames = 4000;
    for (let frame = 0; frame < frames; frame++) {
      const [code] = draw(logits, { temperature, topK, frame });
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    const allowed = ranked(0).slice(0, topK);
    expect([...counts.keys()].every((code) => allowed.includes(code))).toBe(true);
    const masses = allowed.map((code) => Math.exp(logits[code] / temperature));
    const total = masses.reduce((a, b) => a + b);
    for (const [i, code] of allowed.entries())
      expect((counts.get(code) ?? 0) / frames).toBeCloseTo(masses[i] / total, 1);
  });

  test('of equals at the limit the lowest are let in', () => {
    const flat = new Float32Array(8 * K);
    flat[200] = 1;
    const seen = new Set<number>();
    for (let frame = 0; frame < 300; frame++) seen.add(draw(flat, { temperature: 1, topK: 4, frame })[0]);
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 200]);
  });

  test('frame and seed change the draw, the same ones repeat it', () => {
    const options = { temperature: 1, topK: K };
    const first = draw(logits, options);
    expect(draw(logits, options)).toEqual(first);
    expect(draw(logits, { ...options, frame: 1 })).not.toEqual(first);
    expect(draw(logits, { ...options, seed: 2 ** 32 + 1 })).not.toEqual(first);
  });
});

suite('turns', () => {
  test('come within three frames of a voice, and go within a second of its end', () => {
    const [activity, turn] = [new Float32Array(2), new Float32Array(2)];
    const after = (voicing: number[], frames: number) => {
      for (let k = 0; k < frames; k++) followTurn(activity, Float32Array.from(voicing), turn);
      return [...turn];
    };
    expect(after([0, 0], 10)).toEqual([0, 0]);
    const [spoken, still] = after([1, 0], 3);
    expect(spoken).toBeGreaterThan(0.9);
    expect(still).toBe(0);
    expect(after([0, 0], 5)[0]).toBeGreaterThan(0.5); // a stop consonant is no end of a turn
    expect(after([0, 0], 25)[0]).toBe(0);
    const again = new Float32Array(2);
    turnsOf(activity, again);
    expect(again).toEqual(turn);
  });

  test('blend listener and speaker; the speaker has the face network on the upper face', () => {
    const mean = Float32Array.from({ length: BEHAVIOUR_CHANNELS }, (_, c) => c / 100);
    const std = Float32Array.from({ length: BEHAVIOUR_CHANNELS }, (_, c) => 0.1 + c / 50);
    const next = random(5);
    const z = () => Float32Array.from({ length: 2 * BEHAVIOUR_CHANNELS }, next);
    const [listener, speaker] = [z(), z()];
    const face = Float32Array.from({ length: 102 }, () => 1.2 * next());
    const motion = z();
    blendTurns(motion, { listener, speaker, face, turn: Float32Array.of(0, 1) }, { mean, std });
    expect(motion.subarray(0, 24)).toEqual(listener.subarray(0, 24));
    expect(motion.subarray(45)).toEqual(speaker.subarray(45));
    const shown = new Float32Array(48);
    showBehaviour(shown, motion, { mean, std });
    for (const [c, at] of BEHAVIOUR_OF_FACE.entries()) {
      expect(ARKIT_51[at]).toBe(BEHAVIOUR_FACE[c]);
      expect(shown[24 + c]).toBeCloseTo(Math.min(1, Math.max(0, face[51 + at])), 5);
    }
    const back = new Float32Array(48);
    normaliseBehaviour(back, shown, { mean, std });
    for (const c of [21, 22, 23, 45, 46, 47]) expect(back[c]).toBeCloseTo(motion[c], 5);
    expect(Math.min(...shown.subarray(0, 21))).toBeGreaterThanOrEqual(0);
  });
});

test('guidance goes from the null prediction through the conditioned one', () => {
  const y = Float32Array.of(3, 1, 1, 2);
  guide(y, 1.5);
  expect([...y]).toEqual([4, 0.5, 1, 2]);
});
