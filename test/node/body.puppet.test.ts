import { Object3D, Quaternion, Vector3 } from 'three';
import { describe, expect, test } from 'vitest';
import { placementOf } from '../../src/engine/body/placement.ts';
import { EXP_AT, Figure, JOINT } from '../../src/engine/body/skeleton.ts';
import { BODY_NUMBERS, UPPER_JOINTS } from '../../src/engine/motion.ts';
import type { Character } from '../../src/engine/stage/character.ts';
import { Life } from '../../src/engine/stage/life.ts';
import { Pose } from '../../src/engine/stage/pose.ts';
import { CALM, FULL, Puppet, STILL } from '../../src/engine/stage/puppet.ts';
import { addUpper, bodiesOf, type Mover, sway, walk } from '../bodies.ts';

const ROW = 2 * BODY_NUMBERS;
const HOME = placementOf('vis-a-vis')[0];

type Build = {
  legs?: number;
  shoulders?: number;
  arms?: number;
  lacks?: readonly string[];
  minusZ?: boolean;
};

/** The bones of a character of other proportions than the reference person's; a VRM 0.x one faces −Z and is turned. */
function makeCharacter({ legs = 1, shoulders = 1, arms = 1, lacks = [], minusZ = false }: Build = {}) {
  const scene = new Object3D();
  const bones = new Map<string, Object3D>();
  const add = (name: string, parent: string, x: number, y: number, z: number) => {
    let from = parent;
    let [dx, dy, dz] = [x, y, z];
    const missing = lacks.includes(from) ? pending.get(from) : undefined;
    if (missing) {
      from = missing.parent;
      [dx, dy, dz] = [dx + missing.x, dy + missing.y, dz + missing.z];
    }
    if (lacks.includes(name)) {
      pending.set(name, { parent: from, x: dx, y: dy, z: dz });
      return;
    }
    const bone = new Object3D();
    bone.position.set(minusZ ? -dx : dx, dy, minusZ ? -dz : dz);
    (bones.get(from) ?? scene).add(bone);
    bones.set(name, bone);
  };
  const pending = new Map<string, { parent: string; x: number; y: number; z: number }>();
  add('hips', '', 0, 0.08 + 0.82 * legs + 0.04, 0);
  add('spine', 'hips', 0, 0.09, -0.008);
  add('chest', 'spine', 0, 0.13, -0.004);
  add('upperChest', 'chest', 0, 0.14, -0.004);
  add('neck', 'upperChest', 0, 0.19, 0);
  add('head', 'neck', 0, 0.08, 0.01);
  for (const [side, s] of [
    ['left', 1],
    ['right', -1],
  ] as const) {
    add(`${side}Shoulder`, 'upperChest', 0.03 * s, 0.13, 0);
    add(`${side}UpperArm`, `${side}Shoulder`, 0.14 * shoulders * s, 0, 0);
    add(`${side}LowerArm`, `${side}UpperArm`, 0.27 * arms * s, 0, -0.002);
    add(`${side}Hand`, `${side}LowerArm`, 0.25 * arms * s, 0, 0.004);
    add(`${side}IndexProximal`, `${side}Hand`, 0.09 * s, 0, 0.02);
    add(`${side}UpperLeg`, 'hips', 0.086 * s, -0.04, 0);
    add(`${side}LowerLeg`, `${side}UpperLeg`, -0.002 * s, -0.42 * legs, 0.004);
    add(`${side}Foot`, `${side}LowerLeg`, -0.002 * s, -0.4 * legs, -0.022);
    add(`${side}Toes`, `${side}Foot`, 0, -0.06, 0.13);
  }
  if (minusZ) scene.rotation.y = Math.PI;
  const character = {
    facesMinusZ: minusZ,
    hipHeightM: 0.94,
    vrm: { scene, humanoid: { humanBones: {} } },
    bone: (name: string) => bones.get(name) ?? null,
  } as unknown as Character;
  const place = (name: string) => {
    scene.updateMatrixWorld(true);
    return bones.get(name)!.getWorldPosition(new Vector3());
  };
  return { character, place, bones };
}

/** Lives through a motion and measures the slide of standing feet as {@link measureBodies} does. */
function liveThrough(build: Build, bodies: Float32Array, from = 0) {
  const { character, place } = makeCharacter(build);
  const floor = place('leftToes').y;
  const puppet = new Puppet(character);
  const before = [new Vector3(), new Vector3()];
  let slide = 0;
  let weights = 0;
  let lowest = 1;
  for (let k = from; k < bodies.length / ROW; k++) {
    puppet.apply(bodies, k * ROW, HOME, 1, 0, FULL);
    for (const [foot, name] of ['leftToes', 'rightToes'].entries()) {
      const at = place(name);
      const height = at.y - floor;
      const weight = 2 - 2 ** Math.min(1, Math.max(0, height / 0.025));
      lowest = Math.min(lowest, height);
      if (k > from) {
        slide += weight * Math.hypot(at.x - before[foot].x, at.z - before[foot].z) * 3000;
        weights += weight;
      }
      before[foot].copy(at);
    }
  }
  return { slideCmS: slide / weights, lowest };
}

