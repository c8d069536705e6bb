import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import validator from 'gltf-validator';
import { describe, expect, test } from 'vitest';
import { ARKIT_51 } from '../../src/engine/motion.ts';
import { buildCharacter } from '../../tools/characters/build.ts';
import { buildEyes } from '../../tools/characters/eyeball.ts';
import { buildFace } from '../../tools/characters/face.ts';
import { buildHair } from '../../tools/characters/hair.ts';
import type { FaceVertex } from '../../tools/characters/head.ts';
import { add, length, type Vec } from '../../tools/characters/math.ts';
import { triangles as trianglesOf } from '../../tools/characters/mesh.ts';
import { people } from '../../tools/characters/people.ts';
import { SHAPE_NAMES, type ShapeName, shapesOf } from '../../tools/characters/shapes.ts';
import { headField } from '../../tools/characters/skull.ts';
import { HUMANOID } from '../../tools/characters/vrm.ts';
import { IctShapes } from '../ict-shapes.ts';
import { marksOf } from '../marks.ts';

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
const ICT_PATH = fileURLToPath(new URL('../../../shared/data/face-ict/ict_arkit.npz', import.meta.url));
const ICT = existsSync(ICT_PATH);
if (!ICT) console.log('The ICT face is not here: the directions of the shapes are not compared.');
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
    expect(triangles).toBeLessThanOrEqual(20_000);
    const head = [face, buildEyes(person), buildHair(person, headField(person))];
    expect(head.reduce((n, mesh) => n + trianglesOf(mesh).length / 3, 0)).toBeLessThanOrEqual(10_500);
    expect(face.vertices.length).toBeLessThanOrEqual(5000);
  }, 60_000);

  test('the glTF validator finds neither error nor warning', async () => {
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
    const side = (sign: 1 | -1) =>
      hits.reduce((a, { v, d }) => a + (v.q[0] * sign > 1e-6 ? length(d) : 0), 0);
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

  test.skipIf(!ICT)(
    'moves as the ICT face does: each shape has a median direction cosine of at least 0.7',
    () => {
      // What shows of the skin: from the throat to the hair.
      const skin = face.vertices.filter((v) => v.part === 'skin' && v.q[2] > 0 && v.b > -14 && v.q[1] < 7.5);
      const ict = new IctShapes(ICT_PATH, marksOf(face));
      const near = ict.nearest(skin.map((v) => v.q));
      const cosines = ARKIT_51.map((name) => {
        const own = skin.map((v) => shapes[name](v));
        return [name, ict.cosine(name, near, own)] as const;
      });
      const worst = [...cosines].sort((a, b) => a[1] - b[1]).slice(0, 5);
      console.log(
        `${person.name}: ${worst.map(([name, cosine]) => `${name} ${cosine.toFixed(2)}`).join(', ')}`,
      );
      expect(cosines.filter(([, cosine]) => !(cosine >= 0.7))).toEqual([]);
    },
    60_000,
  );

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
