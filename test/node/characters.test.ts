import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import validator from 'gltf-validator';
import { describe, expect, test } from 'vitest';
import { ARKIT_51 } from '../../src/engine/motion.ts';
import { buildCharacter } from '../../tools/characters/build.ts';
import { buildFace } from '../../tools/characters/face.ts';
import type { FaceVertex } from '../../tools/characters/head.ts';
import { add, length, type Vec } from '../../tools/characters/math.ts';
import { people } from '../../tools/characters/people.ts';
import { SHAPE_NAMES, type ShapeName, shapesOf } from '../../tools/characters/shapes.ts';
import { HUMANOID } from '../../tools/characters/vrm.ts';

type Gltf = {
  meshes: { name: string; extras?: { targetNames: string[] }; primitives: { targets?: unknown[] }[] }[];
  nodes: { name: string }[];
  extensions: {
    VRMC_vrm: {
      specVersion: string;
      humanoid: { humanBones: Record<string, { node: number }> };
      expressions: { preset: Record<string, { morphTargetBinds: { index: number; node: number }[] }> };
    };
  };
};

const fileOf = (name: string) => new Uint8Array(readFileSync(`public/models/${name}.vrm`));
const jsonOf = (bytes: Uint8Array): Gltf => {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + length)));
};
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('the shapes are the 51 channels of the engine and tongueOut', () => {
  expect([...SHAPE_NAMES]).toEqual([...ARKIT_51, 'tongueOut']);
});

describe.each(people)('$name', (person) => {
  const bytes = fileOf(person.name);
  const json = jsonOf(bytes);
  const face = buildFace(person);
  const shapes = shapesOf(person);
  const moved = (name: ShapeName) =>
    face.vertices.map((v) => ({ v, d: shapes[name](v) })).filter(({ d }) => length(d) > 0.02);

  test('rebuilding gives the committed file, small enough for a page', () => {
    const { bytes: again, triangles } = buildCharacter(person);
    expect(hash(again), 'public/models is stale: run npm run characters').toBe(hash(bytes));
    expect(bytes.length).toBeLessThan(6e6);
    expect(triangles).toBeLessThanOrEqual(25_000);
    expect(face.vertices.length).toBeLessThanOrEqual(6000);
  }, 60_000);

  test('the glTF validator finds no error', async () => {
    const report = await validator.validateBytes(bytes, { ignoredIssues: ['UNSUPPORTED_EXTENSION'] });
    expect(report.issues.messages.filter((m) => m.severity < 2)).toEqual([]);
  });

  test('has the whole humanoid, 52 morphs on one mesh, and expressions bound to them', () => {
    const { humanoid, expressions, specVersion } = json.extensions.VRMC_vrm;
    expect(specVersion).toBe('1.0');
    expect(Object.keys(humanoid.humanBones).sort()).toEqual([...HUMANOID].sort());
    for (const [name, { node }] of Object.entries(humanoid.humanBones))
      expect(json.nodes[node]!.name).toBe(name);
    const carriers = json.meshes.filter((m) => m.primitives.some((p) => p.targets));
    expect(carriers.map((m) => m.name)).toEqual(['Face']);
    expect(carriers[0]!.extras?.targetNames).toEqual([...SHAPE_NAMES]);
    for (const [name, { morphTargetBinds }] of Object.entries(expressions.preset)) {
      expect(morphTargetBinds.length > 0 || name === 'neutral', name).toBe(true);
      for (const { index, node } of morphTargetBinds) {
        expect(SHAPE_NAMES[index]).toBeDefined();
        expect(json.nodes[node]!.name).toBe('Face');
      }
    }
  });

  test.each(SHAPE_NAMES)('%s moves the right side, and only by finite steps', (name) => {
    const hits = moved(name);
    expect(hits.length).toBeGreaterThan(5);
    for (const { d } of hits) expect(d.every(Number.isFinite)).toBe(true);
    const side = (sign: 1 | -1) => hits.reduce((a, { v, d }) => a + (v.q[0] * sign > 0 ? length(d) : 0), 0);
    const isShift = name.startsWith('jaw') || name === 'mouthLeft' || name === 'mouthRight';
    if (isShift && name.endsWith('Left'))
      expect(Math.min(...hits.map(({ d }) => d[0]))).toBeGreaterThan(-0.1);
    else if (isShift && name.endsWith('Right'))
      expect(Math.max(...hits.map(({ d }) => d[0]))).toBeLessThan(0.1);
    else if (name.endsWith('Left')) expect(side(1)).toBeGreaterThan(6 * side(-1));
    else if (name.endsWith('Right')) expect(side(-1)).toBeGreaterThan(6 * side(1));
    else expect(Math.abs(side(1) / side(-1) - 1)).toBeLessThan(0.1);
  });

  const shaped = (v: FaceVertex, names: readonly ShapeName[]) =>
    names.reduce<Vec>((q, name) => add(q, shapes[name](v)), v.q);
  const lips = (sign: 1 | -1) =>
    face.vertices.filter((v) => v.mouth?.t === 0 && Math.sign(v.mouth.side) === sign && Math.abs(v.q[0]) < 2);
  const gap = (...names: ShapeName[]) => {
    const mean = (sign: 1 | -1) => {
      const ys = lips(sign).map((v) => shaped(v, names)[1]);
      return ys.reduce((a, b) => a + b, 0) / ys.length;
    };
    return mean(1) - mean(-1);
  };

  test('jawOpen parts the lips and mouthClose shuts them again', () => {
    expect(Math.abs(gap())).toBeLessThan(0.05);
    expect(gap('jawOpen')).toBeGreaterThan(2);
    expect(Math.abs(gap('jawOpen', 'mouthClose'))).toBeLessThan(0.02 * 24);
  });

  test('a blink brings the lids together over the eye', () => {
    for (const side of [1, -1] as const) {
      const name = side === 1 ? 'eyeBlinkLeft' : 'eyeBlinkRight';
      const edge = face.vertices.filter((v) => v.eye?.side === side && v.eye.d === 0);
      const upper = edge.filter((v) => v.eye!.upper > 0.5).map((v) => shaped(v, [name])[1]);
      const lower = edge.filter((v) => v.eye!.upper < -0.5).map((v) => shaped(v, [name])[1]);
      expect(Math.max(...upper)).toBeLessThan(Math.max(...lower) + 0.05);
    }
  });
});
