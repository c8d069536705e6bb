import { existsSync } from 'node:fs';
import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import { Quaternion, Vector3 } from 'three';
import { beforeAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../../src/engine/backend/wasm.ts';
import { reachInto } from '../../src/engine/body/arm.ts';
import { CLEAR_STATE, Clear } from '../../src/engine/body/clear.ts';
import { Figure, JOINT, OFFSETS_M } from '../../src/engine/body/skeleton.ts';
import { Generator } from '../../src/engine/model/generator.ts';
import { BODY_NUMBERS, FACE_CHANNELS } from '../../src/engine/motion.ts';
import { loadCharacter } from '../../src/engine/stage/character.ts';
import { FULL } from '../../src/engine/stage/puppet.ts';
import { VARIANTS } from '../../tools/characters/variants.ts';
import { addLower, addUpper, bodiesOf, type Mover, sway, walk } from '../bodies.ts';
import { editGlb, type GltfJson } from '../glb.ts';
import { asymmetry, clearance, Subject, watchFeet } from '../retargeting.ts';
import { bytes, golden, model, models, wasmFiles } from './wasm.files.ts';

Object.assign(globalThis, { self: globalThis });
const ROW = 2 * BODY_NUMBERS;

/** Node has no pictures: they are taken out. */
const bare = (file: ArrayBuffer) =>
  editGlb(file, (json) => {
    for (const material of json.materials ?? []) {
      for (const name of Object.keys(material)) if (/texture$/i.test(name)) delete material[name];
      delete material.pbrMetallicRoughness?.baseColorTexture;
      delete material.pbrMetallicRoughness?.metallicRoughnessTexture;
      delete material.extensions;
    }
    for (const list of ['images', 'textures', 'samplers']) delete json[list];
    const { VRM, VRMC_vrm } = json.extensions ?? {};
    if (VRM) {
      VRM.materialProperties = [];
      delete VRM.meta.texture;
    }
    if (VRMC_vrm) delete VRMC_vrm.meta.thumbnailImage;
  });

const SHARED = new URL('../../../shared/data/', import.meta.url);
type Made = readonly [name: string, make: () => ArrayBuffer];
const shared = (name: string): Made[] => {
  const url = new URL(name, SHARED);
  if (existsSync(url)) return [[name.slice(name.indexOf('/') + 1), () => bytes(url.pathname)]];
  console.log(`${name} is not here: what it would show is not tested.`);
  return [];
};

const HOUSE = ['ada', 'bo'] as const;
const CHARACTERS: readonly Made[] = [
  ...HOUSE.map((name): Made => [name, () => model(`${name}.vrm`)]),
  ...shared('motion-mesh2motion/human-male.glb'),
  ...shared('motion-mesh2motion/human-female.glb'),
  ...shared('motion-mesh2motion/rig-human.glb'),
  ...shared('vrm/sphere.vrm'),
  // Each variant of one of the two; what is about flesh, of both.
  ...VARIANTS.flatMap(({ name, make }, k): Made[] =>
    HOUSE.filter((_, who) => who === k % 2 || /^(child|giant|stout)$/.test(name)).map((who) => [
      `${who}, ${name}`,
      () => make(model(`${who}.vrm`)),
    ]),
  ),
];

const subjectOf = async (make: () => ArrayBuffer) => new Subject(await loadCharacter(bare(make())));

const sit: Mover = (f) => {
  f.lower[3] = 0.5;
  for (const side of ['left', 'right'] as const) {
    addLower(f, `${side}UpperLeg`, -1.45);
    addLower(f, `${side}LowerLeg`, 1.45);
  }
};
/** Rolls over the ball of the left foot and back. */
const roll: Mover = (f, _, k) => {
  const heel = 0.3 - 0.3 * Math.cos(k / 12);
  addLower(f, 'leftUpperLeg', -0.5 * heel);
  addLower(f, 'leftLowerLeg', heel);
  addLower(f, 'leftFoot', 0.6 * heel);
};

type Place = readonly [x: number, y: number, z: number];
/** Where wrists go, against the chest of the reference person: [left, right], or the right one alone. */
const REACHES: Readonly<Record<string, readonly [Place | undefined, Place]>> = {
  'at ease': [undefined, [-0.26, -0.36, 0.02]],
  'hands folded': [
    [0.05, -0.14, 0.19],
    [-0.05, -0.14, 0.19],
  ],
  'on the belly': [undefined, [-0.08, -0.16, 0.12]],
  'on the heart': [undefined, [-0.03, 0.03, 0.13]],
  'arms crossed': [
    [-0.1, -0.02, 0.17],
    [0.1, -0.06, 0.14],
  ],
  'on the hip': [undefined, [-0.2, -0.22, 0.02]],
  'at the chin': [undefined, [-0.06, 0.15, 0.14]],
  'at the cheek': [undefined, [-0.1, 0.24, 0.1]],
  'behind the back': [undefined, [-0.06, -0.2, -0.16]],
};

const figure = new Figure();
/** A person at rest whose wrists are where `reach` says, kept off the own body as the generator does. */
function reaching(reach: readonly [Place | undefined, Place], base: Float32Array): Float32Array {
  const body = Float64Array.from(base.subarray(base.length - ROW, base.length - ROW + BODY_NUMBERS));
  const clear = new Clear(new Float64Array(CLEAR_STATE));
  for (let again = 0; again < 12; again++) {
    for (const [arm, place] of reach.entries()) {
      if (!place) continue;
      figure.pose(body, 0);
      const chest = figure.positions.subarray(3 * JOINT.upperChest);
      const world = new Vector3(...place)
        .applyQuaternion(new Quaternion().fromArray(figure.rotations, 4 * JOINT.upperChest))
        .add(new Vector3(chest[0], chest[1], chest[2]));
      reachInto(body, 0, figure, arm, Float64Array.from(world.toArray()));
    }
    clear.apply(body, 0);
  }
  return Float32Array.from(body);
}

const standing = bodiesOf(() => undefined, 60);
const swaying = bodiesOf(sway, 180);
const walking = bodiesOf(walk(0.8), 150, { preset: 'side-by-side' });
const rolling = bodiesOf(roll, 210);
const seated = bodiesOf(sit, 60);
/** Six seconds of what the networks make of speech. */
let talk = new Float32Array();

beforeAll(async () => {
  const conditions = { style: [0, 1], facing: [1, 1], emotion: [0, 5], action: [0, 0], relationship: 2 };
  const sampler = { steps: 4, eta: 0, seed: 3 };
  const backend = await WasmBackend.open(models, wasmFiles(), { sampler, conditions }, 'test');
  const generator = new Generator(backend, models.encoder.lookahead, 4);
  const mel = golden('speech-encoder')('mel');
  const rows = mel.shape[0]!;
  const bodies: Float32Array[] = [];
  for (let n = 0; n < 190; n++) {
    const frame = await generator.tick(mel.row(n % rows).slice());
    if (frame?.body) bodies.push(Float32Array.from(frame.body));
  }
  backend.dispose();
  talk = new Float32Array(bodies.length * ROW);
  for (const [k, body] of bodies.entries()) talk.set(body, k * ROW);
}, 180_000);

const homeOf = (bodies: Float32Array, p: number) => ({
  x: bodies[p * BODY_NUMBERS]!,
  z: bodies[p * BODY_NUMBERS + 2]!,
  yaw: bodies[p * BODY_NUMBERS + 3]!,
});

const table: Record<string, Record<string, string>> = {};
const mm = (metres: number) => (Number.isFinite(metres) ? (1000 * metres).toFixed(0) : '–');

describe.each(CHARACTERS)('%s', { timeout: 60_000 }, (name, make) => {
  // A sphere has neither hands nor feet, and a bare rig no skin.
  const hasFlesh = !/sphere|rig/.test(name);
  let subject: Subject;
  beforeAll(async () => {
    subject = await subjectOf(make);
    table[name] = { scale: subject.scale.toFixed(2) };
  }, 60_000);

  test('feet stand on the floor and stay where they stand, knees bend forwards', () => {
    const runs = {
      sway: watchFeet(subject, swaying, 60, 3),
      walk: watchFeet(subject, walking, 60),
      roll: watchFeet(subject, rolling, 60, 2),
      sit: watchFeet(subject, seated, 50, 5),
      talk: watchFeet(subject, talk, 45, 3),
    };
    for (const [run, seen] of Object.entries(runs)) {
      table[name]![`${run}: sole mm, slide mm/s`] = hasFlesh
        ? `${mm(seen.lowest)}…${mm(Math.max(...seen.standing))}, ${mm(seen.slideMost)}`
        : `–, ${mm(seen.slideMost)}`;
      expect(seen.slideMost, `${run}: slide`).toBeLessThan(0.01);
      expect(seen.knee, `${run}: knee`).toBeGreaterThan(0.05);
      if (!hasFlesh) continue;
      expect(seen.lowest, `${run}: lowest`).toBeGreaterThan(-0.01);
      if (seen.standing[0] > seen.standing[1]) continue;
      expect(seen.standing[0], `${run}: standing`).toBeGreaterThan(-0.015);
      expect(seen.standing[1], `${run}: standing`).toBeLessThan(0.015);
    }
    // The measure has seen feet that stand, in every motion.
    for (const [run, { planted }] of Object.entries(runs)) expect(planted, run).toBeGreaterThan(1);
  });

  test('hips are as high and go as far as legs are long', () => {
    const { scale } = subject;
    subject.show(walking, 60 * ROW);
    const from = subject.place('hips');
    subject.show(walking, 140 * ROW);
    const to = subject.place('hips');
    const [a, b] = [60, 140].map((k) => walking.subarray(k * ROW, k * ROW + 4));
    const way = Math.hypot(b![0]! - a![0]!, b![2]! - a![2]!);
    expect(Math.hypot(to.x - from.x, to.z - from.z) / way / scale).toBeCloseTo(1, 2);
    const heights = [standing, seated].map((bodies) => {
      subject.show(bodies, bodies.length - ROW);
      const hipJoint = (subject.place('leftUpperLeg').y + subject.place('rightUpperLeg').y) / 2;
      const ankle = (subject.place('leftFoot').y + subject.place('rightFoot').y) / 2;
      figure.pose(bodies, bodies.length - ROW);
      const own = figure.positions;
      return (hipJoint - ankle) / (own[3 * JOINT.leftUpperLeg + 1]! - own[3 * JOINT.leftFoot + 1]!) / scale;
    });
    for (const height of heights) expect(height).toBeCloseTo(1, 1);
  });

  test.each(Object.keys(REACHES))('a hand %s: mirrored alike, not in the body', (place) => {
    for (const base of [standing, seated]) {
      const body = reaching(REACHES[place]!, base);
      const apart = asymmetry(subject, body, 0);
      expect(apart, 'mirrored').toBeLessThan(0.02);
      subject.show(body, 0);
      for (const [bone, at] of subject.places()) expect(at.toArray().every(Number.isFinite), bone).toBe(true);
      if (!hasFlesh) continue;
      const { trunk, head } = clearance(subject);
      table[name]![`${place}${base === seated ? ', seated' : ''} mm`] = `${mm(trunk)}/${mm(head)}`;
      expect(trunk, 'trunk').toBeGreaterThan(-0.004 * Math.max(1, subject.scale));
      expect(head, 'head').toBeGreaterThan(-0.004 * Math.max(1, subject.scale));
    }
  });

  test('in a talk hands stay out of the body and do not jump', () => {
    let [trunk, head, jump] = [1, 1, 0];
    for (let p = 0; p < 2; p++) {
      const before = [new Vector3(), new Vector3()];
      const meantBefore = [new Vector3(), new Vector3()];
      for (let k = 45; k < talk.length / ROW; k++) {
        const at = k * ROW + p * BODY_NUMBERS;
        subject.show(talk, at, FULL, homeOf(talk, p));
        figure.pose(talk, at);
        for (const [arm, bone] of (['leftHand', 'rightHand'] as const).entries()) {
          const here = subject.place(bone);
          const meant = new Vector3().fromArray(figure.positions, 3 * JOINT[bone]);
          const scale = Math.max(0.6, subject.scale);
          if (k > 45)
            jump = Math.max(
              jump,
              here.distanceTo(before[arm]!) / scale - 2 * meant.distanceTo(meantBefore[arm]!),
            );
          before[arm]!.copy(here);
          meantBefore[arm]!.copy(meant);
        }
        if (!hasFlesh || k % 10 !== p) continue;
        const seen = clearance(subject);
        trunk = Math.min(trunk, seen.trunk);
        head = Math.min(head, seen.head);
      }
    }
    table[name]!['talk mm, jump'] = `${mm(trunk)}/${mm(head)}, ${mm(jump)}`;
    if (!/sphere/.test(name)) expect(jump).toBeLessThan(0.015);
    if (hasFlesh) expect(Math.min(trunk, head)).toBeGreaterThan(-0.004 * Math.max(1, subject.scale));
  });
});

test('the measures, if asked for', () => {
  if (process.env.RETARGET_TABLE) console.log(JSON.stringify(table, null, 1));
  expect(Object.keys(table).length).toBe(CHARACTERS.length);
});

/** Directions of all bones from the one they hang on, in the world. */
function directions(subject: Subject): Map<string, Vector3> {
  const { humanoid } = subject.character.vrm;
  const out = new Map<string, Vector3>();
  for (const bone of subject.character.report().bones.present) {
    const node = humanoid.getNormalizedBoneNode(bone)!;
    const [to, from] = [node, node.parent!].map((at) => at.getWorldPosition(new Vector3()));
    if (bone !== 'hips' && to!.distanceTo(from!) > 0.01) out.set(bone, to!.sub(from!).normalize());
  }
  return out;
}

describe('rests', () => {
  const arms: Mover = (f, _, k) => {
    addUpper(f, 'leftUpperArm', 0.2, -0.4, 1 + Math.sin(k / 9));
    addUpper(f, 'rightLowerArm', 0, 0.7 + 0.4 * Math.sin(k / 7), 0);
  };
  const moving = bodiesOf(arms, 60);

  test.each(['A-pose', 'A-pose, bones unturned', 'VRM 0.x'])('%s: the pose of the T-pose', async (name) => {
    const whole = await subjectOf(() => model('ada.vrm'));
    const other = await subjectOf(() => VARIANTS.find((v) => v.name === name)!.make(model('ada.vrm')));
    for (let k = 20; k < 60; k += 8) {
      for (const subject of [whole, other]) subject.show(moving, k * ROW);
      const there = directions(other);
      for (const [bone, way] of directions(whole))
        expect((there.get(bone)!.angleTo(way) * 180) / Math.PI, `${bone} in frame ${k}`).toBeLessThan(1);
    }
  });
});

describe('eyes', () => {
  const EYES = {
    ada: 'bones',
    'VRM 0.x': 'bones',
    'looks by expressions': 'expressions',
    'looks by shapes': 'shapes',
  };
  test.each(Object.entries(EYES))('%s: by %s, to where they are asked', async (name, route) => {
    const variant = VARIANTS.find((v) => v.name === name);
    const { character } = await subjectOf(() =>
      variant ? variant.make(model('ada.vrm')) : model('ada.vrm'),
    );
    expect(character.report().eyes).toBe(route);
    const { humanoid, expressionManager, scene, lookAt } = character.vrm;
    const eye = humanoid.getRawBoneNode('leftEye');
    const before = eye?.getWorldQuaternion(new Quaternion());
    const weights = new Float32Array(FACE_CHANNELS);
    const [yawRad, pitchRad] = [0.25, 0.15];
    character.face.look(weights, 0, yawRad, pitchRad, 0);
    character.update(0, weights, 0);
    scene.updateMatrixWorld(true);
    if (route === 'bones') {
      const turn = eye!.getWorldQuaternion(new Quaternion()).multiply(before!.invert());
      const way = new Vector3(0, 0, 1).applyQuaternion(turn);
      const { rangeMapHorizontalOuter: outer, rangeMapVerticalUp: up } = lookAt!.applier as never as {
        rangeMapHorizontalOuter: { map: (deg: number) => number };
        rangeMapVerticalUp: { map: (deg: number) => number };
      };
      const degree = Math.PI / 180;
      expect(Math.atan2(way.x, way.z)).toBeCloseTo(degree * outer.map(yawRad / degree), 3);
      expect(Math.asin(way.y)).toBeCloseTo(degree * up.map(pitchRad / degree), 3);
      expect(way.x).toBeGreaterThan(0.15);
    } else if (route === 'expressions') {
      expect(expressionManager!.getValue('lookLeft')).toBeCloseTo((yawRad * 180) / Math.PI / 40, 3);
      expect(expressionManager!.getValue('lookUp')).toBeGreaterThan(0.1);
      expect(expressionManager!.getValue('lookRight')).toBe(0);
    } else {
      const shown = character.face.plan.shapes.find(({ channel }) => weights[channel]! > 0.4);
      expect(shown).toBeDefined();
      expect(shown!.mesh.morphTargetInfluences![shown!.index]).toBeGreaterThan(0.4);
    }
  });
});

test('without any one bone that a VRM need not have, nothing is lost but that', {
  timeout: 60_000,
}, async () => {
  const rig = editGlb(model('ada.vrm'), (json) => {
    for (const node of json.nodes) for (const name of ['mesh', 'skin']) delete node[name];
    for (const name of ['meshes', 'skins', 'materials', 'images', 'textures', 'samplers']) delete json[name];
    delete json.extensions.VRMC_vrm.expressions;
    delete json.extensions.VRMC_vrm.firstPerson;
  });
  const optional = [...(await subjectOf(() => rig)).places().keys()].filter((bone) =>
    /^(chest|upperChest|neck|jaw)$|Shoulder|Toes|Eye|Thumb|Index|Middle|Ring|Little/.test(bone),
  );
  expect(optional.length).toBeGreaterThan(35);
  for (const bone of optional) {
    const subject = await subjectOf(() =>
      editGlb(rig, (json: GltfJson) => {
        delete json.extensions.VRMC_vrm.humanoid.humanBones[bone];
      }),
    );
    subject.show(swaying, 100 * ROW);
    const places = subject.places();
    expect(places.has(bone as VRMHumanBoneName)).toBe(false);
    for (const [other, at] of places)
      expect(at.toArray().every(Number.isFinite), `${other} without ${bone}`).toBe(true);
    expect(places.get('leftHand')!.y).toBeLessThan(places.get('leftUpperArm')!.y - 0.3);
  }
});

test('arms reach in proportion', async () => {
  const [child, giant] = await Promise.all(
    ['child', 'giant'].map((name) =>
      subjectOf(() => VARIANTS.find((v) => v.name === name)!.make(model('ada.vrm'))),
    ),
  );
  const body = reaching([undefined, [-0.3, 0.1, 0.35]], standing);
  figure.pose(body, 0);
  const reachOf = (places: { hand: Vector3; shoulder: Vector3 }) => places.hand.distanceTo(places.shoulder);
  const meant = reachOf({
    hand: new Vector3().fromArray(figure.positions, 3 * JOINT.rightHand),
    shoulder: new Vector3().fromArray(figure.positions, 3 * JOINT.rightUpperArm),
  });
  for (const subject of [child!, giant!]) {
    subject.show(body, 0);
    const [hand, shoulder, elbow] = ['rightHand', 'rightUpperArm', 'rightLowerArm'].map((bone) =>
      subject.place(bone),
    );
    const arm = elbow!.distanceTo(shoulder!) + elbow!.distanceTo(hand!);
    const own = OFFSETS_M[3 * JOINT.leftLowerArm]! + OFFSETS_M[3 * JOINT.leftHand]!;
    expect(reachOf({ hand: hand!, shoulder: shoulder! }) / arm).toBeCloseTo(meant / own, 1);
  }
});
