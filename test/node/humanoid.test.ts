import { existsSync, readFileSync } from 'node:fs';
import { Bone, Group, type Object3D, Quaternion, Vector3 } from 'three';
import { describe, expect, test } from 'vitest';
import { placementOf } from '../../src/engine/body/placement.ts';
import { BODY_NUMBERS } from '../../src/engine/motion.ts';
import { Character, loadCharacter } from '../../src/engine/stage/character.ts';
import { findBones, makeHumanoid } from '../../src/engine/stage/humanoid.ts';
import { boneOf } from '../../src/engine/stage/names.ts';
import { FULL, Puppet } from '../../src/engine/stage/puppet.ts';
import { addUpper, bodiesOf } from '../bodies.ts';

describe('names of bones', () => {
  test.each([
    ['mixamorig:Hips', 'hips'],
    ['mixamorigLeftArm', 'leftUpperArm'],
    ['mixamorig7:RightForeArm', 'rightLowerArm'],
    ['Guy_mixamorig:LeftUpLeg', 'leftUpperLeg'],
    ['LeftLeg', 'leftLowerLeg'],
    ['LeftToeBase', 'leftToes'],
    ['LeftHandIndex1', 'leftIndexProximal'],
    ['RightHandThumb3', 'rightThumbDistal'],
    ['upperarm_l', 'leftUpperArm'],
    ['lowerarm_r', 'rightLowerArm'],
    ['pinky_02_r', 'rightLittleIntermediate'],
    ['ball_l', 'leftToes'],
    ['J_Bip_L_UpperArm', 'leftUpperArm'],
    ['DEF-forearm.L', 'leftLowerArm'],
    ['leftThumbMetacarpal', 'leftThumbMetacarpal'],
    ['pelvis', 'hips'],
    ['neck_01', 'neck'],
  ])('%s is %s', (name, bone) => expect(boneOf(name)).toBe(bone));

  test.each([
    'ik_hand_l',
    'lowerarm_twist_01_l',
    'head_leaf',
    'HeadTop_End',
    'LeftHandIndex4',
    'ball_leaf_r',
    'Armature',
    'root',
  ])('%s is no bone of a human', (name) => expect(boneOf(name)).toBeUndefined());
});

type Rest = {
  armRad?: number;
  legRad?: number;
  palmsAhead?: boolean;
  lacks?: readonly string[];
  root?: Object3D;
};

/** A Mixamo rig without skin, 1.7 m tall, facing +Z: arms `armRad` under the horizontal, legs spread by `legRad`. */
function mixamo({ armRad = 0, legRad = 0, palmsAhead = false, lacks = [], root = new Group() }: Rest = {}) {
  const scene = new Group();
  scene.add(root);
  const nodes = new Map<string, Object3D>();
  const add = (name: string, parent: string, x: number, y: number, z: number) => {
    if (lacks.includes(name)) return;
    const bone = new Bone();
    bone.name = `mixamorig${name}`;
    bone.userData.name = `mixamorig:${name}`;
    bone.position.set(x, y, z);
    // Bones of real files are turned any way; what counts is where they stand.
    (nodes.get(parent) ?? root).add(bone);
    nodes.set(name, bone);
  };
  add('Hips', '', 0, 0.95, 0);
  add('Spine', 'Hips', 0, 0.1, 0);
  add('Spine1', 'Spine', 0, 0.12, 0);
  add('Spine2', 'Spine1', 0, 0.12, 0);
  add('Neck', 'Spine2', 0, 0.16, 0);
  add('Head', 'Neck', 0, 0.09, 0.01);
  for (const [side, s] of [
    ['Left', 1],
    ['Right', -1],
  ] as const) {
    const along = (length: number): [number, number, number] => [
      s * length * Math.cos(armRad),
      -length * Math.sin(armRad),
      0,
    ];
    add(`${side}Shoulder`, 'Spine2', 0.05 * s, 0.12, 0);
    add(`${side}Arm`, `${side}Shoulder`, 0.12 * s, 0, 0);
    add(`${side}ForeArm`, `${side}Arm`, ...along(0.27));
    add(`${side}Hand`, `${side}ForeArm`, ...along(0.25));
    for (const [f, finger] of ['Index', 'Middle', 'Ring', 'Pinky'].entries()) {
      const [x, y] = along(0.09);
      const across = 0.03 - 0.02 * f;
      const [outM, upM] = palmsAhead ? [s * across * Math.sin(armRad), across * Math.cos(armRad)] : [0, 0];
      add(`${side}Hand${finger}1`, `${side}Hand`, x + outM, y + upM, palmsAhead ? 0 : across);
    }
    const [legX, legY] = [Math.sin(legRad) * s, -Math.cos(legRad)];
    add(`${side}UpLeg`, 'Hips', 0.09 * s, -0.05, 0);
    add(`${side}Leg`, `${side}UpLeg`, 0.42 * legX, 0.42 * legY, 0);
    add(`${side}Foot`, `${side}Leg`, 0.4 * legX, 0.4 * legY, 0);
    add(`${side}ToeBase`, `${side}Foot`, 0, -0.06, 0.13);
  }
  return { scene, nodes };
}