const BUILDS: [string, Build][] = [
  ['the reference person', {}],
  ['short legs, broad shoulders', { legs: 0.88, shoulders: 1.25, arms: 0.95 }],
  ['long legs, narrow shoulders', { legs: 1.15, shoulders: 0.8, arms: 1.05 }],
  ['VRM 0.x', { legs: 0.95, minusZ: true }],
  ['no chest, no shoulders', { lacks: ['chest', 'upperChest', 'leftShoulder', 'rightShoulder'] }],
];

describe.each(BUILDS)('puppet: %s', (_, build) => {
  test('feet stand on the floor and do not slide', () => {
    const standing = liveThrough(build, bodiesOf(sway, 240));
    expect(standing.slideCmS).toBeLessThan(0.2);
    expect(Math.abs(standing.lowest)).toBeLessThan(0.004);
    const walking = liveThrough(build, bodiesOf(walk(0.8), 240, { preset: 'side-by-side' }), 60);
    expect(walking.slideCmS).toBeLessThan(8);
    expect(walking.lowest).toBeGreaterThan(-0.006);
  });

  test('hands that meet in the motion meet on the character, in front of it', () => {
    const clasp: Mover = (f) => {
      for (const [side, s] of [
        ['left', 1],
        ['right', -1],
      ] as const) {
        addUpper(f, `${side}UpperArm`, 0.35, -0.25 * s, 0.12 * s);
        addUpper(f, `${side}LowerArm`, 0.1, -0.95 * s, 0);
      }
    };
    const bodies = bodiesOf(clasp, 60);
    const figure = new Figure();
    figure.pose(bodies, 59 * ROW);
    const apart = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
    const reference = apart(
      figure.positions.subarray(3 * JOINT.leftHand),
      figure.positions.subarray(3 * JOINT.rightHand),
    );
    const { character, place } = makeCharacter(build);
    new Puppet(character).apply(bodies, 59 * ROW, HOME, 1, 0, FULL);
    const [left, right] = [place('leftHand'), place('rightHand')];
    expect(Math.abs(apart(left.toArray(), right.toArray()) - reference)).toBeLessThan(0.045);
    expect(left.z).toBeGreaterThan(0.1);
    expect(left.y).toBeLessThan(place('neck').y - 0.15);
  });
});

