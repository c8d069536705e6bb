import { BufferGeometry, Float32BufferAttribute, Mesh, MeshBasicMaterial, Object3D } from 'three';
import { describe, expect, test } from 'vitest';
import { ARKIT_51, FACE_CHANNELS } from '../../src/engine/motion.ts';
import type { FaceRig } from '../../src/engine/stage/channels.ts';
import { calmExpression, Face } from '../../src/engine/stage/retarget.ts';
import { CHANNEL, VOWELS, vowelsInto } from '../../src/engine/stage/synthesis.ts';

const meshWith = (names: readonly string[]) => {
  const geometry = new BufferGeometry();
  geometry.setAttribute('position', new Float32BufferAttribute([0, 0, 0], 3));
  geometry.morphAttributes.position = names.map((name) => {
    const attribute = new Float32BufferAttribute([0, 1, 0], 3);
    attribute.name = name;
    return attribute;
  });
  return new Mesh(geometry, new MeshBasicMaterial());
};

type Parts = {
  shapes?: readonly string[];
  expressions?: readonly string[];
  bones?: readonly string[];
  /** Expressions that differ from a plain one that moves something. */
  odd?: Record<string, object>;
};

const makeRig = ({ shapes = [], expressions = [], bones = [], odd = {} }: Parts) => {
  const scene = new Object3D();
  const mesh = meshWith(shapes);
  scene.add(mesh);
  const values = new Map<string, number>();
  const nodes = new Map(bones.map((name) => [name, new Object3D()]));
  const rig = {
    scene,
    expressionManager: {
      expressionMap: Object.fromEntries(expressions.map((name) => [name, { binds: [{}], ...odd[name] }])),
      setValue: (name: string, weight: number) => values.set(name, weight),
    },
    humanoid: { getNormalizedBoneNode: (name: string) => nodes.get(name) ?? null },
  } as unknown as FaceRig;
  return { rig, mesh, values, nodes };
};

const faceOf = (weights: Partial<Record<(typeof ARKIT_51)[number], number>>, offset = 0) => {
  const face = new Float32Array(offset + FACE_CHANNELS);
  for (const [name, weight] of Object.entries(weights))
    face[offset + CHANNEL[name as keyof typeof CHANNEL]] = weight;
  return face;
};

const show = (face: Face, weights: Float32Array, offset = 0) => {
  face.applyBefore(weights, offset);
  face.applyAfter();
};