const makeCharacter = (rest: Rest = {}) =>
  new Character(makeHumanoid(mixamo(rest).scene, 'guy.glb'), 'guy.glb', 'glb', undefined);

const place = (character: Character, bone: string) => {
  character.vrm.scene.updateMatrixWorld(true);
  return character.vrm.humanoid.getRawBoneNode(bone as 'hips')!.getWorldPosition(new Vector3());
};

const turned = (x: number, y: number, z: number, scale = 1, at = [0, 0, 0]) => {
  const root = new Group();
  root.rotation.set(x, y, z);
  root.scale.setScalar(scale);
  root.position.fromArray(at);
  return root;
};

describe('a plain model', () => {
  test('finds the humanoid of a Mixamo rig', () => {
    const bones = findBones(mixamo().scene);
    const at = (name: string) => bones.get(name as 'hips')?.userData.name;
    expect(['spine', 'chest', 'upperChest', 'neck'].map(at)).toEqual([
      'mixamorig:Spine',
      'mixamorig:Spine1',
      'mixamorig:Spine2',
      'mixamorig:Neck',
    ]);
    expect(at('leftUpperArm')).toBe('mixamorig:LeftArm');
    expect(at('rightLittleProximal')).toBe('mixamorig:RightHandPinky1');
  });

  test('finds a shorter and a longer spine', () => {
    expect(findBones(mixamo({ lacks: ['Spine1'] }).scene).has('upperChest')).toBe(false);
    const { scene, nodes } = mixamo();
    const more = new Bone();
    nodes.get('Spine1')!.add(more);
    more.add(nodes.get('Spine2')!);
    expect(findBones(scene).get('upperChest')).toBe(nodes.get('Spine2'));
  });

  test.each<[string, Rest]>([
    ['in T-pose', {}],
    ['in A-pose', { armRad: 0.8, legRad: 0.25 }],
    ['with hanging arms and palms ahead', { armRad: 1.45, palmsAhead: true }],
    ['facing −Z', { root: turned(0, Math.PI, 0) }],
    ['facing +X', { root: turned(0, Math.PI / 2, 0) }],
    ['with +Z up', { root: turned(Math.PI / 2, 0, 0) }],
    ['in centimetres, far from the origin', { root: turned(0, 0, 0, 100, [300, -80, 120]) }],
    ['in A-pose, in centimetres, facing −Z', { armRad: 0.7, root: turned(0, Math.PI, 0, 100) }],
  ])('stands %s: upright in metres, facing +Z, in T-pose', (_, rest) => {
    const character = makeCharacter(rest);
    expect(character.report()).toMatchObject({ kind: 'glb', name: 'guy.glb' });
    const at = (bone: string) => place(character, bone);
    expect(at('head').y).toBeGreaterThan(1.3);
    expect(at('head').y).toBeLessThan(1.6);
    expect(at('leftFoot').y).toBeCloseTo(at('rightFoot').y, 4);
    expect(at('leftFoot').x).toBeGreaterThan(0.05);
    expect(at('leftToes').z - at('leftFoot').z).toBeCloseTo(0.13, 2);
    for (const [side, s] of [
      ['left', 1],
      ['right', -1],
    ] as const) {
      const shoulder = at(`${side}UpperArm`);
      const hand = at(`${side}Hand`);
      expect(hand.clone().sub(shoulder).x).toBeCloseTo(0.52 * s, 3);
      expect(Math.abs(hand.y - shoulder.y)).toBeLessThan(1e-3);
      expect(at(`${side}IndexProximal`).z - at(`${side}LittleProximal`).z).toBeCloseTo(0.06, 3);
    }
    // Normalised bones are unturned, and turn the same way in every file.
    expect(character.bone('leftUpperArm')!.getWorldQuaternion(new Quaternion()).w).toBeCloseTo(1);
    character.bone('leftUpperArm')!.rotation.z = -Math.PI / 2;
    character.vrm.update(0);
    expect(at('leftHand').y).toBeCloseTo(at('leftUpperArm').y - 0.52, 3);
    expect(at('leftHand').x).toBeCloseTo(at('leftUpperArm').x, 3);
  });

  test('moves as a body frame says', () => {
    const bodies = bodiesOf((f) => addUpper(f, 'leftUpperArm', 0, 0, 1.9), 60);
    const places = [{}, { armRad: 0.8, legRad: 0.25, root: turned(0, Math.PI, 0, 100) }].map((rest) => {
      const character = makeCharacter(rest);
      const puppet = new Puppet(character);
      puppet.apply(bodies, 59 * 2 * BODY_NUMBERS, placementOf('vis-a-vis')[0], 1, 0, FULL);
      character.vrm.update(0);
      return ['leftHand', 'rightHand', 'leftFoot', 'rightFoot', 'head'].map((bone) => place(character, bone));
    });
    for (const [i, at] of places[0]!.entries())
      expect(at.distanceTo(places[1]![i]!), `bone ${i}`).toBeLessThan(0.03);
    expect(places[0]![0]!.y).toBeGreaterThan(1.4); // the arm is up
    expect(places[0]![1]!.y).toBeLessThan(1.1);
  });

  test('says what it found and what it lacks when it is no humanoid', () => {
    const { scene } = mixamo({ lacks: ['LeftForeArm', 'RightUpLeg'] });
    expect(() => makeHumanoid(scene, 'chair.glb')).toThrow(
      expect.objectContaining({
        kind: 'asset',
        message: expect.stringMatching(
          /chair\.glb.*has hips, spine, head.*lacks .*leftLowerArm.*rightUpperLeg/,
        ),
        hint: expect.stringMatching(/VRM 1\.0/),
      }),
    );
    expect(() => makeHumanoid(new Group(), 'chair.glb')).toThrow(/it has none/);
  });
});

const M2M = new URL('../../../shared/data/motion-mesh2motion/', import.meta.url);
const there = existsSync(M2M);
if (!there) console.log('Mesh2Motion bodies are not here: what they would show is not tested.');

describe.skipIf(!there)('Mesh2Motion', () => {
  test('a skinned body stands and moves as a body frame says', async () => {
    const { buffer } = new Uint8Array(readFileSync(new URL('human-female.glb', M2M)));
    Object.assign(globalThis, { self: globalThis });
    const character = await loadCharacter(buffer);
    const { kind, bones, face, warnings } = character.report();
    expect([kind, face.route]).toEqual(['glb', 'none']);
    expect(bones.missing).toEqual(['leftEye', 'rightEye', 'jaw']);
    expect(warnings.join('\n')).toMatch(/the mouth does not speak/);
    expect(place(character, 'head').y).toBeCloseTo(1.57, 1);
    expect(place(character, 'leftFoot').y).toBeGreaterThan(0.05);
  });
});