describe('puppet', () => {
  test('keeps a hand out of the belly', () => {
    const into: Mover = (f) => {
      addUpper(f, 'rightUpperArm', 0.1, 0, -0.1);
      addUpper(f, 'rightLowerArm', 0, 1.5, 0);
    };
    const { character, place } = makeCharacter({ shoulders: 1.3 });
    new Puppet(character).apply(bodiesOf(into, 60), 59 * ROW, HOME, 1, 0, FULL);
    const [hand, spine] = [place('rightHand'), place('chest')];
    const half = 0.03 + 0.14 * 1.3;
    expect(Math.hypot((hand.x - spine.x) / (1.1 * half), (hand.z - spine.z) / (0.98 * half))).toBeGreaterThan(
      0.97,
    );
  });

  test('leaves nothing behind when procedural life takes over again', () => {
    const { character, bones } = makeCharacter();
    const pose = new Pose(character, 1);
    const life = new Life(1).pose;
    const stand = () => {
      pose.apply(life);
      return [...bones.values()].flatMap((bone) => [
        ...bone.quaternion.toArray(),
        ...bone.position.toArray(),
      ]);
    };
    const before = stand();
    const puppet = new Puppet(character);
    puppet.apply(bodiesOf(walk(), 90), 80 * ROW, HOME, 0.6, 0.5, FULL);
    expect(stand()).toEqual(before);
  });

  test.each([false, true])(
    'toes bend as far as the heel is up, on the floor only (VRM 0.x: %s)',
    (minusZ) => {
      const { character, bones } = makeCharacter({ minusZ });
      const puppet = new Puppet(character);
      const bendOf = (footRad: number, thighRad = 0) => {
        const bodies = bodiesOf(() => {}, 30);
        const at = 20 * ROW;
        bodies[at + EXP_AT[JOINT.leftFoot]] += footRad;
        bodies[at + EXP_AT[JOINT.leftUpperLeg]] += thighRad;
        puppet.apply(bodies, at, HOME, 1, 0, FULL);
        return (minusZ ? 1 : -1) * bones.get('leftToes')!.rotation.x;
      };
      expect(bendOf(0)).toBeLessThan(0.05);
      expect(bendOf(0.5)).toBeCloseTo(bendOf(0) + 0.5, 1);
      expect(bendOf(1.2)).toBeCloseTo(0.7);
      expect(bendOf(1.5, -1)).toBeCloseTo(0); // the foot is in the air
    },
  );

  test('shows less of the hands and the trunk when calm; the way is the same', () => {
    const busy: Mover = (f) => {
      addUpper(f, 'leftUpperArm', 0, -0.8, 0.9);
      addUpper(f, 'spine', 0.25);
      f.lower[1] = 0.002;
    };
    const bodies = bodiesOf(busy, 60);
    const turned = (intensity: typeof FULL) => {
      const { character, bones, place } = makeCharacter();
      new Puppet(character).apply(bodies, 59 * ROW, HOME, 1, 0, intensity);
      const upright = new Quaternion();
      return {
        spine: bones.get('spine')!.quaternion.angleTo(upright),
        hips: place('hips').z,
        hand: place('leftHand').z,
      };
    };
    const [full, calm] = [turned(FULL), turned(CALM)];
    expect(calm.spine).toBeLessThan(0.75 * full.spine);
    expect(calm.hand).toBeLessThan(full.hand - 0.05);
    expect(calm.hips).toBeCloseTo(full.hips);
  });

  test.each<[string, Build]>([
    ['all bones', {}],
    ['no neck', { lacks: ['neck'] }],
    ['no chest', { lacks: ['chest', 'upperChest'] }],
    ['VRM 0.x', { minusZ: true }],
  ])('head and trunk turn as far as they should, with %s', (_, build) => {
    const { character, bones } = makeCharacter(build);
    const pose = new Pose(character, 1);
    const still = { ...new Life(1).pose, breath: 0 };
    const turnOf = (bone: string, life: typeof still) => {
      pose.apply(life);
      const turn = new Quaternion();
      for (let at: Object3D | null = bones.get(bone)!; at && at.name !== 'scene'; at = at.parent)
        turn.premultiply(at.quaternion);
      return turn;
    };
    const angle = (bone: string, change: Partial<typeof still>) =>
      turnOf(bone, still).angleTo(turnOf(bone, { ...still, ...change }));
    expect(angle('head', { headYawRad: 0.4 })).toBeCloseTo(0.4, 1);
    expect(angle('head', { headPitchRad: 0.3 })).toBeCloseTo(0.3, 2);
    const chest = bones.has('upperChest') ? 'upperChest' : 'spine';
    expect(angle(chest, { chestYawRad: 0.2 })).toBeCloseTo(0.2, 2);
    if (bones.has('neck')) {
      const share = angle('neck', { headYawRad: 0.4 }) / 0.4;
      expect(share).toBeGreaterThan(0.3);
      expect(share).toBeLessThan(0.5);
    }
  });

  test('shows nothing of hands and trunk when still, and the more the higher the intensity', () => {
    const busy: Mover = (f, _, k) => {
      addUpper(f, 'leftUpperArm', 0, -0.5 * Math.sin(k / 7), 0.6 + 0.3 * Math.sin(k / 5));
      addUpper(f, 'rightLowerArm', 0, 0.5 * Math.cos(k / 6), 0);
      addUpper(f, 'spine', 0.2 * Math.sin(k / 8));
      f.upper[3 * UPPER_JOINTS.length + 1] = 0.5 + 0.4 * Math.sin(k / 4);
    };
    const bodies = bodiesOf(busy, 90);
    const moved = (bone: string, intensity: typeof FULL) => {
      const { character, bones } = makeCharacter();
      const puppet = new Puppet(character);
      puppet.apply(bodies, 40 * ROW, HOME, 1, 0, intensity);
      const before = bones.get(bone)!.quaternion.clone();
      let most = 0;
      for (let k = 41; k < 90; k++) {
        puppet.apply(bodies, k * ROW, HOME, 1, 0, intensity);
        most = Math.max(most, bones.get(bone)!.quaternion.angleTo(before));
      }
      return most;
    };
    const steps = [0, 0.25, 0.5, 0.75, 1];
    for (const [bone, region] of [
      ['leftUpperArm', 'hands'],
      ['rightLowerArm', 'hands'],
      ['leftIndexProximal', 'hands'],
      ['spine', 'body'],
    ] as const) {
      const moves = steps.map((step) => moved(bone, { ...FULL, [region]: step }));
      expect(moves[0], bone).toBeLessThan(1e-5);
      for (let i = 1; i < steps.length; i++) expect(moves[i], bone).toBeGreaterThan(moves[i - 1]!);
    }
    expect(moved('leftUpperArm', STILL)).toBeLessThan(1e-5);
  });

  test('breathes', () => {
    const { character, bones } = makeCharacter();
    const puppet = new Puppet(character);
    const bodies = bodiesOf(() => undefined, 9);
    const lift = (breath: number) => {
      puppet.apply(bodies, 8 * ROW, HOME, 1, breath, FULL);
      return bones.get('leftShoulder')!.quaternion.z;
    };
    expect(lift(1)).toBeGreaterThan(lift(0) + 0.01);
  });
});