describe('face', () => {
  const spellings: [string, (name: string) => string][] = [
    ['as Apple spells them', (name) => name],
    ['in upper case', (name) => name.toUpperCase()],
    ['with a prefix', (name) => `blendShape1.${name}`],
    ['with _L and _R', (name) => name.replace(/Left$/, '_L').replace(/Right$/, '_R')],
    ['with _Left and _Right', (name) => name.replace(/(Left|Right)$/, '_$1')],
    ['in snake case', (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)],
    ['as VRoid prefixes them', (name) => `Face.M_F00_000_00_${name}`],
    ['with numbers', (name) => `A12_${name.replace(/[A-Z]/g, (letter) => `_${letter}`)}`],
    ['in lower case', (name) => name.toLowerCase()],
    ['in capitals and underscores', (name) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()],
    ['in Pascal case', (name) => name[0]!.toUpperCase() + name.slice(1)],
    ['with .L and .R', (name) => name.replace(/Left$/, '.L').replace(/Right$/, '.R')],
    [
      'with l and r',
      (name) =>
        name
          .toLowerCase()
          .replace(/left$/, 'l')
          .replace(/right$/, 'r'),
    ],
    ['with the side first', (name) => name.replace(/^(.*)Left$/, 'L_$1').replace(/^(.*)Right$/, 'R_$1')],
    ['with a prefix of words', (name) => `Fcl_ARKit_${name[0]!.toUpperCase()}${name.slice(1)}`],
    ['with spaces', (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter}`)],
    ['numbered as Blender does', (name) => `${name}.001`],
    ['numbered as Maya does', (name) => `blendShape2.${name}1`],
  ];
  test.each(spellings)('finds the shapes by name, %s', (_, spell) => {
    const { rig, mesh } = makeRig({ shapes: [...ARKIT_51, 'tongueOut'].map(spell) });
    const face = new Face(rig);
    expect(face.route).toBe('arkit');
    expect(new Set(Object.values(face.plan.channels))).toEqual(new Set(['shape']));
    show(face, faceOf({ jawOpen: 0.7, eyeBlinkLeft: 1.4, mouthLeft: -0.2, mouthSmileRight: 0.3 }, 5), 5);
    const weight = (name: (typeof ARKIT_51)[number]) => mesh.morphTargetInfluences![CHANNEL[name]];
    expect(weight('jawOpen')).toBeCloseTo(0.7);
    expect(weight('eyeBlinkLeft')).toBe(1);
    expect(weight('mouthLeft')).toBe(0);
    expect(weight('mouthSmileRight')).toBeCloseTo(0.3);
    expect(weight('mouthSmileLeft')).toBe(0);
  });

  test('takes no shape for another', () => {
    const { rig } = makeRig({ shapes: ['openMouth_L', 'Fcl_MTH_A', 'eyesClosed', 'MTH_Left', 'Blink_L'] });
    const { plan } = new Face(rig);
    expect([plan.shapes, plan.route]).toEqual([[], 'none']);
  });

  test('a numbered copy does not move a face twice', () => {
    const { rig, mesh } = makeRig({ shapes: ['jawOpen.001', 'jawOpen', 'eyeBlinkLeft_2'] });
    show(new Face(rig), faceOf({ jawOpen: 0.5, eyeBlinkLeft: 1 }));
    expect(mesh.morphTargetInfluences).toEqual([0, 0.5, 1]);
  });

  test('has a gain for each region, none for blinks and gaze', () => {
    const { rig, mesh } = makeRig({ shapes: [...ARKIT_51] });
    const face = new Face(rig);
    face.gain = { brows: 0.5, mouth: 1.5, jaw: 0 };
    expect(face.gain).toEqual({ brows: 0.5, eyes: 1, cheeks: 1, mouth: 1.5, jaw: 0 });
    show(face, new Float32Array(FACE_CHANNELS).fill(0.6));
    const weight = (name: (typeof ARKIT_51)[number]) => mesh.morphTargetInfluences![CHANNEL[name]];
    expect(weight('browInnerUp')).toBeCloseTo(0.3);
    expect(weight('mouthSmileLeft')).toBeCloseTo(0.9);
    expect(weight('jawOpen')).toBe(0);
    for (const name of ['eyeBlinkLeft', 'eyeLookUpLeft', 'eyeSquintLeft', 'cheekPuff'] as const)
      expect(weight(name), name).toBeCloseTo(0.6);
    face.gain = { mouth: 3 };
    show(face, new Float32Array(FACE_CHANNELS).fill(0.6));
    expect(weight('mouthSmileLeft')).toBe(1);
    expect(weight('jawOpen')).toBeCloseTo(0.6);
  });

  test('drives both halves of a shape that ARKit has whole', () => {
    const { rig, mesh } = makeRig({ shapes: ['browInnerUp_L', 'browInnerUp_R', 'jawOpen'] });
    show(new Face(rig), faceOf({ browInnerUp: 0.5 }));
    expect(mesh.morphTargetInfluences).toEqual([0.5, 0.5, 0]);
  });

  test('uses ARKit expressions where there are no shapes', () => {
    const { rig, values } = makeRig({
      expressions: ARKIT_51.map((name) => name[0]!.toUpperCase() + name.slice(1)),
    });
    const face = new Face(rig);
    expect(face.route).toBe('arkit');
    show(face, faceOf({ jawOpen: 0.5 }));
    expect(values.get('JawOpen')).toBe(0.5);
  });

  test('falls back to vowels and blinks', () => {
    const { rig, values } = makeRig({ expressions: [...VOWELS, 'blinkLeft', 'blinkRight'] });
    const face = new Face(rig);
    expect(face.route).toBe('vowels');
    show(face, faceOf({ jawOpen: 0.6, eyeBlinkLeft: 1 }));
    expect(values.get('aa')).toBeGreaterThan(0.6);
    expect([values.get('blinkLeft'), values.get('blinkRight')]).toEqual([1, 0]);
  });

  test('drives vowels only as far as the own shapes do not show them', () => {
    const { rig, values, mesh } = makeRig({ shapes: ['jawOpen'], expressions: [...VOWELS] });
    const face = new Face(rig);
    expect(face.route).toBe('vowels');
    show(face, faceOf({ jawOpen: 0.6 }));
    expect(mesh.morphTargetInfluences![0]).toBeCloseTo(0.6);
    expect(values.has('aa')).toBe(false);
    show(face, faceOf({ jawOpen: 0.6, mouthFunnel: 1 }));
    expect(values.get('oh')).toBeGreaterThan(0.3);
    expect(values.get('oh')).toBeLessThanOrEqual(0.5);
    const whole = makeRig({ shapes: ARKIT_51, expressions: [...VOWELS, 'happy', 'surprised', 'blink'] });
    show(new Face(whole.rig), faceOf({ jawOpen: 1, mouthFunnel: 1, browInnerUp: 1 }));
    expect(whole.values.size).toBe(0);
  });

  test('lends brows, squints and smiles from the moods, a little of each', () => {
    const moods = ['Surprised', 'angry', 'sad', 'relaxed', 'happy'];
    const { rig, values } = makeRig({ expressions: [...VOWELS, ...moods] });
    const face = new Face(rig);
    const { channels } = face.plan;
    const routes = [
      'browInnerUp',
      'browDownLeft',
      'mouthSmileRight',
      'eyeSquintLeft',
      'eyeBlinkLeft',
    ] as const;
    expect(routes.map((name) => channels[name])).toEqual([...Array(4).fill('synthesised'), 'none']);
    show(face, faceOf({ browInnerUp: 0.5, mouthSmileLeft: 1, mouthSmileRight: 1 }));
    expect(values.get('Surprised')).toBeCloseTo(0.175);
    expect([values.get('relaxed'), values.get('happy'), values.get('sad')]).toEqual([0.5, 0, 0]);
    show(face, new Float32Array(FACE_CHANNELS).fill(1));
    for (const mood of moods) expect(values.get(mood)).toBeLessThanOrEqual(0.5);
  });

  test('smiles by happy, less, where nothing is relaxed', () => {
    const { rig, values } = makeRig({ expressions: ['happy'] });
    show(new Face(rig), faceOf({ mouthSmileLeft: 0.5, mouthSmileRight: 0.5 }));
    expect(values.get('happy')).toBeCloseTo(0.15);
  });

  test('leaves out expressions that do nothing or hinder speech, and says so', () => {
    const { rig } = makeRig({
      expressions: ['aa', 'happy', 'angry'],
      odd: { aa: { binds: [] }, happy: { overrideMouth: 'block' }, angry: { isBinary: true } },
    });
    const { plan } = new Face(rig);
    expect([plan.route, plan.moods, plan.vowels]).toEqual(['none', [], []]);
    for (const name of ['aa', 'happy', 'angry'])
      expect(
        plan.troubles.some((trouble) => trouble.includes(` ${name} `)),
        name,
      ).toBe(true);
  });

  test('blinks with both eyes where the character has one blink', () => {
    const { rig, values } = makeRig({ expressions: ['aa', 'ih', 'ou', 'ee', 'oh', 'blink'] });
    show(new Face(rig), faceOf({ eyeBlinkRight: 0.8 }));
    expect(values.get('blink')).toBeCloseTo(0.8);
  });

  test('falls back to the jaw bone, then to nothing', () => {
    const { rig, nodes } = makeRig({ bones: ['jaw'] });
    const face = new Face(rig);
    expect(face.route).toBe('jaw');
    show(face, faceOf({ jawOpen: 1 }));
    expect(nodes.get('jaw')!.rotation.x).toBeGreaterThan(0.2);
    expect(new Face(makeRig({}).rig).route).toBe('none');
  });

  test('turns the eyes by bones, lids following', () => {
    const { rig, nodes } = makeRig({ shapes: [...ARKIT_51], bones: ['leftEye', 'rightEye'] });
    const face = new Face(rig);
    expect(face.eyes).toBe('bones');
    const weights = faceOf({ eyeLookInLeft: 0.9 });
    face.look(weights, 0, 0.2, -0.3, 0.03);
    expect(nodes.get('leftEye')!.rotation.y).toBeCloseTo(0.17);
    expect(nodes.get('rightEye')!.rotation.y).toBeCloseTo(0.23);
    expect(nodes.get('leftEye')!.rotation.x).toBeCloseTo(0.3);
    expect(weights[CHANNEL.eyeLookDownLeft]).toBeGreaterThan(0.5);
    expect(weights[CHANNEL.eyeLookInLeft]).toBe(0);
  });

  test('turns the eyes by shapes, the two of them outwards and inwards', () => {
    const face = new Face(makeRig({ shapes: [...ARKIT_51] }).rig);
    expect(face.eyes).toBe('shapes');
    const weights = faceOf({});
    face.look(weights, 0, 0.3, 0, 0);
    expect(weights[CHANNEL.eyeLookOutLeft]).toBeCloseTo(0.5);
    expect(weights[CHANNEL.eyeLookInRight]).toBeCloseTo(0.5);
    expect(weights[CHANNEL.eyeLookInLeft]).toBe(0);
  });
});

test('calms the expression and leaves lips and blinks alone', () => {
  const face = faceOf({ browInnerUp: 0.8, mouthSmileLeft: 0.5, jawOpen: 0.6, eyeBlinkLeft: 1 }, 51);
  calmExpression(face, 51, 0.5);
  const at = (name: keyof typeof CHANNEL) => face[51 + CHANNEL[name]];
  expect(at('browInnerUp')).toBeCloseTo(0.4);
  expect(at('mouthSmileLeft')).toBeCloseTo(0.25);
  expect(at('jawOpen')).toBeCloseTo(0.6);
  expect(at('eyeBlinkLeft')).toBe(1);
});

describe('vowels', () => {
  const strongest = (weights: Parameters<typeof faceOf>[0]) => {
    const target = new Float32Array(VOWELS.length);
    vowelsInto(target, faceOf(weights));
    const vowels = target.subarray(0, 5);
    return { name: VOWELS[vowels.indexOf(Math.max(...vowels))], sum: vowels.reduce((a, b) => a + b) };
  };
  test.each([
    ['aa', { jawOpen: 0.7 }],
    ['oh', { jawOpen: 0.6, mouthFunnel: 0.7 }],
    ['ou', { jawOpen: 0.1, mouthPucker: 0.8 }],
    [
      'ee',
      {
        jawOpen: 0.2,
        mouthStretchLeft: 0.6,
        mouthStretchRight: 0.6,
        mouthSmileLeft: 0.5,
        mouthSmileRight: 0.5,
      },
    ],
    ['ih', { jawOpen: 0.1, mouthLowerDownLeft: 0.5, mouthLowerDownRight: 0.5 }],
  ] as const)('says %s', (vowel, weights) => {
    const { name, sum } = strongest(weights);
    expect(name).toBe(vowel);
    expect(sum).toBeLessThanOrEqual(1.0001);
  });

  test('shuts the lips of an open jaw', () => {
    expect(strongest({ jawOpen: 0.3, mouthClose: 0.3 }).sum).toBeCloseTo(0);
  });
});
