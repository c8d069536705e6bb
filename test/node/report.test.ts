import { Object3D } from 'three';
import { describe, expect, test } from 'vitest';
import { ARKIT_51 } from '../../src/engine/motion.ts';
import { type FaceRig, planFace } from '../../src/engine/stage/channels.ts';
import { licenceOf } from '../../src/engine/stage/licence.ts';
import { ARKIT_52 } from '../../src/engine/stage/names.ts';
import { type ReportParts, reportOf } from '../../src/engine/stage/report.ts';
import { HUMANOID } from '../../tools/characters/vrm.ts';

const reportFor = (
  lacks: RegExp,
  shapes: readonly string[] = ARKIT_52,
  expressions: readonly string[] = [],
) => {
  const nodes = new Map(HUMANOID.filter((name) => !lacks.test(name)).map((name) => [name, new Object3D()]));
  const scene = new Object3D();
  Object.assign(scene, { morphTargetDictionary: Object.fromEntries(shapes.map((name, i) => [name, i])) });
  const rig = {
    scene,
    expressionManager: { expressionMap: Object.fromEntries(expressions.map((e) => [e, { binds: [{}] }])) },
    humanoid: { getNormalizedBoneNode: (name: string) => nodes.get(name) ?? null },
  } as unknown as FaceRig;
  return reportOf({
    name: 'someone.vrm',
    kind: 'vrm1',
    vrm: { ...rig, meta: { metaVersion: '1', name: 'Someone', authors: [], licenseUrl: '' } },
    plan: planFace(rig),
    asset: undefined,
  } as unknown as ReportParts);
};

describe('a report', () => {
  test('has no warning where nothing is missing, nor for what has no consequence', () => {
    expect(reportFor(/^$/).warnings).toEqual([]);
    expect(reportFor(/jaw/, ARKIT_51).warnings).toEqual([]);
    expect(reportFor(/jaw/, ARKIT_51).face.missing).toEqual(['tongueOut']);
    expect(reportFor(/Eye$/).warnings).toEqual([]);
  });

  test.each<[string, RegExp, RegExp]>([
    ['toes', /Toes/, /^no leftToes or rightToes: feet roll without them$/],
    ['one shoulder', /rightShoulder/, /^no rightShoulder: the right arm turns without the shoulder rising$/],
    ['a neck', /neck/, /^no neck: /],
    ['an upper chest', /upperChest/, /^no upperChest: the trunk bends in two places/],
    ['a chest', /hest/, /^no chest or upperChest: the trunk bends in one place/],
    ['the end of a finger', /leftLittleDistal/, /^no leftLittleDistal: these parts of the left hand/],
    ['the fingers of a hand', /right(Thumb|Index|Middle|Ring|Little)/, /right hand neither opens nor closes/],
  ])('without %s says so, and nothing else', (_, lacks, warning) => {
    expect(reportFor(lacks).warnings).toEqual([expect.stringMatching(warning)]);
  });

  test('says how each of the 52 channels is shown', () => {
    const shapes = ['jawOpen', 'mouthSmileLeft', 'mouthSmileRight'];
    const { face, warnings } = reportFor(/^jaw$/, shapes, ['ou', 'Surprised', 'blink', 'TongueOut']);
    expect(Object.keys(face.channels)).toEqual([...ARKIT_52]);
    expect(face.channels).toMatchObject({
      jawOpen: 'shape',
      mouthSmileLeft: 'shape',
      tongueOut: 'expression',
      mouthPucker: 'synthesised',
      browInnerUp: 'synthesised',
      eyeBlinkLeft: 'synthesised',
      eyeLookUpLeft: 'bone',
      browDownLeft: 'none',
    });
    expect(warnings[0]).toMatch(/mouthPucker.*stand in for them/);
    expect(warnings[1]).toMatch(/browDownLeft\/Right.*not seen/);
    expect(warnings[2]).toMatch(/eyeLookUpLeft\/Right: the lids do not follow/);
  });

  test('of a face that cannot speak or see says that', () => {
    const none = reportFor(/jaw|Eye/, []);
    expect([none.face.route, none.eyes]).toEqual(['none', 'none']);
    const said = none.warnings.join('\n');
    expect(said).toMatch(/the mouth does not speak/);
    expect(said).toMatch(/the eyes do not close/);
    expect(said).toMatch(/no leftEye or rightEye bone.*only the head follows/);
    const jaw = reportFor(/Eye/, []);
    expect(jaw.face.channels.jawOpen).toBe('bone');
    expect(jaw.warnings[0]).toMatch(/the jaw bone opens the mouth/);
  });
});

describe('a licence', () => {
  test('of VRM 0.x', () => {
    const meta = { metaVersion: '0', title: 'Zero', author: 'A', licenseName: 'CC_BY_ND' } as const;
    expect(licenceOf('vrm0', { ...meta, allowedUserName: 'OnlyAuthor' }, undefined)).toEqual({
      title: 'Zero',
      authors: ['A'],
      name: 'CC_BY_ND',
      url: null,
      allowedUsers: 'author',
      credit: 'required',
      modification: 'prohibited',
    });
  });

  test('of VRM 1.0', () => {
    const meta = {
      metaVersion: '1',
      name: 'One',
      authors: ['A', 'B'],
      licenseUrl: 'https://vrm.dev/l/',
    } as const;
    expect(
      licenceOf('vrm1', { ...meta, authors: ['A', 'B'], creditNotation: 'required' }, undefined),
    ).toEqual({
      title: 'One',
      authors: ['A', 'B'],
      name: null,
      url: 'https://vrm.dev/l/',
      allowedUsers: null,
      credit: 'required',
      modification: null,
    });
  });

  test('of a plain GLB, as Sketchfab writes it, or none', () => {
    const meta = { metaVersion: '1', name: '', authors: [], licenseUrl: '' } as const;
    const extras = {
      title: 'Robot',
      author: 'C',
      license: 'CC-BY-4.0 (http://creativecommons.org/licenses/by/4.0/)',
    };
    expect(licenceOf('glb', { ...meta, authors: [] }, { extras })).toMatchObject({
      title: 'Robot',
      authors: ['C'],
      url: 'http://creativecommons.org/licenses/by/4.0/',
    });
    const nothing = licenceOf('glb', { ...meta, authors: [] }, undefined);
    expect(new Set(Object.values(nothing))).toEqual(new Set([null]));
  });
});
